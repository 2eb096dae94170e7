#include "datagram/queue.h"

#include "utils/memory_return.h"

#include <cstring>
#include <new>

namespace network_system::inline v0_1::transport {
namespace {

constexpr std::size_t alignment = alignof(std::max_align_t);

constexpr std::size_t aligned(std::size_t size) noexcept {
    return (size + alignment - 1) / alignment * alignment;
}

}  // namespace

/// A datagram; its bytes follow.
struct datagram_queue::record {
    record(const runtime::datagram_address& peer, const runtime::datagram_source& source,
           write_callback callback) noexcept
        : to(peer), from(source), done(std::move(callback)) {}

    [[nodiscard]] std::uint8_t* data() noexcept {
        return reinterpret_cast<std::uint8_t*>(this + 1);
    }
    [[nodiscard]] static std::size_t footprint(std::size_t size) noexcept {
        return sizeof(record) + aligned(size);
    }

    record* next = nullptr;
    std::size_t size = 0;
    runtime::datagram_address to;
    runtime::datagram_source from;
    write_callback done;
};

/// Memory for records; freed with the last of them.
struct alignas(std::max_align_t) datagram_queue::block {
    explicit block(std::size_t size) noexcept : capacity(size) {}

    [[nodiscard]] std::uint8_t* memory() noexcept { return reinterpret_cast<std::uint8_t*>(this); }
    [[nodiscard]] bool is_pooled() const noexcept {
        return capacity == runtime::block_pool::block_size;
    }

    block* next = nullptr;
    std::size_t used = sizeof(block);
    std::size_t capacity;
    std::size_t living = 0;
};

datagram_queue::~datagram_queue() {
    while (!empty()) {
        (void)pop();
    }
    while (first_block_ != nullptr) {
        free_first_block();
    }
}

datagram_queue::record* datagram_queue::allocate(std::size_t size) {
    const std::size_t needed = record::footprint(size);
    if (last_block_ == nullptr || last_block_->capacity - last_block_->used < needed) {
        const std::size_t own = sizeof(block) + needed;
        const bool is_pooled = own <= runtime::block_pool::block_size;
        void* const memory = is_pooled ? runtime::block_pool::take(pool_) : ::operator new(own);
        auto* const added = ::new (memory) block(is_pooled ? runtime::block_pool::block_size : own);
        detail::record_taken(is_pooled ? 0 : own);
        (last_block_ != nullptr ? last_block_->next : first_block_) = added;
        last_block_ = added;
    }
    auto* const place = last_block_->memory() + last_block_->used;
    last_block_->used += needed;
    ++last_block_->living;
    return reinterpret_cast<record*>(place);
}

void datagram_queue::append(const runtime::datagram_address& to, bytes_view data,
                            write_callback done, const runtime::datagram_source& from) {
    auto* const added =
        ::new (static_cast<void*>(allocate(data.size()))) record(to, from, std::move(done));
    added->size = data.size();
    if (!data.empty()) {
        std::memcpy(added->data(), data.data(), data.size());
    }
    (last_ != nullptr ? last_->next : first_) = added;
    last_ = added;
    ++count_;
    bytes_ += cost(data.size());
}

void datagram_queue::splice(datagram_queue& other) noexcept {
    if (other.empty()) {
        return;
    }
    (last_ != nullptr ? last_->next : first_) = other.first_;
    last_ = other.last_;
    (last_block_ != nullptr ? last_block_->next : first_block_) = other.first_block_;
    last_block_ = other.last_block_;
    count_ += std::exchange(other.count_, 0);
    bytes_ += std::exchange(other.bytes_, 0);
    other.first_ = other.last_ = nullptr;
    other.first_block_ = other.last_block_ = nullptr;
}

void datagram_queue::find_sources(position behind, const source_finder& find) {
    record* each = behind.last != nullptr ? behind.last->next : first_;
    for (; each != nullptr; each = each->next) {
        if (each->to.is_set() && !each->from.is_set()) {
            each->from = find(each->to);
        }
    }
}

std::size_t datagram_queue::prepare(std::span<runtime::outgoing_datagram> into) const noexcept {
    std::size_t count = 0;
    for (record* each = first_; each != nullptr && count < into.size(); each = each->next) {
        into[count++] = {each->to.is_set() ? &each->to : nullptr,
                         {each->data(), each->size},
                         each->from.is_set() ? &each->from : nullptr};
    }
    return count;
}

std::size_t datagram_queue::first_size() const noexcept {
    return first_->size;
}

write_callback datagram_queue::pop() noexcept {
    record* const gone = first_;
    first_ = gone->next;
    if (first_ == nullptr) {
        last_ = nullptr;
    }
    --count_;
    bytes_ -= cost(gone->size);
    write_callback done = std::move(gone->done);
    gone->~record();
    if (--first_block_->living == 0) {
        free_first_block();
    }
    return done;
}

void datagram_queue::free_first_block() noexcept {
    block* const gone = first_block_;
    first_block_ = gone->next;
    if (first_block_ == nullptr) {
        last_block_ = nullptr;
    }
    if (gone->is_pooled()) {
        runtime::block_pool::give_back(pool_, gone);
    } else {
        detail::record_freed(gone->capacity);
        ::operator delete(gone);
    }
}

}  // namespace network_system::transport
