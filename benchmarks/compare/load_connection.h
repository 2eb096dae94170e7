// One connection of the load generator: the frames it has in flight and the check of the answers.
// The channel is how its bytes travel: plain (tcp_channel.h) or encrypted (tls_channel.h).
#pragma once

#include "common.h"

#include <sys/uio.h>

#include <array>
#include <cstring>
#include <span>

namespace compare {

inline constexpr std::size_t sequence_size = sizeof(std::uint64_t);

// What travels: the first byte of a frame and what comes before its payload.
struct frame_shape {
    std::uint8_t first = data_frame;
    std::size_t prefix = 0;
};
struct exchange {
    frame_shape sent;
    frame_shape answered;
};
inline constexpr exchange echo_exchange{};
inline constexpr exchange request_exchange{{request_frame, request_prefix},
                                           {response_frame, response_prefix}};

// Answers come in order, so a ring of as many frames as may be in
// flight never overwrites one that is not answered, and what is to be sent is at most two pieces
// of the ring: nothing is copied and nothing allocated.
template <typename Channel>
class load_connection {
public:
    load_connection(Channel channel, std::size_t in_flight, std::size_t payload,
                    std::uint64_t first_sequence, const exchange& shapes)
        : channel_(std::move(channel)), payload_(payload), shapes_(shapes),
          frame_size_(header_size + shapes.sent.prefix + payload), in_flight_(in_flight),
          first_sequence_(first_sequence), ring_(frame_size_ * in_flight_, 0x5a),
          queued_at_(in_flight_), head_(header_size + shapes.answered.prefix + sequence_size) {
        for (std::size_t at = 0; at < ring_.size(); at += frame_size_) {
            write_header(&ring_[at], {shapes.sent.first,
                                      static_cast<std::uint32_t>(shapes.sent.prefix + payload_)});
        }
        channel_.set_non_blocking();
    }

    Channel& channel() { return channel_; }
    int fd() const { return channel_.fd(); }
    bool has_unsent() const { return sent_bytes_ < queued_ * frame_size_; }
    bool awaits_answers() const { return answered_ < queued_; }
    bool wants_out = false;

    void queue_all(std::uint64_t now) {
        for (; queued_ < answered_ + in_flight_; ++queued_) {
            const std::size_t slot = queued_ % in_flight_;
            const std::uint64_t sequence = first_sequence_ + queued_;
            std::uint8_t* const body = &ring_[slot * frame_size_ + header_size];
            if (shapes_.sent.prefix > 0) {
                std::memcpy(body, &sequence, sequence_size);  // the id: any that is not in use
            }
            std::memcpy(body + shapes_.sent.prefix, &sequence, sequence_size);
            queued_at_[slot] = now;
        }
    }

    // A message that somebody else causes the server to send here.
    void expect_one(std::uint64_t now) {
        queued_at_[queued_ % in_flight_] = now;
        ++queued_;
        sent_bytes_ += frame_size_;
    }

    void send_queued() {
        const std::size_t size = queued_ * frame_size_ - sent_bytes_;
        const std::size_t begin = sent_bytes_ % ring_.size();
        const std::size_t first = std::min(size, ring_.size() - begin);
        std::array<iovec, 2> pieces{iovec{&ring_[begin], first}, iovec{&ring_[0], size - first}};
        sent_bytes_ += channel_.send(std::span(pieces).first(size > first ? 2 : 1));
    }

    // Calls on_answer(queued at, contents right) for each answer completed by these bytes.
    template <typename OnAnswer>
    void receive(const std::uint8_t* data, std::size_t size, OnAnswer on_answer) {
        while (size > 0) {
            if (head_filled_ < head_.size()) {
                const std::size_t taken = std::min(head_.size() - head_filled_, size);
                std::memcpy(&head_[head_filled_], data, taken);
                head_filled_ += taken;
                data += taken;
                size -= taken;
                if (head_filled_ < head_.size()) {
                    return;
                }
                check_header();
                rest_ = payload_ - sequence_size;
            }
            const std::size_t skipped = std::min(rest_, size);
            rest_ -= skipped;
            data += skipped;
            size -= skipped;
            if (rest_ == 0) {
                on_answer(queued_at_[answered_ % in_flight_], has_right_sequence());
                ++answered_;
                head_filled_ = 0;
            }
        }
    }

private:
    void check_header() const {
        const frame_header header = read_header(head_.data());
        if (header.first != shapes_.answered.first ||
            header.length != shapes_.answered.prefix + payload_ || !awaits_answers()) {
            throw std::runtime_error("unexpected frame: first byte " +
                                     std::to_string(header.first) + ", length " +
                                     std::to_string(header.length));
        }
    }

    bool has_right_sequence() const {
        const std::uint64_t expected = first_sequence_ + answered_;
        return std::memcmp(&head_[header_size + shapes_.answered.prefix], &expected,
                           sequence_size) == 0;
    }

    Channel channel_;
    std::size_t payload_;
    exchange shapes_;
    std::size_t frame_size_;
    std::size_t in_flight_;
    std::uint64_t first_sequence_;
    std::vector<std::uint8_t> ring_;
    std::vector<std::uint64_t> queued_at_;
    std::size_t queued_ = 0;
    std::size_t answered_ = 0;
    std::size_t sent_bytes_ = 0;
    std::vector<std::uint8_t> head_;
    std::size_t head_filled_ = 0;
    std::size_t rest_ = 0;
};

}  // namespace compare
