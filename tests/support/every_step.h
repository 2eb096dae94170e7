// What the tests have in common that let a conversation fail at every step.
#pragma once

#include "session/conversation.h"

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

namespace network_system::inline v0_1::session {

/// They are written past the queue and read into their place.
inline const std::vector<std::size_t> large_messages{20'000, 3, 13'000, 70'000};

/// Every limit of reading with every limit of writing.
inline std::vector<conditions> all_limits(const std::vector<std::size_t>& reading,
                                          const std::vector<std::size_t>& writing,
                                          const std::vector<std::size_t>& sizes) {
    std::vector<conditions> all;
    for (const std::size_t read : reading) {
        for (const std::size_t write : writing) {
            all.push_back({read, write, sizes});
        }
    }
    return all;
}

inline std::vector<conditions> operator+(std::vector<conditions> some,
                                         const std::vector<conditions>& more) {
    some.insert(some.end(), more.begin(), more.end());
    return some;
}

inline std::ostream& operator<<(std::ostream& to, const conditions& how) {
    const auto limit = [](std::size_t value) {
        return value == unlimited ? std::string("all") : std::to_string(value);
    };
    return to << "read_" << limit(how.read_limit) << "_write_" << limit(how.write_limit)
              << (how.sizes == large_messages ? "_large" : "_small");
}

template <typename Conditions>
class every_step_test : public ::testing::TestWithParam<Conditions> {
protected:
    every_step_test() { set_log_level(log_level::off); }
    ~every_step_test() override { set_log_level(log_level::warning); }
};

/// Over the scripted stream itself, where every byte that is written is counted.
inline void fail_at_every_step_of_a_stream(const conditions& how, const make_session& sessions) {
    fail_at_every_step(
        how,
        [](std::shared_ptr<runtime::loop> where, scripted_stream stream, connection_role) {
            return std::make_shared<transport::stream_transport<scripted_stream>>(
                std::move(where), std::move(stream));
        },
        [](const conversation& whole) {
            for (const speaker* each : {&whole.client(), &whole.server()}) {
                ASSERT_EQ(each->host->totals.bytes_sent, each->script->written.size());
            }
        },
        sessions);
}

}  // namespace network_system::session
