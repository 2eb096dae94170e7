// A whole conversation of a client and a server, with a failure at step 0, 1, 2 … until it runs
// through: whatever fails when, the books of both sides balance.
#include "session/conversation.h"

namespace network_system::session {
namespace {

class session_fail_every_step : public ::testing::TestWithParam<conditions> {
protected:
    session_fail_every_step() { set_log_level(log_level::off); }
    ~session_fail_every_step() override { set_log_level(log_level::warning); }
};

TEST_P(session_fail_every_step, the_books_balance) {
    fail_at_every_step(
        GetParam(),
        [](std::shared_ptr<runtime::loop> where, scripted_stream stream, session_role) {
            return std::make_shared<transport::stream_transport<scripted_stream>>(
                std::move(where), std::move(stream));
        },
        [](const conversation& whole) {
            for (const speaker* each : {&whole.client(), &whole.server()}) {
                ASSERT_EQ(each->host->totals.bytes_sent, each->script->written.size());
            }
        });
}

// The small limits split every frame; the large messages are written past the queue and read into
// their place.
const std::vector<std::size_t> small{1, 40, 12};
const std::vector<std::size_t> large{20'000, 3, 13'000, 70'000};

std::vector<conditions> all_conditions() {
    std::vector<conditions> all;
    for (const std::size_t read :
         {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, unlimited}) {
        for (const std::size_t write :
             {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, unlimited}) {
            all.push_back({read, write, small});
        }
    }
    for (const std::size_t read : {std::size_t{6000}, unlimited}) {
        for (const std::size_t write : {std::size_t{5000}, std::size_t{16'000}, unlimited}) {
            all.push_back({read, write, large});
        }
    }
    return all;
}

std::string name_of(const ::testing::TestParamInfo<conditions>& info) {
    const auto limit = [](std::size_t value) {
        return value == unlimited ? std::string("all") : std::to_string(value);
    };
    return "read_" + limit(info.param.read_limit) + "_write_" + limit(info.param.write_limit) +
           (info.param.sizes == large ? "_large" : "_small");
}

INSTANTIATE_TEST_SUITE_P(limits, session_fail_every_step, ::testing::ValuesIn(all_conditions()),
                         name_of);

}  // namespace
}  // namespace network_system::session
