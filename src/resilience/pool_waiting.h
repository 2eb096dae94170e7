#pragma once

#include "session/pending_operation.h"
#include "utils/deadline.h"

#include <network_system/resilience/connection_pool.h>
#include <network_system/utils/result_types.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace network_system::inline v0_1::resilience {

/// A handler with its result, on the way to the thread that calls it.
class pool_answer {
public:
    pool_answer() = default;
    pool_answer(const pool_answer&) = delete;
    pool_answer& operator=(const pool_answer&) = delete;
    virtual ~pool_answer() = default;

    /// Runs user code.
    virtual void tell() = 0;

private:
    friend class answer_list;
    pool_answer* next_ = nullptr;
};

/// Handlers with their results, in the order in which they have got them. Owns them.
class answer_list {
public:
    answer_list() = default;
    answer_list(const answer_list&) = delete;
    answer_list& operator=(const answer_list&) = delete;
    ~answer_list() {
        while (pop()) {}
    }

    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
    void add(std::unique_ptr<pool_answer> one) noexcept {
        pool_answer* const added = one.release();
        (last_ != nullptr ? last_->next_ : first_) = added;
        last_ = added;
    }
    /// Those of another one; this is empty.
    void take(answer_list& other) noexcept {
        first_ = std::exchange(other.first_, nullptr);
        last_ = std::exchange(other.last_, nullptr);
    }
    [[nodiscard]] std::unique_ptr<pool_answer> pop() noexcept {
        std::unique_ptr<pool_answer> popped(first_);
        if (popped) {
            first_ = popped->next_;
            last_ = first_ != nullptr ? last_ : nullptr;
        }
        return popped;
    }

private:
    pool_answer* first_ = nullptr;
    pool_answer* last_ = nullptr;
};

/// Who waits for a connection: a thread, in whose frame this lies, or a handler.
struct pool_waiter : pool_answer {
    /// How long it waits, for the text.
    std::chrono::milliseconds timeout{0};
    /// Of a handler; a thread looks at the clock itself.
    detail::steady_time deadline = detail::steady_time::max();
    std::optional<Result<lease>> result;
    /// Of a thread, else null.
    std::condition_variable* blocked = nullptr;
    connection_pool::acquire_handler handler;
    session::pending_operation operation;

    void tell() override { handler(*std::move(result)); }

private:
    friend class waiting_list;
    pool_waiter* previous_ = nullptr;
    pool_waiter* next_ = nullptr;
};

/// Who waits for a connection, in the order of asking. Does not own them.
class waiting_list {
public:
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] pool_waiter* first() const noexcept { return first_; }
    [[nodiscard]] static pool_waiter* after(const pool_waiter& one) noexcept { return one.next_; }
    void add(pool_waiter& one) noexcept {
        one.previous_ = last_;
        one.next_ = nullptr;
        (last_ != nullptr ? last_->next_ : first_) = &one;
        last_ = &one;
        ++size_;
    }
    /// Null when nobody waits.
    pool_waiter* take_first() noexcept {
        pool_waiter* const one = first_;
        if (one != nullptr) {
            first_ = std::exchange(one->next_, nullptr);
            (first_ != nullptr ? first_->previous_ : last_) = nullptr;
            --size_;
        }
        return one;
    }
    void remove(pool_waiter& one) noexcept {
        (one.previous_ != nullptr ? one.previous_->next_ : first_) = one.next_;
        (one.next_ != nullptr ? one.next_->previous_ : last_) = one.previous_;
        one.previous_ = nullptr;
        one.next_ = nullptr;
        --size_;
    }

private:
    pool_waiter* first_ = nullptr;
    pool_waiter* last_ = nullptr;
    std::size_t size_ = 0;
};

/// Who waits for the first connections.
struct initializer : pool_answer {
    detail::steady_time deadline = detail::steady_time::max();
    /// The first that came.
    std::optional<error_info> failure;
    std::optional<VoidResult> result;
    connection_pool::initialize_handler handler;
    session::pending_operation operation;

    void tell() override { handler(*std::move(result)); }
};

}  // namespace network_system::resilience
