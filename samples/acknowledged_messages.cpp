// Messages that are acknowledged: a connection breaks in the middle, and each is delivered once.

#include "sample.h"

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/session/delivery.h>
#include <network_system/utils/log.h>

#include <cstdint>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace network_system;
using core::client_options;
using core::messaging_client;
using core::messaging_server;

/// What was sent and not acknowledged, the oldest first.
class unacknowledged_messages {
public:
    void add(std::uint64_t id, std::string text) {
        const std::lock_guard lock(mutex_);
        texts_.emplace(id, std::move(text));
    }
    void erase(std::uint64_t id) {
        const std::lock_guard lock(mutex_);
        if (texts_.erase(id) > 0 && texts_.empty()) {
            done_.set_value();
        }
    }
    [[nodiscard]] std::map<std::uint64_t, std::string> all() const {
        const std::lock_guard lock(mutex_);
        return texts_;
    }
    [[nodiscard]] std::future<void> done() { return done_.get_future(); }

private:
    mutable std::mutex mutex_;
    std::map<std::uint64_t, std::string> texts_;
    std::promise<void> done_;
};

void deliver_each_once() {
    messaging_server server("ledger");
    std::vector<std::string> ledger;
    bool has_failed = false;
    // [readme:delivery_server]
    server.set_receive_callback([&](const auto& session, std::span<const std::uint8_t> data) {
        const std::string text(data.begin(), data.end());
        if (text == "second" && !std::exchange(has_failed, true)) {
            // Not taken: the session is closed, and the message comes again.
            throw std::runtime_error("the disk is full");
        }
        const delivery_info info = session->current_delivery();
        ledger.push_back(std::to_string(info.id) + ": " + text);
    });
    // [/readme:delivery_server]
    sample::require(server.start_server(0), "start of the server");

    unacknowledged_messages unacknowledged;
    auto done = unacknowledged.done();
    unacknowledged.add(1, "first");
    unacknowledged.add(2, "second");
    unacknowledged.add(3, "third");

    // [readme:delivery_client]
    client_options options;
    options.delivery = std::make_shared<session::delivery_sender>();  // a random identity
    messaging_client client("meter", options);
    client.set_acknowledged_callback([&](std::uint64_t id, std::error_code error) {
        // No error: taken. Else refused, and not delivered.
        std::cout << id << (error ? ": " + error.message() : " is taken") << '\n';
        unacknowledged.erase(id);
    });
    client.set_connected_callback([&](const auto& session) {
        for (const auto& [id, text] : unacknowledged.all()) {  // the oldest first
            (void)session->send_with_id(text, id);
        }
    });
    // [/readme:delivery_client]
    std::promise<void> broken;
    client.set_disconnected_callback([&] { broken.set_value(); });

    sample::require(client.start_client("localhost", server.local_port()), "the first connection");
    sample::await(broken.get_future(), "the end of the first connection");
    broken = {};
    sample::require(client.start_client("localhost", server.local_port()), "the second connection");
    sample::await(std::move(done), "the acknowledgements");
    client.stop_client();
    server.stop_server();

    for (const std::string& line : ledger) {
        std::cout << line << '\n';
    }
    sample::expect(ledger == std::vector<std::string>{"1: first", "2: second", "3: third"},
                   "each message is delivered once");
}

}  // namespace

int main() {
    set_log_level(log_level::off);
    return sample::run(deliver_each_once);
}
