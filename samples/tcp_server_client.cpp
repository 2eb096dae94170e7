// Several clients push more than the network takes at once: what backpressure looks like, how the
// writable callback resumes a sender, a broadcast, a graceful stop, and the accounting at the end.

#include "sample.h"

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <future>
#include <iomanip>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace network_system;
using core::messaging_client;
using core::messaging_server;

constexpr int client_count = 4;
constexpr std::uint32_t messages_per_client = 20'000;
constexpr std::size_t message_size = 4096;

core::client_options small_queue() {
    core::client_options options;
    options.session.high_watermark = std::size_t{256} * 1024;
    options.session.low_watermark = std::size_t{64} * 1024;
    return options;
}

/// Sends its messages as fast as its queue allows. `pump` runs inside the client's callbacks
/// only, which never overlap: no lock is needed.
class sender {
public:
    explicit sender(int number) : client_("client-" + std::to_string(number), small_queue()) {
        // [readme:backpressure]
        client_.set_connected_callback([this] { pump(); });
        client_.set_writable_callback([this] { pump(); });
        // [/readme:backpressure]
        client_.set_receive_callback([this](std::span<const std::uint8_t> message) {
            on_message(sample::text_of(message));
        });
        client_.set_disconnected_callback([this] { was_disconnected_ = true; });
    }

    void start(std::uint16_t port) {
        sample::require(client_.start_client("127.0.0.1", port), "start_client");
    }
    std::string wait_for_reply() { return sample::await(reply_.get_future(), "the reply"); }
    std::string wait_for_news() { return sample::await(news_.get_future(), "the broadcast"); }
    void wait_for_stop() { sample::require(client_.wait_for_stop(), "wait_for_stop"); }

    [[nodiscard]] core::client_metrics metrics() const { return client_.metrics(); }
    [[nodiscard]] const std::string& name() const { return client_.client_id(); }
    [[nodiscard]] std::uint32_t resumed() const { return resumed_; }
    [[nodiscard]] bool was_disconnected() const { return was_disconnected_; }
    [[nodiscard]] bool failed() const { return failed_; }

private:
    // [readme:pump]
    void pump() {
        ++resumed_;
        while (next_ < messages_per_client) {
            message_[0] = next_ + 1 == messages_per_client ? 'L' : 'm';  // the last one says so
            const auto sent = client_.send_packet(std::span<const std::uint8_t>(message_));
            if (!sent && sent.error().code == static_cast<int>(errc::send_buffer_full)) {
                return;  // nothing was queued; the writable callback goes on from here
            }
            if (!sent) {
                std::cerr << sent.error().message << '\n';
                failed_ = true;
                return;
            }
            ++next_;
        }
    }
    // [/readme:pump]

    void on_message(std::string text) {
        (text.starts_with("counted") ? reply_ : news_).set_value(std::move(text));
    }

    std::array<std::uint8_t, message_size> message_{};
    std::uint32_t next_ = 0;
    std::uint32_t resumed_ = 0;
    std::atomic<bool> failed_{false};
    std::atomic<bool> was_disconnected_{false};
    std::promise<std::string> reply_;
    std::promise<std::string> news_;
    // Last, so that it is gone, and with it every callback, before what the callbacks use.
    messaging_client client_;
};

void count_message(const messaging_server::session_ptr& session,
                   std::span<const std::uint8_t> message) {
    const auto count = session->user_data_as<std::uint64_t>();
    ++*count;
    if (message[0] == 'L') {
        if (const auto sent = session->send_packet("counted " + std::to_string(*count)); !sent) {
            std::cerr << sent.error().message << '\n';
        }
    }
}

void print_accounting(const std::vector<std::unique_ptr<sender>>& senders,
                      const core::server_metrics& served) {
    std::cout << std::setw(10) << "" << std::setw(12) << "sent" << std::setw(12) << "received"
              << std::setw(12) << "refused" << std::setw(12) << "dropped" << '\n';
    const auto row = [](const std::string& name, const session::session_metrics& all) {
        std::cout << std::setw(10) << std::left << name << std::right << std::setw(12)
                  << all.messages_sent << std::setw(12) << all.messages_received << std::setw(12)
                  << all.sends_rejected << std::setw(12) << all.messages_dropped << '\n';
    };
    for (const auto& each : senders) {
        row(each->name(), each->metrics().totals);
    }
    row("server", served.totals);
}

/// Without an error, everything handed over on one side has arrived on the other.
void check_accounting(const std::vector<std::unique_ptr<sender>>& senders,
                      const core::server_metrics& served) {
    session::session_metrics clients;
    for (const auto& each : senders) {
        const core::client_metrics all = each->metrics();
        clients.messages_sent += all.totals.messages_sent;
        clients.messages_received += all.totals.messages_received;
        clients.sends_rejected += all.totals.sends_rejected;
        clients.messages_dropped += all.totals.messages_dropped;
        sample::expect(all.session_errors == 0, each->name() + " ended without an error");
    }
    sample::expect(clients.messages_sent == std::uint64_t{client_count} * messages_per_client,
                   "the clients handed over every message");
    sample::expect(served.totals.messages_received == clients.messages_sent,
                   "the server received what the clients sent");
    sample::expect(clients.messages_received == served.totals.messages_sent,
                   "the clients received what the server sent");
    sample::expect(clients.sends_rejected > 0, "backpressure was felt");
    sample::expect(clients.messages_dropped == 0 && served.totals.messages_dropped == 0,
                   "nothing accepted was lost");
    sample::expect(served.session_errors == 0 && served.connections_active == 0,
                   "the server ended without errors and without connections");
}

void show() {
    messaging_server server("collector");
    server.set_connection_callback([](const messaging_server::session_ptr& session) {
        session->set_user_data(std::make_shared<std::uint64_t>(0));
    });
    server.set_receive_callback(count_message);
    sample::require(server.start_server(0), "start_server");
    std::cout << "server listening on port " << server.local_port() << '\n';

    std::vector<std::unique_ptr<sender>> senders;
    for (int i = 1; i <= client_count; ++i) {
        senders.push_back(std::make_unique<sender>(i));
        senders.back()->start(server.local_port());
    }
    std::cout << client_count << " clients connected; each sends " << messages_per_client
              << " messages of " << message_size << " bytes\n";

    for (const auto& each : senders) {
        const std::string reply = each->wait_for_reply();
        sample::expect(!each->failed(), "every send was accepted or refused as full");
        sample::expect(reply == "counted " + std::to_string(messages_per_client),
                       "the server counted every message of " + each->name());
        std::cout << each->name() << ": server " << reply << "; sending was resumed "
                  << each->resumed() - 1 << " times by the writable callback\n";
    }

    // [readme:broadcast]
    const auto told = server.broadcast("the server is about to stop");
    if (!told) {
        std::cerr << "Failed to broadcast: " << told.error().message << '\n';
    } else {
        std::cout << "broadcast to " << told.value().receivers
                  << " clients: " << told.value().queued << " queued, " << told.value().dropped
                  << " dropped, " << told.value().closed << " closing\n";
    }
    // [/readme:broadcast]
    sample::expect(told.is_ok() && told.value().queued == client_count, "all clients were told");

    // At once: what is queued is still delivered before the connections end.
    sample::require(server.stop_server(), "stop_server");
    std::cout << "server stopped\n";
    for (const auto& each : senders) {
        each->wait_for_stop();
        sample::expect(each->wait_for_news() == "the server is about to stop",
                       each->name() + " heard the broadcast");
        sample::expect(each->was_disconnected(), each->name() + " was told of the end");
    }
    const core::server_metrics served = server.metrics();
    print_accounting(senders, served);
    check_accounting(senders, served);
    std::cout << "everything that was accepted arrived\n";
}

}  // namespace

int main() {
    return sample::run(show);
}
