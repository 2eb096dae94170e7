#include "transport/write_queue.h"

#include "utils/memory_return.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace network_system::inline v0_1::transport {
namespace {

struct owned_segment : write_segment {
    owned_segment() noexcept : write_segment(kind::owned) {}

    void take(std::vector<std::uint8_t>&& bytes) noexcept {
        storage = std::move(bytes);
        data = storage.data();
        end = storage.size();
    }
    std::vector<std::uint8_t> storage;
    std::uint64_t messages = 0;
};

struct shared_segment : write_segment {
    explicit shared_segment(shared_frame bytes) noexcept
        : write_segment(kind::shared), frame(std::move(bytes)) {
        data = frame->data();
        end = frame->size();
    }
    shared_frame frame;
};

/// How many messages end in the part of the segment that has just been written.
std::uint64_t messages_passed(write_segment& segment) noexcept {
    const bool is_whole = segment.begin == segment.end;
    switch (segment.type) {
        case write_segment::kind::chunk: {
            auto& chunk = static_cast<write_chunk&>(segment);
            const std::size_t before = chunk.passed;
            const std::size_t marks = chunk.marks();
            if (is_whole) {
                chunk.passed = marks;
            }
            while (chunk.passed < marks && chunk.mark(chunk.passed) <= chunk.begin) {
                ++chunk.passed;
            }
            return chunk.passed - before;
        }
        case write_segment::kind::owned:
            return is_whole ? static_cast<owned_segment&>(segment).messages : 0;
        case write_segment::kind::shared: return is_whole ? 1 : 0;
    }
    return 0;
}

}  // namespace

void write_chunk::append(const write_chunk& other) noexcept {
    const std::size_t base = end;
    std::memcpy(take(other.end), other.bytes, other.end);
    for (std::size_t i = 0; i < other.marks(); ++i) {
        room -= sizeof(position);
        const auto here = static_cast<position>(base + other.mark(i));
        std::memcpy(bytes + end + room, &here, sizeof here);
    }
}

write_queue::~write_queue() {
    discard();
}

void write_queue::push(write_segment* segment) noexcept {
    (tail_ != nullptr ? tail_->next : head_) = segment;
    tail_ = segment;
}

void write_queue::free(write_segment* segment) noexcept {
    switch (segment->type) {
        case write_segment::kind::chunk:
            runtime::block_pool::give_back(pool_, static_cast<write_chunk*>(segment));
            break;
        case write_segment::kind::owned:
            detail::record_freed(segment->end);
            delete static_cast<owned_segment*>(segment);
            break;
        case write_segment::kind::shared:
            // By each queue that has it, as it was noted.
            detail::record_freed(segment->end);
            delete static_cast<shared_segment*>(segment);
            break;
    }
}

void write_queue::pop() noexcept {
    write_segment* const first = std::exchange(head_, head_->next);
    if (head_ == nullptr) {
        tail_ = nullptr;
    }
    free(first);
}

bool write_queue::take_in(const write_segment& more) noexcept {
    constexpr std::size_t mark = sizeof(write_chunk::position);
    if (more.begin != 0) {
        return false;
    }
    if (more.type == write_segment::kind::chunk) {
        const auto& chunk = static_cast<const write_chunk&>(more);
        if (!has_room(chunk.end + chunk.marks() * mark)) {
            return false;
        }
        static_cast<write_chunk&>(*tail_).append(chunk);
        return true;
    }
    if (more.type != write_segment::kind::shared || more.end > copy_limit ||
        !has_room(more.end + mark)) {
        return false;
    }
    auto& chunk = static_cast<write_chunk&>(*tail_);
    std::memcpy(chunk.take(more.end), more.data, more.end);
    chunk.mark_end();
    return true;
}

write_chunk& write_queue::add_chunk() {
    auto* const chunk = ::new (runtime::block_pool::take(pool_)) write_chunk;
    push(chunk);
    return *chunk;
}

void write_queue::append_owned_message(std::vector<std::uint8_t>&& data, write_callback&& done) {
    if (data.size() <= copy_limit) {
        append(data);
        end_message(std::move(done));
        return;
    }
    auto segment = std::make_unique<owned_segment>();
    add_completion(queued_ + 1, std::move(done));
    ++queued_;
    bytes_ += data.size();
    segment->take(std::move(data));
    segment->messages = 1;
    detail::record_taken(segment->end);
    push(segment.release());
}

write_queue::position write_queue::end_position() const noexcept {
    if (tail_ == nullptr) {
        return {nullptr, 0, 0, 0, bytes_, queued_};
    }
    const bool counts = tail_->type == write_segment::kind::owned;
    return {tail_,       tail_->end,
            tail_->room, counts ? static_cast<owned_segment*>(tail_)->messages : 0,
            bytes_,      queued_};
}

void write_queue::cut_back(const position& to) noexcept {
    write_segment* extra =
        to.tail != nullptr ? std::exchange(to.tail->next, nullptr) : std::exchange(head_, nullptr);
    while (extra != nullptr) {
        free(std::exchange(extra, extra->next));
    }
    tail_ = to.tail;
    if (tail_ != nullptr) {
        tail_->end = to.end;
        tail_->room = to.room;
        if (tail_->type == write_segment::kind::owned) {
            static_cast<owned_segment*>(tail_)->messages = to.messages_of_tail;
        }
    }
    bytes_ = to.bytes;
    queued_ = to.queued;
}

void write_queue::append_shared(const shared_frame& frame) {
    // The first in an empty queue is shared whatever its size: mostly it stays the only one, and a
    // chunk for each of many connections would cost more than a segment.
    if (frame->size() <= copy_limit && head_ != nullptr) {
        append_whole([&] {
            append(*frame);
            end_message({});
        });
        return;
    }
    push(new shared_segment(frame));
    detail::record_taken(frame->size());
    bytes_ += frame->size();
    ++queued_;
}

void write_queue::end_message(write_callback&& done) {
    add_completion(queued_ + 1, std::move(done));
    ++queued_;
    if (tail_->type == write_segment::kind::chunk) {
        static_cast<write_chunk&>(*tail_).mark_end();
    } else {
        ++static_cast<owned_segment*>(tail_)->messages;
    }
}

void write_queue::end_written_message(write_callback&& done) {
    add_completion(queued_ + 1, std::move(done));
    ++queued_;
    ++written_;
}

void write_queue::add_completion(std::uint64_t message, write_callback&& done) {
    if (!done) {
        return;
    }
    if (!completions_) {
        completions_ = std::make_unique<std::deque<completion>>();
    }
    completions_->push_back({message, {}});
    completions_->back().done = std::move(done);
}

void write_queue::splice(write_queue& other) {
    // First, because the rest cannot fail.
    while (other.completions_ && !other.completions_->empty()) {
        completion& first = other.completions_->front();
        add_completion(queued_ + first.message - other.written_, std::move(first.done));
        other.completions_->pop_front();
    }
    if (other.head_ != nullptr) {
        bytes_ += std::exchange(other.bytes_, 0);
        while (other.head_ != nullptr && take_in(*other.head_)) {
            free(std::exchange(other.head_, other.head_->next));
        }
        if (other.head_ != nullptr) {
            push(std::exchange(other.head_, nullptr));
            tail_ = other.tail_;
        }
        other.tail_ = nullptr;
    }
    queued_ += std::exchange(other.queued_, 0) - std::exchange(other.written_, 0);
}

write_queue::gathered write_queue::prepare(std::span<runtime::io_slice> slices) const noexcept {
    gathered all;
    for (const write_segment* each = head_; each != nullptr && all.slices < slices.size();
         each = each->next) {
        slices[all.slices++] = {each->data + each->begin, each->end - each->begin};
        all.bytes += each->end - each->begin;
    }
    return all;
}

void write_queue::commit(std::size_t count) noexcept {
    bytes_ -= count;
    while (count > 0) {
        const std::size_t part = std::min(count, head_->end - head_->begin);
        head_->begin += part;
        count -= part;
        written_ += messages_passed(*head_);
        if (head_->begin == head_->end) {
            pop();
        }
    }
}

write_callback write_queue::take_any() {
    if (!completions_ || completions_->empty()) {
        completions_.reset();
        return {};
    }
    write_callback done = std::move(completions_->front().done);
    completions_->pop_front();
    return done;
}

write_callback write_queue::take_completed() {
    return has_completed() ? take_any() : write_callback{};
}

std::uint64_t write_queue::discard() noexcept {
    while (head_ != nullptr) {
        pop();
    }
    bytes_ = 0;
    return std::exchange(queued_, written_) - written_;
}

}  // namespace network_system::transport
