#pragma once

#include "runtime/loop.h"
#include "session/pending_operation.h"

#include <network_system/session/request.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace network_system::inline v0_1::session {

/// A request that another thread has sent and the loop does not know yet.
struct new_request {
    std::uint64_t id;
    std::chrono::milliseconds timeout;
    pending_operation operation;
    response_handler done;
};

/// Who waits for the answer to a request that is no longer in the table.
struct asker {
    pending_operation operation;
    response_handler done;
};

/// The requests of one session that wait for their answers.
///
/// Thread-safety: none; used on the loop's executor. Only `size` may be read by any thread.
class request_table {
public:
    class owner {
    public:
        /// The deadline of a request, `timeout` after it was sent, has passed; it is no longer in
        /// the table.
        virtual void on_request_expired(asker waiting, std::chrono::milliseconds timeout) = 0;

    protected:
        ~owner() = default;
    };

    request_table(runtime::loop& where, owner& to) : loop_(where), owner_(to) {}
    request_table(const request_table&) = delete;
    request_table& operator=(const request_table&) = delete;
    ~request_table() = default;

    /// Moves the request, or throws std::bad_alloc with nothing done.
    void add(new_request&& request);
    /// Takes a request out; nothing when it is not (or no longer) pending.
    [[nodiscard]] std::optional<asker> take(std::uint64_t id);
    [[nodiscard]] std::optional<asker> take(operation_id operation);
    /// Any of them: the connection is gone.
    [[nodiscard]] std::optional<asker> take_any();

    [[nodiscard]] std::size_t size() const noexcept {
        return size_.load(std::memory_order_relaxed);
    }

private:
    struct pending final : runtime::deadline_entry {
        void on_deadline(runtime::steady_time) override { table->expire(id); }

        request_table* table = nullptr;
        std::uint64_t id = 0;
        pending_operation operation;
        std::chrono::milliseconds timeout{0};
        response_handler done;
    };
    using table = std::unordered_map<std::uint64_t, pending>;

    void expire(std::uint64_t id);
    [[nodiscard]] bool has_room_for_spare() noexcept;
    [[nodiscard]] asker extract(table::iterator found);

    runtime::loop& loop_;
    owner& owner_;
    table pending_;
    // Emptied nodes, so that a steady stream of requests allocates none.
    std::vector<table::node_type> spare_;
    std::atomic<std::size_t> size_{0};
};

}  // namespace network_system::session
