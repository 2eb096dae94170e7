#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace integration {

/// What happens to the bytes of one direction. The defaults do nothing.
struct flow_faults {
    /// What has been read is not written before this time has passed, the end of the stream
    /// included.
    std::chrono::milliseconds delay{0};
    /// 0 = as many as there are.
    std::size_t bytes_per_second = 0;
    /// Bytes are written in pieces of one to this many, each on its own. 0 = as they come.
    std::size_t largest_piece = 0;
};

/// The bytes of one direction of a connection between their read and their write.
///
/// Pure: time is the caller's.
class delayed_bytes {
public:
    using time_point = std::chrono::steady_clock::time_point;

    explicit delayed_bytes(std::uint32_t seed) : random_(seed) {}

    void push(std::span<const std::uint8_t> data, time_point due) {
        if (!data.empty()) {
            chunks_.push_back({{data.begin(), data.end()}, due});
            size_ += data.size();
        }
    }
    /// No bytes follow. Only the first call counts.
    void push_end(time_point due) {
        if (!end_) {
            end_ = due;
        }
    }

    [[nodiscard]] std::size_t size() const { return size_; }
    /// When something can be written, or the end told; nothing while there is neither.
    [[nodiscard]] std::optional<time_point> due() const {
        if (!chunks_.empty()) {
            return std::max(chunks_.front().due, not_before_);
        }
        return end_;
    }
    /// Whether it is time to say that no bytes follow.
    [[nodiscard]] bool is_at_end(time_point now) const {
        return chunks_.empty() && end_ && *end_ <= now;
    }
    /// What may be written now, in one call.
    [[nodiscard]] std::span<const std::uint8_t> next(time_point now, const flow_faults& faults) {
        if (chunks_.empty() || *due() > now) {
            return {};
        }
        const chunk& first = chunks_.front();
        std::size_t most = first.data.size() - written_;
        if (faults.bytes_per_second > 0) {
            most = std::min(most, std::max<std::size_t>(faults.bytes_per_second / 100, 1));
        }
        if (faults.largest_piece > 0) {
            most = std::min(most, 1 + random_() % faults.largest_piece);
        }
        return std::span(first.data).subspan(written_, most);
    }
    /// The first `count` bytes have been written.
    void pop(std::size_t count, time_point now, const flow_faults& faults) {
        size_ -= count;
        written_ += count;
        if (written_ == chunks_.front().data.size()) {
            chunks_.pop_front();
            written_ = 0;
        }
        if (faults.bytes_per_second > 0) {
            const std::chrono::nanoseconds time{std::uint64_t{count} * 1'000'000'000U /
                                                faults.bytes_per_second};
            not_before_ = std::max(not_before_, now) + time;
        }
    }

private:
    struct chunk {
        std::vector<std::uint8_t> data;
        time_point due;
    };

    std::deque<chunk> chunks_;
    // Of the first chunk.
    std::size_t written_ = 0;
    std::size_t size_ = 0;
    time_point not_before_{};
    std::optional<time_point> end_;
    std::minstd_rand random_;
};

}  // namespace integration
