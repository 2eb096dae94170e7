// Every place in which the library runs code of the user, and peers that make it get there.
#pragma once

#include "support/loopback.h"

#include <array>
#include <atomic>
#include <tuple>

namespace loopback {

enum class place : std::uint8_t {
    connection,
    receive,
    completion,
    writable,
    error,
    disconnection,
    // Clients only.
    started,
    pong,
};

[[nodiscard]] inline std::string name_of(place where) {
    switch (where) {
        case place::connection: return "connection";
        case place::receive: return "receive";
        case place::completion: return "completion";
        case place::writable: return "writable";
        case place::error: return "error";
        case place::disconnection: return "disconnection";
        case place::started: return "started";
        case place::pong: return "pong";
    }
    return "unknown";
}

/// Acts once, in one place, and counts all visits after that.
class visitor {
public:
    visitor(place where, std::function<void()> act) : where_(where), act_(std::move(act)) {}

    void visit(place here) {
        if (has_acted_) {
            ++later_visits_;
        } else if (here == where_) {
            has_acted_ = true;
            act_();
            acted_.add();
        }
    }
    [[nodiscard]] bool wait() const { return acted_.wait_for(1); }
    [[nodiscard]] int later_visits() const { return later_visits_; }

private:
    const place where_;
    const std::function<void()> act_;
    std::atomic<bool> has_acted_{false};
    std::atomic<int> later_visits_{0};
    event_counter acted_;
};

using visitor_ptr = std::shared_ptr<visitor>;

/// So low that the second message queued in a callback is refused.
inline void lower_marks(network_system::session_config& config) {
    config.high_watermark = 1000;
    config.low_watermark = 100;
}

/// A message is accepted, a later one refused: the completion and the writable callback follow. On
/// the I/O thread it is the second; on a pool's thread the loop may write, or close, meanwhile.
template <typename Sender>
void send_until_refused(Sender& sender, const visitor_ptr& guest) {
    auto sent = sender.send_packet(std::span<const std::uint8_t>(pattern(900)),
                                   [guest](VoidResult) { guest->visit(place::completion); });
    if (!sent) {
        return;
    }
    for (int more = 0; sent && more < 10'000; ++more) {
        sent = sender.send_packet(std::span<const std::uint8_t>(pattern(900)));
    }
    if (!fails_with(sent, errc::connection_closed)) {
        EXPECT_TRUE(fails_with(sent, errc::send_buffer_full));
    }
}

/// The callbacks know nothing but the guest: the server may end in any of them.
inline void receive_guest(messaging_server& server, const visitor_ptr& guest) {
    (void)server.set_connection_callback(
        [guest](const session_ptr&) { guest->visit(place::connection); });
    (void)server.set_receive_callback(
        [guest](const session_ptr& session, std::span<const std::uint8_t>) {
            send_until_refused(*session, guest);
            guest->visit(place::receive);
        });
    (void)server.set_writable_callback(
        [guest](const session_ptr&) { guest->visit(place::writable); });
    (void)server.set_error_callback(
        [guest](const session_ptr&, std::error_code) { guest->visit(place::error); });
    (void)server.set_disconnection_callback(
        [guest](const std::string&) { guest->visit(place::disconnection); });
}

inline void receive_guest(messaging_client& client, const visitor_ptr& guest) {
    (void)client.set_connected_callback([guest] { guest->visit(place::connection); });
    (void)client.set_receive_callback([guest, &client](std::span<const std::uint8_t>) {
        (void)client.ping([guest](auto) { guest->visit(place::pong); });
        send_until_refused(client, guest);
        guest->visit(place::receive);
    });
    (void)client.set_writable_callback([guest] { guest->visit(place::writable); });
    (void)client.set_error_callback([guest](std::error_code) { guest->visit(place::error); });
    (void)client.set_disconnected_callback([guest] { guest->visit(place::disconnection); });
}

/// A client that takes a server through all its places, as far as it lets itself be taken.
inline void visit_server(std::uint16_t port) {
    raw_peer peer = raw_peer::connect(port);
    (void)peer.send(frame_of(type_data, pattern(10)));
    (void)peer.receive_frame_of(type_data);
    (void)peer.send(frame_of(10, {}));
    (void)peer.drain();
}

/// The same for one connection of a client.
inline void visit_client(const raw_listener& listener) {
    raw_peer peer = listener.accept();
    (void)peer.send(hello_frame());
    (void)peer.send(frame_of(type_data, pattern(10)));
    bool was_asked = false;
    bool was_answered = false;
    while (!was_asked || !was_answered) {
        const auto frame = peer.receive_frame();
        if (!frame || frame->type == type_goodbye) {
            break;
        }
        was_asked = was_asked || frame->type == type_ping;
        was_answered = was_answered || frame->type == type_data;
        if (frame->type == type_ping) {
            (void)peer.send(frame_of(type_pong, frame->payload));
        }
    }
    (void)peer.send(frame_of(10, {}));
    (void)peer.drain();
}

class AnyPlace : public testing::TestWithParam<std::tuple<place, readiness>> {
protected:
    [[nodiscard]] static place where() { return std::get<0>(GetParam()); }
    [[nodiscard]] static server_options for_server() {
        server_options options;
        options.readiness_method = std::get<1>(GetParam());
        lower_marks(options.session);
        return options;
    }
    [[nodiscard]] static client_options for_client() {
        client_options options;
        options.readiness_method = std::get<1>(GetParam());
        lower_marks(options.session);
        return options;
    }
};

inline constexpr std::array places_of_server{place::connection, place::receive,
                                             place::completion, place::writable,
                                             place::error,      place::disconnection};

inline constexpr std::array places_of_client{
    place::connection, place::receive,       place::completion, place::writable,
    place::error,      place::disconnection, place::started,    place::pong};

[[nodiscard]] inline auto server_places() {
    return testing::Combine(testing::ValuesIn(places_of_server), both_methods());
}

[[nodiscard]] inline auto client_places() {
    return testing::Combine(testing::ValuesIn(places_of_client), both_methods());
}

[[nodiscard]] inline std::string place_of(
    const testing::TestParamInfo<std::tuple<place, readiness>>& info) {
    return name_of(std::get<0>(info.param)) + "_" + readiness_name(std::get<1>(info.param));
}

/// A server under load is stopped: no callback of its runs any more.
inline void expect_no_callback_after_stop(const server_options& options) {
    test_server server(options);
    watchman gate;
    server.on_connect = [&](const session_ptr&) { gate.pass(); };
    server.on_disconnect = [&](const std::string&) { gate.pass(); };
    server.on_error = [&](const session_ptr&, std::error_code) { gate.pass(); };
    server.on_receive = [&](const session_ptr& session, std::span<const std::uint8_t> data) {
        (void)session->send_packet(data, [&](VoidResult) { gate.pass(); });
        gate.pass();
    };
    const auto port = server.start();
    std::vector<raw_peer> peers;
    for (int i = 0; i < 8; ++i) {
        peers.push_back(raw_peer::connect(port));
        ASSERT_TRUE(peers.back().send(frame_of(type_data, pattern(10))));
    }
    ASSERT_TRUE(gate.wait_for(16));
    std::thread traffic([&] {
        for (int i = 0; i < 2000; ++i) {
            (void)peers[static_cast<std::size_t>(i) % 8].send(frame_of(type_data, pattern(10)));
        }
    });
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    gate.close();
    EXPECT_EQ(server.server.connection_count(), 0U);
    traffic.join();
}

}  // namespace loopback
