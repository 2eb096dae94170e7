// Runs a fuzz target over the files of its corpus (and over the empty input) without a fuzzer.
//
//   fuzz_replay NAME DIRECTORY...

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

// Each file's LLVMFuzzerTestOneInput is compiled under the name of its target.
#define REPLAY(name) extern "C" int replay_##name(const std::uint8_t* data, std::size_t size);
#include "replay_names.inc"
#undef REPLAY

namespace {

using target = int (*)(const std::uint8_t* data, std::size_t size);

target find(std::string_view wanted) {
#define REPLAY(name)          \
    if (wanted == #name) {    \
        return replay_##name; \
    }
#include "replay_names.inc"
#undef REPLAY
    return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
    const target run_target = find(argc > 1 ? argv[1] : "");
    if (run_target == nullptr || argc < 3) {
        std::fprintf(stderr, "usage: fuzz_replay NAME DIRECTORY..., NAME one of:\n"
#define REPLAY(name) " " #name
#include "replay_names.inc"
#undef REPLAY
                             "\n");
        return 1;
    }
    std::size_t inputs = 0;
    const auto run = [&](const std::vector<char>& bytes) {
        run_target(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        ++inputs;
    };

    run({});
    for (int i = 2; i < argc; ++i) {
        if (!std::filesystem::is_directory(argv[i])) {
            std::fprintf(stderr, "no such corpus: %s\n", argv[i]);
            return 1;
        }
        for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
            std::ifstream file(entry.path(), std::ios::binary);
            run({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
        }
    }
    std::printf("%zu inputs replayed\n", inputs);
    return inputs > 1 ? 0 : 1;  // a corpus without files proves nothing
}
