// A whole conversation of two WebSockets, with a failure at step 0, 1, 2 … until it runs through.
#include "session/conversation.h"
#include "session/websocket_session.h"

namespace network_system::session {
namespace {

std::shared_ptr<stream_session> make_websocket(std::shared_ptr<transport::transport> over,
                                               std::shared_ptr<session_host> host,
                                               const session_setup& setup) {
    auto terms = std::make_shared<websocket_terms>();
    terms->asks.host = "localhost";
    return std::make_shared<websocket_session>(std::move(over), std::move(host), setup,
                                               std::move(terms));
}

class websocket_fail_every_step : public ::testing::TestWithParam<conditions> {
protected:
    websocket_fail_every_step() { set_log_level(log_level::off); }
    ~websocket_fail_every_step() override { set_log_level(log_level::warning); }
};

TEST_P(websocket_fail_every_step, the_books_balance) {
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
        },
        true, make_websocket);
}

const std::vector<std::size_t> small{1, 40, 126};
const std::vector<std::size_t> large{20'000, 3, 13'000, 70'000};

INSTANTIATE_TEST_SUITE_P(
    limits, websocket_fail_every_step,
    ::testing::Values(conditions{3, 7, small}, conditions{unlimited, 5, small},
                      conditions{7, unlimited, small}, conditions{unlimited, unlimited, small},
                      conditions{6000, 5000, large}, conditions{unlimited, 16'000, large},
                      conditions{6000, unlimited, large}, conditions{unlimited, unlimited, large}));

}  // namespace
}  // namespace network_system::session
