#pragma once

#include "support/loopback.h"

#include <network_system/session/delivery.h>
#include <network_system/utils/thread_pool.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace loopback {

using network_system::delivery_id;
using network_system::delivery_info;
using network_system::receive_mode;
using network_system::session::delivery_sender;

inline void put_id(bytes& to, std::uint64_t id) {
    put_length(to, static_cast<std::size_t>(id >> 32U));
    put_length(to, static_cast<std::size_t>(id & 0xFFFFFFFFU));
}
[[nodiscard]] inline std::uint64_t id_in(std::span<const std::uint8_t> payload) {
    std::uint64_t id = 0;
    for (std::size_t at = 0; at < 8 && at < payload.size(); ++at) {
        id = (id << 8U) | payload[at];
    }
    return id;
}

/// An answer to a message: its code, 0 when it was taken.
using answer = std::pair<std::uint64_t, int>;

/// A client that sends messages with ids byte by byte.
class raw_sender {
public:
    static constexpr delivery_id usual_id{1, 2, 3};

    /// Up to the hello of the server.
    explicit raw_sender(std::uint16_t port) : peer(raw_peer::connect(port)) {
        const auto hello = peer.receive_frame_of(type_hello);
        EXPECT_TRUE(hello);
        if (hello && hello->payload.size() >= 26) {
            capabilities = static_cast<unsigned>(reason_of(std::span(hello->payload).subspan(14)));
            incarnation = id_in(std::span(hello->payload).subspan(18));
        }
    }
    /// With a hello of its own.
    raw_sender(std::uint16_t port, std::uint64_t resent_up_to, std::uint64_t sent_here_up_to = 0,
               const delivery_id& id = usual_id)
        : raw_sender(port) {
        say_hello(resent_up_to, sent_here_up_to, id);
    }

    void say_hello(std::uint64_t resent_up_to, std::uint64_t sent_here_up_to,
                   const delivery_id& id = usual_id) const {
        bytes hello{0, 0, 0, 1, 1, 0, 32};
        hello.insert(hello.end(), id.begin(), id.end());
        put_id(hello, resent_up_to);
        put_id(hello, sent_here_up_to);
        EXPECT_TRUE(peer.send(frame_of(type_hello, hello)));
    }
    void send(std::uint64_t id, std::string_view text) const {
        bytes payload;
        put_id(payload, id);
        payload.insert(payload.end(), text.begin(), text.end());
        EXPECT_TRUE(peer.send(frame_of(type_data, payload, 4)));
    }
    /// The next answer to a message; nothing when the connection ends.
    [[nodiscard]] std::optional<answer> next_answer() {
        if (!acknowledged_.empty()) {
            return answer{take_acknowledged(), 0};
        }
        while (auto frame = peer.receive_frame()) {
            if (frame->type == type_acknowledgement) {
                read_acknowledgement(frame->payload);
                return answer{take_acknowledged(), 0};
            }
            if (frame->type == type_error && frame->payload.size() == 12) {
                return answer{id_in(std::span(frame->payload).subspan(4)),
                              reason_of(frame->payload)};
            }
            if (frame->type == type_goodbye) {
                goodbye = reason_of(frame->payload);
            }
        }
        return std::nullopt;
    }
    /// The reason the server gives for the end.
    [[nodiscard]] int end() {
        EXPECT_EQ(next_answer(), std::nullopt);
        return goodbye.value_or(1);
    }

    raw_peer peer;
    unsigned capabilities = 0;
    std::uint64_t incarnation = 0;
    std::optional<int> goodbye;
    std::size_t acknowledgements = 0;

private:
    void read_acknowledgement(std::span<const std::uint8_t> payload) {
        ++acknowledgements;
        ASSERT_TRUE(payload.size() == 8 || payload.size() == 12);
        const int count = payload.size() == 12 ? reason_of(payload.subspan(8)) : 1;
        for (int i = 0; i < count; ++i) {
            acknowledged_.push_back(id_in(payload) + static_cast<std::uint64_t>(i));
        }
    }
    [[nodiscard]] std::uint64_t take_acknowledged() {
        const std::uint64_t first = acknowledged_.front();
        acknowledged_.pop_front();
        return first;
    }

    std::deque<std::uint64_t> acknowledged_;
};

[[nodiscard]] inline answer taken(std::uint64_t id) {
    return {id, 0};
}
[[nodiscard]] inline answer refused(std::uint64_t id, errc code) {
    return {id, static_cast<int>(code)};
}

/// A message as the application has seen it.
struct delivered {
    std::string text;
    std::uint64_t id = 0;
    bool may_be_resent = false;

    friend bool operator==(const delivered&, const delivered&) = default;
    friend void PrintTo(const delivered& each, std::ostream* out) {
        *out << each.text << " (" << each.id << (each.may_be_resent ? ", again" : "") << ')';
    }
};

/// A callback of a server that holds on to the message of this text until it is let go.
class held_callback {
public:
    void wait_in(std::string_view text, std::string_view wanted) {
        if (text == wanted) {
            entered_.add();
            EXPECT_TRUE(let_go_.wait_for(1));
        }
    }
    [[nodiscard]] bool is_entered() const { return entered_.wait_for(1); }
    void let_go() { let_go_.add(); }

private:
    event_counter entered_;
    event_counter let_go_;
};

}  // namespace loopback
