#pragma once

#include "os/native_socket.h"
#include "runtime/block_pool.h"
#include "utils/bytes.h"

#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <span>
#include <vector>

namespace network_system::inline v0_1::transport {

/// Runs once when a message was handed to the operating system, or with the error that kept it
/// back.
using write_callback = unique_function<void(VoidResult)>;
/// One encoded message that several queues send: never changed once shared.
using shared_frame = std::shared_ptr<const std::vector<std::uint8_t>>;

/// A run of queued bytes.
struct write_segment {
    enum class kind : std::uint8_t { chunk, owned, shared };

    write_segment* next = nullptr;
    const std::uint8_t* data = nullptr;
    std::size_t begin = 0;
    std::size_t end = 0;
    // For more bytes behind `end`, or positions of theirs: a chunk's.
    std::size_t room = 0;
    kind type;

    explicit write_segment(kind which) noexcept : type(which) {}
};

/// A block that small messages are gathered into. Bytes grow from the front; from the back grow
/// the positions at which messages end, so that the messages lost with a connection can be
/// counted exactly without memory of their own.
struct write_chunk : write_segment {
    static constexpr std::size_t capacity =
        runtime::block_pool::block_size - sizeof(write_segment) - sizeof(std::size_t);

    using position = std::uint16_t;

    write_chunk() noexcept : write_segment(kind::chunk) {
        data = bytes;
        room = capacity;
    }

    /// Place for `size` bytes, of the room that there is.
    [[nodiscard]] std::uint8_t* take(std::size_t size) noexcept {
        std::uint8_t* const place = bytes + end;
        end += size;
        room -= size;
        return place;
    }
    /// A message ends here.
    void mark_end() noexcept {
        room -= sizeof(position);
        const auto here = static_cast<position>(end);
        std::memcpy(bytes + end + room, &here, sizeof here);
    }
    [[nodiscard]] std::size_t marks() const noexcept {
        return (capacity - end - room) / sizeof(position);
    }
    [[nodiscard]] std::size_t mark(std::size_t index) const noexcept {
        position at = 0;
        std::memcpy(&at, bytes + capacity - (index + 1) * sizeof at, sizeof at);
        return at;
    }

    /// Appends all of another one, for which there is room; of that, nothing has been written.
    void append(const write_chunk& other) noexcept;

    std::size_t passed = 0;
    // Left uninitialized: 16 KiB of zeroes a message would cost more than the message.
    std::uint8_t bytes[capacity];
};
static_assert(sizeof(write_chunk) == runtime::block_pool::block_size);

/// The bytes a connection still has to write, and who wants to know when they are written.
///
/// What appends does all of it, or throws std::bad_alloc with nothing done.
///
/// Thread-safety: none. `pool` outlives the queue; null allocates and frees directly.
class write_queue {
public:
    explicit write_queue(runtime::block_pool* pool) noexcept : pool_(pool) {}
    write_queue(const write_queue&) = delete;
    write_queue& operator=(const write_queue&) = delete;
    ~write_queue();

    /// Up to this size, copying into a chunk is cheaper than a segment and an I/O slice.
    static constexpr std::size_t copy_limit = std::size_t{2} * 1024;

    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] bool empty() const noexcept { return bytes_ == 0; }

    /// Copies bytes. They become part of the message that `end_message` ends.
    void append(bytes_view data) {
        append(data.size(), [data](std::uint8_t* to, std::size_t offset, std::size_t size) {
            std::memcpy(to, data.data() + offset, size);
        });
    }
    /// The same with bytes that `fill(to, offset, size)` writes, in one piece or several.
    template <typename Fill>
    void append(std::size_t size, const Fill& fill) {
        if (size != 0 && has_room(size + sizeof(write_chunk::position))) {
            fill(static_cast<write_chunk&>(*tail_).take(size), 0, size);
            bytes_ += size;
        } else {
            append_whole([&] { append_in_parts(size, fill); });
        }
    }
    /// The end of a message, which is moved without a copy if it is long. If memory runs out,
    /// `data` and `done` are left as they were.
    void append_owned_message(std::vector<std::uint8_t>&& data, write_callback&& done);
    /// A whole message, counted, shared with other queues.
    void append_shared(const shared_frame& frame);
    /// The longest message `claim` takes.
    static constexpr std::size_t max_claim = write_chunk::capacity - sizeof(write_chunk::position);
    /// Place for a whole application message without a callback, which the caller fills at once:
    /// the common case, gathered in one step.
    [[nodiscard]] std::uint8_t* claim(std::size_t size) {
        return claim_in(tail_with_room(size + sizeof(write_chunk::position)), size);
    }
    /// Whether there is place for `claim_here` without another chunk.
    [[nodiscard]] bool has_claim(std::size_t size) const noexcept {
        return has_room(size + sizeof(write_chunk::position));
    }
    [[nodiscard]] std::uint8_t* claim_here(std::size_t size) noexcept {
        return claim_in(static_cast<write_chunk&>(*tail_), size);
    }
    /// The bytes appended last end an application message. `done` (if any) is among the
    /// completions of the commit that writes the last of them.
    void end_message(write_callback&& done);
    /// The same for a message that was written past the empty queue.
    void end_written_message(write_callback&& done);
    /// Runs `append`, which appends to this queue. All of that is there afterwards, or, if it
    /// throws, nothing.
    template <typename Append>
    void append_whole(const Append& append) {
        const position before = end_position();
        try {
            append();
        } catch (...) {
            cut_back(before);
            throw;
        }
    }
    /// Appends all of `other`, which becomes empty. Its bytes stay where they are, unless they are
    /// few: what comes one by one would take a chunk for each. When memory runs out, some
    /// callbacks have moved, and a further call goes on from there.
    void splice(write_queue& other);

    struct gathered {
        std::size_t slices = 0;
        std::size_t bytes = 0;
    };
    /// Fills `slices` from the front of the queue.
    [[nodiscard]] gathered prepare(std::span<runtime::io_slice> slices) const noexcept;
    /// The first `count` bytes have been written.
    void commit(std::size_t count) noexcept;

    /// Application messages appended, and those written completely.
    [[nodiscard]] std::uint64_t messages_queued() const noexcept { return queued_; }
    [[nodiscard]] std::uint64_t messages_written() const noexcept { return written_; }

    /// The next callback whose message was written; an empty one when there is none.
    [[nodiscard]] write_callback take_completed();
    [[nodiscard]] bool has_completed() const noexcept { return has_completed(written_); }
    /// The same among the first `messages` written.
    [[nodiscard]] bool has_completed(std::uint64_t messages) const noexcept {
        return completions_ && !completions_->empty() && completions_->front().message <= messages;
    }
    /// The next callback in order, written or not: the connection is gone.
    [[nodiscard]] write_callback take_any();
    /// Forgets the bytes, not the callbacks; the number of messages lost.
    std::uint64_t discard() noexcept;

private:
    struct completion {
        std::uint64_t message;
        write_callback done;
    };

    template <typename Fill>
    void append_in_parts(std::size_t size, const Fill& fill) {
        bytes_ += size;
        for (std::size_t offset = 0; offset < size;) {
            // Room for one byte and one mark: a message always has a chunk to record its end in.
            write_chunk& chunk = tail_with_room(1 + sizeof(write_chunk::position));
            const std::size_t part =
                std::min(size - offset, chunk.room - sizeof(write_chunk::position));
            fill(chunk.take(part), offset, part);
            offset += part;
        }
    }

    /// Where the next byte would be appended.
    struct position {
        write_segment* tail;
        std::size_t end;
        std::size_t room;
        std::uint64_t messages_of_tail;
        std::size_t bytes;
        std::uint64_t queued;
    };
    [[nodiscard]] position end_position() const noexcept;
    void cut_back(const position& to) noexcept;

    /// Copies a segment of another queue to the end, if it is a small one and there is room for it.
    [[nodiscard]] bool take_in(const write_segment& more) noexcept;
    [[nodiscard]] bool has_room(std::size_t wanted) const noexcept {
        return tail_ != nullptr && tail_->room >= wanted;
    }
    [[nodiscard]] write_chunk& tail_with_room(std::size_t wanted) {
        write_segment* const tail = tail_;
        if (tail == nullptr || tail->room < wanted) {
            return add_chunk();
        }
        return static_cast<write_chunk&>(*tail);
    }
    [[nodiscard]] write_chunk& add_chunk();
    [[nodiscard]] std::uint8_t* claim_in(write_chunk& chunk, std::size_t size) noexcept {
        std::uint8_t* const place = chunk.take(size);
        chunk.mark_end();
        bytes_ += size;
        ++queued_;
        return place;
    }
    void add_completion(std::uint64_t message, write_callback&& done);
    void push(write_segment* segment) noexcept;
    void pop() noexcept;
    void free(write_segment* segment) noexcept;

    runtime::block_pool* pool_;
    write_segment* head_ = nullptr;
    write_segment* tail_ = nullptr;
    std::size_t bytes_ = 0;
    std::uint64_t queued_ = 0;
    std::uint64_t written_ = 0;
    std::unique_ptr<std::deque<completion>> completions_;
};

}  // namespace network_system::transport
