#include "lifecycle/callbacks/records.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace network_system::inline v0_1::core {
namespace {

constexpr std::size_t first_capacity = std::size_t{4} * 1024;

}  // namespace

std::uint8_t* callback_records::grow(std::size_t more) {
    if (capacity_ - size_ < more) {
        const std::size_t wanted = std::max({size_ + more, capacity_ * 2, first_capacity});
        auto larger = std::make_unique_for_overwrite<std::uint8_t[]>(wanted);
        if (size_ != 0) {
            std::memcpy(larger.get(), bytes_.get(), size_);
        }
        bytes_ = std::move(larger);
        detail::record_taken(wanted - std::exchange(capacity_, wanted));
    }
    return bytes_.get() + std::exchange(size_, size_ + more);
}

void callback_records::add(kind what, std::uint64_t id, std::span<const std::uint8_t> data) {
    const header head{id, static_cast<std::uint32_t>(data.size()), what};
    std::uint8_t* const place = grow(sizeof head + data.size());
    std::memcpy(place, &head, sizeof head);
    if (!data.empty()) {
        std::memcpy(place + sizeof head, data.data(), data.size());
    }
}

void callback_records::add_all(const callback_records& others) {
    if (!others.empty()) {
        std::memcpy(grow(others.size_), others.bytes_.get(), others.size_);
    }
}

std::optional<callback_records::record> callback_records::next() noexcept {
    if (!has_next()) {
        return std::nullopt;
    }
    header head;
    std::memcpy(&head, bytes_.get() + read_, sizeof head);
    const std::uint8_t* const data = bytes_.get() + read_ + sizeof head;
    read_ += sizeof head + head.size;
    return record{head.what, head.id, {data, head.size}};
}

void callback_records::swap(callback_records& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(capacity_, other.capacity_);
    std::swap(size_, other.size_);
    std::swap(read_, other.read_);
}

callback_records spare_records::take() {
    const std::lock_guard lock(mutex_);
    if (kept_.empty()) {
        // Room for all that will be given, so that giving never allocates.
        kept_.reserve(most_kept);
        return {};
    }
    auto taken = std::move(kept_.back());
    kept_.pop_back();
    return taken;
}

void spare_records::give(callback_records used) noexcept {
    used.clear();
    if (used.capacity() == 0 || used.capacity() > largest_kept) {
        return;
    }
    const std::lock_guard lock(mutex_);
    if (kept_.size() < kept_.capacity()) {
        kept_.push_back(std::move(used));
    }
}

}  // namespace network_system::core
