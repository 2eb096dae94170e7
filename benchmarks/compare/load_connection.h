// One connection of the load generator: the frames it has in flight and the check of the answers.
// The channel is how its bytes travel: plain (tcp_channel.h) or encrypted (tls_channel.h).
#pragma once

#include "exchange.h"

#include <sys/uio.h>

#include <span>

namespace compare {

// Answers come in order, so a ring of as many frames as may be in
// flight never overwrites one that is not answered, and what is to be sent is at most two pieces
// of the ring: nothing is copied and nothing allocated.
template <typename Channel>
class load_connection {
public:
    // The exchange outlives the connection.
    load_connection(Channel channel, const exchange& shapes, std::size_t in_flight,
                    std::uint64_t first_sequence)
        : channel_(std::move(channel)), shapes_(shapes), frame_size_(shapes.sent.bytes.size()),
          in_flight_(in_flight), first_sequence_(first_sequence), queued_at_(in_flight_),
          expected_(shapes.answered.bytes) {
        for (std::size_t i = 0; i < in_flight_; ++i) {
            ring_.insert(ring_.end(), shapes.sent.bytes.begin(), shapes.sent.bytes.end());
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
            shapes_.sent.put(&ring_[slot * frame_size_], first_sequence_ + queued_);
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
            if (filled_ == 0) {
                expect_next();
            }
            const std::size_t taken = std::min(expected_.size() - filled_, size);
            if (std::memcmp(data, &expected_[filled_], taken) != 0) {
                on_difference(data, taken);
            }
            filled_ += taken;
            data += taken;
            size -= taken;
            if (filled_ == expected_.size()) {
                on_answer(queued_at_[answered_ % in_flight_], is_right_);
                ++answered_;
                filled_ = 0;
            }
        }
    }

private:
    void expect_next() {
        if (!awaits_answers()) {
            throw std::runtime_error("more answers than messages");
        }
        shapes_.answered.put(expected_.data(), first_sequence_ + answered_);
        is_right_ = true;
    }

    // A wrong header may have a wrong length, so that ends the run.
    void on_difference(const std::uint8_t* data, std::size_t size) {
        const std::size_t header = shapes_.answered.header_bytes();
        if (filled_ < header &&
            !std::equal(data, data + std::min(size, header - filled_), &expected_[filled_])) {
            throw std::runtime_error("unexpected frame, at its byte " + std::to_string(filled_) +
                                     ": " + std::to_string(data[0]));
        }
        is_right_ = false;
    }

    Channel channel_;
    const exchange& shapes_;
    std::size_t frame_size_;
    std::size_t in_flight_;
    std::uint64_t first_sequence_;
    std::vector<std::uint8_t> ring_;
    std::vector<std::uint64_t> queued_at_;
    std::size_t queued_ = 0;
    std::size_t answered_ = 0;
    std::size_t sent_bytes_ = 0;
    std::vector<std::uint8_t> expected_;  // the answer that is coming in
    std::size_t filled_ = 0;
    bool is_right_ = true;
};

}  // namespace compare
