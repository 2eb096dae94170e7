// A browser as the peer: it shows a page that the server has served, and the page talks to the
// server and tells by close codes what it saw. Runs where there is a Chromium or a Chrome.
#include "support/loopback.h"
#include "support/programs.h"
#include "support/scratch_directory.h"
#include "websocket/real_peers.h"

#include <fstream>
#include <iterator>

namespace websocket_peers {
namespace {

using namespace loopback;

/// A browser without a window, which shows one page until its input ends, so at the latest with
/// this process.
class browser {
public:
    browser(const std::string& program, const std::string& url)
        : process_("/bin/sh",
                   {"-c", R"(export HOME="$0" TMPDIR="$0"; "$@" 2>&1 & cat; kill $!; wait $!)",
                    directory_.file(""), program, "--headless=new", "--no-sandbox", "--disable-gpu",
                    "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run",
                    "--no-proxy-server", "--ignore-certificate-errors",
                    "--user-data-dir=" + directory_.file("profile"), url}) {}
    browser(const browser&) = delete;
    browser& operator=(const browser&) = delete;
    ~browser() { (void)stop(); }

    /// What it wrote until the last of its processes, which all share an output, was gone.
    std::string stop() {
        (void)process_.wait();
        std::string output;
        while (const auto line = process_.hear()) {
            output += *line + '\n';
        }
        return output;
    }

private:
    scratch_directory directory_;
    integration::child_process process_;
};

class browser_as_websocket_peer : public testing::TestWithParam<std::string> {};

TEST_P(browser_as_websocket_peer, says_that_all_is_well) {
    NEEDS_PROGRAM(program, "chromium", "chromium-browser", "google-chrome")
    const carrier over = carrier::of(GetParam());
    std::ifstream file(WEBSOCKET_TESTS_DIRECTORY "/peers/browser.html");
    const std::string page(std::istreambuf_iterator<char>(file), {});
    messaging_ws_server server("echo");
    collector<closed_as> closed;
    echo_all(server);
    ASSERT_TRUE(is_ok(server.set_http_callback(
        [&](const auto& request, const auto&, network_system::http_response& answer) {
            if (request.path() == "/") {
                answer = {200, {{"Content-Type", "text/html; charset=utf-8"}}, page};
            }
        })));
    ASSERT_TRUE(is_ok(server.set_disconnection_callback(
        [&](const std::string&, ws_close_code code, std::string_view reason) {
            closed.add({static_cast<unsigned>(code), std::string(reason)});
        })));
    ASSERT_TRUE(is_ok(server.start_server(over.server_config())));

    browser shown(program, over.url("http", server.local_port()) + "/");
    ASSERT_TRUE(closed.wait_for(2, 2 * patience)) << shown.stop();
    EXPECT_EQ(closed.at(0), (closed_as{4001, "4 the same"}));
    // A close is answered with its code alone.
    EXPECT_EQ(closed.at(1), (closed_as{4002, "4001  clean"}));
    EXPECT_TRUE(is_ok(server.stop_server()));
}

INSTANTIATE_TEST_SUITE_P(all, browser_as_websocket_peer, testing::ValuesIn(carriers()),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace websocket_peers
