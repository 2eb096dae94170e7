#include "runtime/loop.h"

#include "utils/contain.h"

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::runtime {
namespace {

// Several large messages fit, so that most are delivered whole, without a copy; more than that
// would fall out of the processor's cache before it is looked at.
constexpr std::size_t read_buffer_size = std::size_t{256} * 1024;
// Output written at the end of a batch completes sends, whose callbacks may send again: bounded,
// so that one chatty object cannot keep the loop from its sockets.
constexpr int flush_rounds = 4;
// A goodbye or a ping for each of many connections takes a block for each: more than 4 MiB of them
// do not wait for the end of the batch.
constexpr std::size_t most_blocks = 256;
// How many tasks and retired objects there is always room for, while memory lasts: what ends things
// must not need any.
constexpr std::size_t kept_ahead = 256;
// What a storm has made grow is given back.
constexpr std::size_t most_kept = 4096;

template <typename T>
void reserve_ahead(std::vector<T>& items) noexcept {
    if (items.capacity() - items.size() < kept_ahead) {
        try {
            items.reserve(std::max(2 * items.capacity(), 2 * kept_ahead));
        } catch (const std::bad_alloc&) {
            // There may be room for this one still.
        }
    }
}

template <typename T>
void empty_and_keep(std::vector<T>& items) {
    items.clear();
    if (items.capacity() > most_kept) {
        std::vector<T>().swap(items);
        reserve_ahead(items);
    }
}

}  // namespace

constinit thread_local loop* loop::current_ = nullptr;
constinit thread_local bool loop::runs_callbacks_ = false;

loop::loop(const make_driver& driver, const make_poller& sockets, time_source& time, network& net)
    : time_(time), net_(net), now_(time.now()), deadlines_(now_),
      read_buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(read_buffer_size)),
      driver_(driver(*this)), poller_(sockets(*this)) {
    tasks_.reserve(2 * kept_ahead);
    running_tasks_.reserve(2 * kept_ahead);
    retired_.reserve(2 * kept_ahead);
    freed_.reserve(2 * kept_ahead);
}

loop::~loop() {
    shutdown();
}

loop::batch_scope::batch_scope(loop& owner) noexcept
    : owner_(owner), previous_(std::exchange(current_, &owner)) {
    owner_.now_ = owner_.time_.now();
    owner_.long_steps_ = 0;
}

loop::batch_scope::~batch_scope() {
    owner_.finish_batch();
    current_ = previous_;
}

void loop::post(unique_function<void()>&& task) {
    if (belongs_here()) {
        const std::lock_guard lock(mutex_);
        if (!is_shut_down_) {
            add_task(task);
        }
    }
}

bool loop::post_before(const std::atomic<bool>& end, unique_function<void()>&& task) {
    if (!belongs_here()) {
        return false;
    }
    // Asked under the lock: whatever is posted after the end was set is behind this task.
    const std::lock_guard lock(mutex_);
    if (is_shut_down_ || end.load(std::memory_order_acquire)) {
        return false;
    }
    add_task(task);
    return true;
}

void loop::add_task(unique_function<void()>& task) {
    reserve_ahead(tasks_);
    tasks_.push_back(std::move(task));
    if (wake_pending_) {
        return;
    }
    try {
        driver_->wake();
    } catch (...) {
        task = std::move(tasks_.back());
        tasks_.pop_back();
        throw;
    }
    wake_pending_ = true;
}

bool loop::context_runs_here() const noexcept {
    if (runs_here()) {
        return true;
    }
    if (!belongs_here()) {
        return false;
    }
    const std::lock_guard lock(mutex_);
    return driver_ != nullptr && driver_->runs_in_this_thread();
}

std::span<std::uint8_t> loop::read_buffer() noexcept {
    return {read_buffer_.get(), read_buffer_size};
}

std::span<std::uint8_t> loop::large_buffer(std::size_t size) {
    if (large_buffer_size_ < size) {
        large_buffer_ = std::make_unique_for_overwrite<std::uint8_t[]>(size);
        large_buffer_size_ = size;
    }
    return {large_buffer_.get(), large_buffer_size_};
}

void loop::mark_dirty(flushable& output) noexcept {
    if (!std::exchange(output.is_dirty_, true)) {
        output.next_dirty_ = std::exchange(dirty_, &output);
    }
}

void loop::retire(std::shared_ptr<void> object) noexcept {
    reserve_ahead(retired_);
    try {
        retired_.push_back(std::move(object));
    } catch (const std::bad_alloc&) {
        alignas(std::shared_ptr<void>) std::byte never_released[sizeof object];
        ::new (static_cast<void*>(never_released)) std::shared_ptr<void>(std::move(object));
        detail::log_limited(detail::log_kind::memory, {"loop"},
                            "no memory to free an object by: it is kept for ever");
    }
}

bool loop::enter_another(const std::shared_ptr<callback_gate>& gate) {
    leave_gate();
    if (is_silenced() || !gate->try_enter()) {
        return false;
    }
    entered_gate_ = gate;
    return true;
}

void loop::leave_gate() noexcept {
    if (entered_gate_) {
        const auto left = std::move(entered_gate_);
        entered_gate_.reset();
        left->leave();
    }
}

void loop::run_tasks() {
    run_batch([this] {
        {
            const std::lock_guard lock(mutex_);
            running_tasks_.swap(tasks_);
            wake_pending_ = false;
        }
        for (auto& task : running_tasks_) {
            detail::contain(task);
            flush_early();
        }
        empty_and_keep(running_tasks_);
    });
}

void loop::run_deadlines() {
    wake_requested_ = steady_time::max();
    run_batch([this] { deadlines_.advance(now_, [this] { flush_early(); }); });
}

void loop::flush_early() {
    if (blocks_.taken() - blocks_at_flush_ >= most_blocks) {
        flush_dirty();
    }
}

void loop::flush_dirty() {
    blocks_at_flush_ = blocks_.taken();
    for (int round = 0; round < flush_rounds && dirty_ != nullptr; ++round) {
        flushable* output = std::exchange(dirty_, nullptr);
        while (output != nullptr) {
            flushable* const next = std::exchange(output->next_dirty_, nullptr);
            output->is_dirty_ = false;
            detail::contain([output] { output->flush(); });
            output = next;
        }
    }
}

void loop::finish_batch() {
    flush_dirty();
    leave_gate();
    if (!retired_.empty() && dirty_ == nullptr) {
        free_retired();
    }
    if (dirty_ != nullptr || !retired_.empty()) {
        detail::insist([this] { post([] {}); });
    }
    if (poller_ != nullptr) {
        detail::insist([this] { request_deadline_wake(); });
        detail::insist([this] { poller_->arm(); });
    }
}

void loop::free_retired() {
    // Swapped out first: destructors may run user code that retires or sends more.
    std::vector<std::shared_ptr<void>> freed = std::exchange(freed_, {});
    freed.swap(retired_);
    empty_and_keep(freed);
    if (freed_.capacity() < freed.capacity()) {
        freed_.swap(freed);
    }
}

void loop::request_deadline_wake() {
    const auto next = deadlines_.next();
    if (!next) {
        if (std::exchange(wake_requested_, steady_time::max()) != steady_time::max()) {
            driver_->cancel_wake_at();
        }
    } else if (*next < wake_requested_) {
        driver_->wake_at(*next);
        wake_requested_ = *next;
    }
}

void loop::shutdown() noexcept {
    if (!belongs_here()) {
        close_copies();
        // They would say goodbye, or wait.
        (void)poller_.release();
        (void)driver_.release();
        return;
    }
    std::vector<unique_function<void()>> dropped;
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(is_shut_down_, true)) {
            return;
        }
        dropped.swap(tasks_);
    }
    loop* const previous = std::exchange(current_, this);
    poller_->shutdown();
    dropped.clear();
    leave_gate();
    std::exchange(retired_, {}).clear();
    current_ = previous;
    poller_.reset();
    const std::lock_guard lock(mutex_);
    driver_.reset();
}

void loop::close_copies() noexcept {
    if (poller_ != nullptr) {
        poller_->close_copies();
    }
    if (driver_ != nullptr) {
        driver_->close_copies();
    }
    if (current_ == this) {
        // Forked inside a callback: the only thread of the child is no I/O thread any more.
        current_ = nullptr;
        runs_callbacks_ = false;
    }
}

void loop::rebuild_after_fork() {
    made_in_.renew();
    poller_->rebuild_after_fork();
    run_batch([] {});
}

}  // namespace network_system::runtime
