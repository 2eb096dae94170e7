// Servers and clients that start, talk, stop, restart and end in any order, on many threads and in
// each other's callbacks. NETWORK_TEST_SEED repeats the choices of a run, NETWORK_TEST_ROUNDS
// makes it longer; the interleaving is the machine's.
#include "loopback/churn.h"

#include <cstdlib>
#include <iostream>

namespace loopback {
namespace {

[[nodiscard]] std::uint32_t number_from(const char* variable, std::uint32_t otherwise) {
    const char* const text = std::getenv(variable);
    return text != nullptr ? static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10))
                           : otherwise;
}

class Churn : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Threads, Churn, testing::Values(0, 1, 3), [](const auto& each) {
    return each.param == 0 ? std::string("own") : "io_context_of_" + std::to_string(each.param);
});

TEST_P(Churn, NothingSurvivesItsStopAndNothingIsLost) {
    const std::uint32_t seed = number_from("NETWORK_TEST_SEED", std::random_device{}());
    const std::uint32_t rounds = number_from("NETWORK_TEST_ROUNDS", 1);
    for (std::uint32_t round = 0; round < rounds; ++round) {
        std::cout << "NETWORK_TEST_SEED=" << seed + round << std::endl;  // before a crash, too
        SCOPED_TRACE("seed " + std::to_string(seed + round));
        churn_world world(seed + round, GetParam());
        std::vector<std::thread> actors;
        for (std::uint32_t actor = 0; actor < 4; ++actor) {
            actors.emplace_back([&, actor] {
                dice rolls(seed + round + actor * 7919);
                for (std::size_t i = 0; i < scaled(4000); ++i) {
                    world.act(rolls);
                }
            });
        }
        for (auto& each : actors) {
            each.join();
        }
        world.end();
    }
}

}  // namespace
}  // namespace loopback
