// Programs that others have written, as peers in tests.
#pragma once

#include "support/spawned_process.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace integration {

/// Every program of that name on the path, the first choice first.
[[nodiscard]] inline std::vector<std::string> find_programs(const std::string& name) {
    const char* const path = std::getenv("PATH");
    std::stringstream directories(path != nullptr ? path : "");
    std::vector<std::string> found;
    for (std::string each; std::getline(directories, each, ':');) {
        if (std::filesystem::exists(each + "/" + name)) {
            found.push_back(each + "/" + name);
        }
    }
    return found;
}

/// The first program that has one of these names; none: empty.
[[nodiscard]] inline std::string find_program(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        if (const std::vector<std::string> found = find_programs(name); !found.empty()) {
            return found.front();
        }
    }
    return {};
}

/// With NETWORK_NEEDS_PROGRAMS in the environment a test fails where its program is missing; it is
/// skipped otherwise.
[[nodiscard]] inline bool has_to_run() {
    return std::getenv("NETWORK_NEEDS_PROGRAMS") != nullptr;
}

#define SKIP_WITHOUT_PROGRAM(path, name)                                                  \
    if ((path).empty()) {                                                                 \
        ASSERT_FALSE(::integration::has_to_run()) << (name) << " is not on this machine"; \
        GTEST_SKIP() << (name) << " is not on this machine";                              \
    }

/// The first name is that of the program, the others are those it has elsewhere.
#define NEEDS_PROGRAM(variable, ...)                                         \
    const std::string variable = ::integration::find_program({__VA_ARGS__}); \
    SKIP_WITHOUT_PROGRAM(variable, std::vector<std::string>({__VA_ARGS__}).front())

/// What a program wrote to its standard output, line by line, and how it ended.
struct finished {
    int status = -1;
    std::string output;
};

/// Runs a program to its end, or, when it is told a line, until it has said that line too.
[[nodiscard]] inline finished run(const std::string& program, std::vector<std::string> arguments,
                                  const std::string& line = {}) {
    child_process child(program, std::move(arguments));
    if (!line.empty()) {
        child.tell(line);
    }
    finished result;
    while (const auto heard = child.hear()) {
        result.output += *heard + '\n';
        if (!line.empty() && heard->find(line) != std::string::npos) {
            break;  // the echo
        }
    }
    result.status = child.wait();
    return result;
}

}  // namespace integration
