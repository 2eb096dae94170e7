// Servers and clients that start, talk, stop, restart and end in any order, on many threads and in
// each other's callbacks. NETWORK_TEST_SEED repeats the choices of a run, NETWORK_TEST_ROUNDS
// makes it longer; the interleaving is the machine's.
#include "framed/churn_world.h"

#include <iostream>

namespace loopback {
namespace {

class churn_test : public testing::TestWithParam<churn_setting> {};

[[nodiscard]] std::string name_of_setting(const testing::TestParamInfo<churn_setting>& info) {
    constexpr std::array names{"own_threads",         "callback_pool",    "shared_context_of_1",
                               "shared_context_of_3", "private_contexts", "mixed"};
    return names.at(static_cast<std::size_t>(info.param));
}
INSTANTIATE_TEST_SUITE_P(on, churn_test,
                         testing::Values(churn_setting::own_threads, churn_setting::callback_pool,
                                         churn_setting::shared_context_of_1,
                                         churn_setting::shared_context_of_3,
                                         churn_setting::private_contexts, churn_setting::mixed),
                         name_of_setting);

TEST_P(churn_test, nothing_survives_its_stop_and_nothing_is_lost) {
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
                for (std::size_t i = 0; i < scaled(12'000); ++i) {
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
