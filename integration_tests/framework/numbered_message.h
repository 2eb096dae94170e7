#pragma once

#include "support/loopback.h"

#include <atomic>
#include <cstring>

namespace integration {

using namespace loopback;  // everything there speaks the public interface only

inline constexpr std::size_t number_size = sizeof(std::uint64_t);

/// A message that says its number; every other byte depends on the number and its place, so that a
/// gap, a swap and a damaged byte all show.
[[nodiscard]] inline loopback::bytes numbered_message(std::uint64_t number, std::size_t size) {
    loopback::bytes data(std::max(size, number_size));
    std::memcpy(data.data(), &number, number_size);
    for (std::size_t i = number_size; i < data.size(); ++i) {
        data[i] = static_cast<std::uint8_t>(number * 31 + i);
    }
    return data;
}

/// The receiving side of one stream of numbered messages. `take` is called in the callbacks of one
/// connection, which never overlap; everything else from anywhere.
class numbered_receiver {
public:
    void take(std::span<const std::uint8_t> message) {
        const std::uint64_t expected = received_.load(std::memory_order_relaxed);
        const loopback::bytes wanted = numbered_message(expected, message.size());
        if (!std::equal(message.begin(), message.end(), wanted.begin(), wanted.end())) {
            wrong_.fetch_add(1, std::memory_order_relaxed);
        }
        received_.store(expected + 1, std::memory_order_release);
    }
    [[nodiscard]] std::uint64_t received() const {
        return received_.load(std::memory_order_acquire);
    }
    /// Messages that were not the next one, unharmed.
    [[nodiscard]] std::uint64_t wrong() const { return wrong_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> received_{0};
    std::atomic<std::uint64_t> wrong_{0};
};

/// The sending side. Any number of threads may send; the numbers are in the order of the sends.
class numbered_sender {
public:
    /// Whether the message was accepted; if not, the next one has the same number.
    template <typename Sender>
    bool send(Sender& through, std::size_t size) {
        return send(through, size, {});
    }
    /// `done` runs once for every accepted message.
    template <typename Sender>
    bool send(Sender& through, std::size_t size, network_system::session::send_callback done) {
        const std::lock_guard lock(mutex_);
        if (!through.send_packet(numbered_message(accepted_, size), std::move(done))) {
            return false;
        }
        ++accepted_;
        return true;
    }
    [[nodiscard]] std::uint64_t accepted() const {
        const std::lock_guard lock(mutex_);
        return accepted_;
    }

private:
    mutable std::mutex mutex_;
    std::uint64_t accepted_ = 0;
};

}  // namespace integration
