// A whole conversation of two WebSockets, with a failure at step 0, 1, 2 … until it runs through.
#include "support/every_step.h"

#include "websocket/session.h"

namespace network_system::inline v0_1::session {
namespace {

std::shared_ptr<messaging_session> make_websocket(std::shared_ptr<transport::transport> over,
                                                  std::shared_ptr<recording_host> host,
                                                  const session_setup& setup) {
    auto settings = std::make_shared<websocket_settings>();
    settings->asks.host = "localhost";
    websocket_host& hooks = *host;
    return std::make_shared<websocket_session>(std::move(over), std::move(host), hooks, setup,
                                               std::move(settings));
}

using websocket_fail_every_step = every_step_test<conditions>;

TEST_P(websocket_fail_every_step, the_books_balance) {
    fail_at_every_step_of_a_stream(GetParam(), make_websocket);
}

const std::vector<std::size_t> small{1, 40, 126};

INSTANTIATE_TEST_SUITE_P(limits, websocket_fail_every_step,
                         ::testing::Values(conditions{3, 7, small}, conditions{unlimited, 5, small},
                                           conditions{7, unlimited, small},
                                           conditions{unlimited, unlimited, small},
                                           conditions{6000, 5000, large_messages},
                                           conditions{unlimited, 16'000, large_messages},
                                           conditions{6000, unlimited, large_messages},
                                           conditions{unlimited, unlimited, large_messages}),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace network_system::session
