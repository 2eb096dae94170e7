// Runs the samples that lie beside this program and reports which failed.
//
//   run_all_samples [SECONDS]      how long quickstart takes for each protocol; default: as it does

#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace {

/// All others in this directory; the build knows them.
std::vector<std::string> sample_names() {
    std::istringstream names(SAMPLE_NAMES);
    return {std::istream_iterator<std::string>(names), std::istream_iterator<std::string>()};
}

struct outcome {
    std::string name;
    bool passed = false;
    double seconds = 0;
};

std::filesystem::path program(const std::filesystem::path& directory, const std::string& name) {
#ifdef _WIN32
    return directory / (name + ".exe");
#else
    return directory / name;
#endif
}

outcome run(const std::filesystem::path& directory, const std::string& name,
            const std::string& argument) {
    std::cout << "\n==> " << name << std::endl;  // flushed: the child writes to the same place
    std::string command = "\"" + program(directory, name).string() + "\"";
    if (!argument.empty()) {
        command += " \"" + argument + "\"";
    }
#ifdef _WIN32
    command = "\"" + command + "\"";  // cmd.exe takes the outer quotes off
#endif
    const auto begin = std::chrono::steady_clock::now();
    // NOLINTNEXTLINE(concurrency-mt-unsafe): this program has one thread.
    const int status = std::system(command.c_str());
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
    return {name, status == 0, elapsed.count()};
}

int run_all(const std::filesystem::path& directory, const std::string& seconds) {
    std::vector<outcome> outcomes;
    for (const std::string& name : sample_names()) {
        outcomes.push_back(run(directory, name, name == "quickstart" ? seconds : std::string()));
    }
    std::cout << "\n==> summary\n" << std::fixed << std::setprecision(1);
    int failures = 0;
    for (const outcome& each : outcomes) {
        std::cout << (each.passed ? "passed  " : "FAILED  ") << std::left << std::setw(20)
                  << each.name << std::right << std::setw(6) << each.seconds << " s\n";
        failures += each.passed ? 0 : 1;
    }
    std::cout << outcomes.size() - static_cast<std::size_t>(failures) << " of " << outcomes.size()
              << " samples passed\n";
    return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        // The directory this program was started from, however it was named.
        const std::filesystem::path self = argc > 0 ? argv[0] : "run_all_samples";
        const std::string seconds = argc > 1 ? argv[1] : "";
        if (argc > 2 || seconds.find_first_not_of("0123456789.") != std::string::npos) {
            std::cerr << "usage: run_all_samples [SECONDS]\n";
            return 2;
        }
        return run_all(std::filesystem::absolute(self).parent_path(), seconds);
    } catch (const std::exception& failure) {
        std::cerr << "run_all_samples: " << failure.what() << '\n';
        return 1;
    }
}
