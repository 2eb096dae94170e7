#pragma once

#include "framework/numbered_message.h"

#include <iostream>

namespace integration {

/// How one of many clients behaves. Each says which one it is in its first message.
enum class behaviour : std::uint8_t {
    /// Sends a message for every one it gets.
    busy,
    /// Never reads.
    deaf,
    /// Sends until it is refused; the server does not read it.
    unread,
    /// Neither side reads.
    stuck,
};

[[nodiscard]] inline behaviour behaviour_of(std::size_t number) {
    switch (number % 20) {
        case 0: return behaviour::deaf;
        case 1: return behaviour::unread;
        case 2: return behaviour::stuck;
        default: return behaviour::busy;
    }
}
[[nodiscard]] inline bool is_deaf(behaviour how) {
    return how == behaviour::deaf || how == behaviour::stuck;
}
[[nodiscard]] inline bool is_unread(behaviour how) {
    return how == behaviour::unread || how == behaviour::stuck;
}

/// What a client received in the end, as one line of text.
struct client_report {
    std::size_t number = 0;
    std::uint64_t received = 0;
    std::uint64_t wrong = 0;
};

inline std::ostream& operator<<(std::ostream& to, const client_report& report) {
    return to << report.number << ' ' << report.received << ' ' << report.wrong;
}
inline std::istream& operator>>(std::istream& from, client_report& report) {
    return from >> report.number >> report.received >> report.wrong;
}

class load_client {
public:
    load_client(std::size_t number, const client_options& options)
        : number_(number), how_(behaviour_of(number)), client_("load", options) {
        (void)client_.set_receive_callback([this](std::span<const std::uint8_t> message) {
            from_server_.take(message);
            (void)client_.send_packet(message);  // refused when it is full: one fewer under way
        });
    }

    [[nodiscard]] bool connect(std::uint16_t port) {
        return client_.start_client("127.0.0.1", port).is_ok();
    }
    void begin() {
        if (is_deaf(how_)) {
            (void)client_.pause_receiving();
        }
        (void)client_.send_packet(
            std::span<const std::uint8_t>(numbered_message(number_, number_size)));
        if (is_unread(how_)) {
            while (client_.send_packet(pattern(4000))) {}
        } else if (how_ == behaviour::busy) {
            for (int i = 0; i < 4; ++i) {
                (void)client_.send_packet(pattern(200));
            }
        }
    }

    /// Once the server has ended the connection.
    [[nodiscard]] client_report report() {
        (void)client_.resume_receiving();  // the deaf ones learn that it is over
        (void)client_.wait_for_stop();
        return {number_, from_server_.received(), from_server_.wrong()};
    }

private:
    const std::size_t number_;
    const behaviour how_;
    numbered_receiver from_server_;
    messaging_client client_;
};

/// The process of the clients: connects them, lets them loose, says "ready", and at a line on its
/// input answers with a report of each.
inline int run_load_clients(std::uint16_t port, std::size_t count) {
    client_options options;
    options.session.high_watermark = std::size_t{64} * 1024;
    options.session.low_watermark = std::size_t{16} * 1024;
    options.socket.receive_buffer_size = 16 * 1024;
    std::vector<std::unique_ptr<load_client>> clients;
    for (std::size_t i = 0; i < count; ++i) {
        clients.push_back(std::make_unique<load_client>(i, options));
        if (!clients.back()->connect(port)) {
            return 1;
        }
    }
    for (const auto& each : clients) {
        each->begin();
    }
    std::cout << "ready" << std::endl;
    std::string line;
    std::getline(std::cin, line);
    for (const auto& each : clients) {
        std::cout << each->report() << '\n';
    }
    std::cout << std::flush;
    return 0;
}

}  // namespace integration
