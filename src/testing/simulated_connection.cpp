#include "testing/simulated_connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace network_system::inline v0_1::testing::detail {

void pipe::write(std::span<const runtime::io_slice> from, std::size_t count) {
    in_use_ += count;
    if (is_broken_off_) {
        return;
    }
    for (const runtime::io_slice& each : from) {
        const std::size_t part = std::min(count, each.size());
        bytes_.insert(bytes_.end(), each.data(), each.data() + part);
        count -= part;
    }
}

pipe::segment pipe::arrive() {
    const segment first = way_.front();
    way_.pop_front();
    if (first.what == kind::data) {
        arrived_ += first.size;
    } else if (first.what == kind::end) {
        has_ended_ = true;
    }
    return first;
}

void pipe::read(std::span<const runtime::io_slice> into, std::size_t count) {
    std::size_t done = 0;
    for (const runtime::io_slice& each : into) {
        const std::size_t part = std::min(count - done, each.size());
        if (part > 0) {
            std::memcpy(each.data(), bytes_.data() + begin_ + done, part);
            done += part;
        }
    }
    arrived_ -= count;
    unacknowledged_ += count;
    discard(count);
}

void pipe::discard(std::size_t count) {
    begin_ += count;
    if (begin_ == bytes_.size()) {
        bytes_.clear();
        begin_ = 0;
    } else if (begin_ > bytes_.size() / 2) {
        bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
        begin_ = 0;
    }
}

void pipe::drop_way() {
    way_.clear();
    bytes_.resize(begin_ + arrived_);
}

void pipe::drop_arrived() {
    discard(std::exchange(arrived_, 0));
}

}  // namespace network_system::testing::detail
