#pragma once

#include "lifecycle/callbacks/dispatcher.h"
#include "lifecycle/callbacks/records.h"
#include "runtime/loop.h"
#include "session/message_connection.h"
#include "session/message_host.h"

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <system_error>

namespace network_system::inline v0_1::core {

/// Where the callbacks of an engine's sessions run instead of on its loops.
struct callback_pool {
    std::shared_ptr<callback_dispatcher> dispatcher;
    /// Bytes that may wait for each session before its socket is not read any more.
    std::size_t queue_limit;
    spare_records spare;
};

/// The host of one session whose callbacks run on a pool: it stands between the session and its
/// engine. On the loop it writes down what is to be called and hands that over once per batch; the
/// dispatcher's threads deliver it, in order, one at a time.
///
///     loop:  session --records--> staged --end of batch--> published
///     pool:                                    run --swap--> delivering --> engine
///
/// The engine hears `on_gone` after the last callback. If the pool ends, nothing is delivered any
/// more: the session is closed with `internal_error`, and the engine hears of its end all the same.
///
/// Thread-safety: what message_host declares on the session's loop, `run` on one thread at a time.
class pooled_callbacks final : public session::message_host,
                               public callback_source,
                               private runtime::flushable {
public:
    pooled_callbacks(std::shared_ptr<session::message_host> engine,
                     std::shared_ptr<callback_pool> pool, std::shared_ptr<runtime::loop> where);

private:
    using session_ptr = session::session_ptr;
    using kind = callback_records::kind;

    enum class after_run : std::uint8_t { rest, again, end };

    // On the loop.
    void on_established(const session_ptr& who) override { engine_->on_established(who); }
    void on_open(const session_ptr& who) override;
    void on_message(const session_ptr& who, session::message_kind type,
                    std::span<const std::uint8_t> data) override;
    void on_numbered_message(const session_ptr& who, std::span<const std::uint8_t> data,
                             std::uint64_t id) override;
    void on_request(const session_ptr& who, std::span<const std::uint8_t> data,
                    detail::request_call& call) override;
    void on_writable(const session_ptr& who) override;
    void on_event(const session_ptr& who, std::uint32_t what,
                  std::span<const std::uint8_t> data) override;
    void on_closed(const session_ptr& who, std::error_code reason, bool was_open) override;
    void on_gone(const session_ptr& who, std::error_code reason,
                 const session::session_metrics& totals) noexcept override;
    void on_callback_exception(const session::connection& who,
                               std::string_view what) noexcept override;
    [[nodiscard]] detail::log_source writer() const noexcept override { return engine_->writer(); }
    void flush() override;
    void stage(kind what, std::uint64_t id, std::span<const std::uint8_t> data);
    void publish(bool is_last);
    [[nodiscard]] bool add_staged() noexcept;
    void hand_over();
    void read_again(const session_ptr& who);

    // On the pool.
    [[nodiscard]] bool run() override;
    [[nodiscard]] after_run deliver_some(bool may_call);
    [[nodiscard]] after_run fetch();
    void deliver(const callback_records::record& next, bool may_call);
    template <typename Callback>
    void call(const Callback& callback);

    // Anywhere.
    [[nodiscard]] std::shared_ptr<pooled_callbacks> self() {
        return std::static_pointer_cast<pooled_callbacks>(shared_from_this());
    }
    void drop() noexcept override;
    void end_session(const session_ptr& who) const;
    void count_unread(callback_records& lost) const noexcept;
    void finish() noexcept;

    const std::shared_ptr<session::message_host> engine_;
    const std::shared_ptr<callback_pool> pool_;
    const std::shared_ptr<runtime::loop> loop_;
    // Set on the loop before anything is published; let go at the end.
    session_ptr who_;
    // What the end was to the callbacks, and what it is in the books.
    std::error_code reason_;
    std::error_code counted_;
    bool has_closed_callback_ = false;
    bool was_open_ = false;

    // The loop's.
    callback_records staged_;
    bool must_start_workers_ = false;

    // Guards what follows up to the pool's own.
    std::mutex mutex_;
    callback_records published_;
    std::size_t waiting_bytes_ = 0;
    bool is_scheduled_ = false;
    bool is_held_ = false;
    bool is_last_published_ = false;
    bool is_pool_gone_ = false;

    callback_records delivering_;
    bool is_refused_ = false;
};

}  // namespace network_system::core
