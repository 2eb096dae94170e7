#pragma once

#include <network_system/export.h>
#include <network_system/resilience/pool_options.h>
#include <network_system/session/messaging_session.h>
#include <network_system/session/operation.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace network_system::inline v0_1::core {

class messaging_client;
class messaging_ws_client;

}  // namespace network_system::core

namespace network_system::inline v0_1::resilience {

class pool_core;
struct pool_entry;

/// A connection of a pool, for one user at a time: until it is released or destroyed, nobody else
/// gets it.
///
/// Thread-safety: as a value; its session may be used from any thread.
///
/// Object lifetimes: may outlive its pool. The connection then works until the lease is released,
/// and is closed with it.
class [[nodiscard]] lease {
public:
    using session_ptr = std::shared_ptr<session::messaging_session>;

    /// An empty one.
    lease() noexcept = default;
    lease(lease&& other) noexcept
        : core_(std::move(other.core_)), entry_(std::exchange(other.entry_, nullptr)),
          session_(std::move(other.session_)) {}
    lease& operator=(lease&& other) noexcept {
        if (this != &other) {
            release();
            core_ = std::move(other.core_);
            entry_ = std::exchange(other.entry_, nullptr);
            session_ = std::move(other.session_);
        }
        return *this;
    }
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    ~lease() { release(); }

    explicit operator bool() const noexcept { return entry_ != nullptr; }

    /// The connection as it was when it was acquired; null when empty. One that breaks is replaced
    /// in the pool, not here: its sends fail, and whoever wants another connection acquires one.
    [[nodiscard]] const session_ptr& session() const noexcept { return session_; }
    /// Precondition: not empty.
    session::messaging_session* operator->() const noexcept { return session_.get(); }

    /// The client that makes the connection, while this holds it: for its blocking calls. Null for
    /// connections of the other kind, and when empty. It goes on with the connection that replaces
    /// a broken one. Stopping it is a `discard`; starting it is a mistake.
    [[nodiscard]] NETWORK_SYSTEM_EXPORT core::messaging_client* client() const noexcept;
    [[nodiscard]] NETWORK_SYSTEM_EXPORT core::messaging_ws_client* websocket() const noexcept;

    /// Gives the connection back; this is empty then. Whoever waits longest gets it.
    void release() noexcept {
        if (entry_ != nullptr) {
            give_back(condition::reusable);
        }
    }
    /// The same for a connection that nobody must get again, such as one whose conversation was
    /// left half-way. It is closed, and another one is made if it is needed.
    void discard() noexcept {
        if (entry_ != nullptr) {
            give_back(condition::used_up);
        }
    }

private:
    friend class pool_core;
    enum class condition : std::uint8_t { reusable, used_up };

    lease(std::shared_ptr<pool_core> core, pool_entry* entry, session_ptr session) noexcept
        : core_(std::move(core)), entry_(entry), session_(std::move(session)) {}
    NETWORK_SYSTEM_EXPORT void give_back(condition how) noexcept;

    std::shared_ptr<pool_core> core_;
    pool_entry* entry_ = nullptr;
    session_ptr session_;
};

/// Connections to one server that are kept and lent: TCP, TLS, WebSocket or wss.
///
///     resilience::connection_pool pool("db.example", 7000, 8);
///     auto connection = pool.acquire();
///     if (connection.is_err()) {
///         log(connection.error().message);  // why there is none
///         return;
///     }
///     (void)connection.value()->send_packet("hello");
///
/// A connection that breaks is made again in the background, by the reconnection that all clients
/// have; `min_size` connections are kept. Whoever waits gets connections in the order of asking,
/// and when none can be had learns why: how many are in use, or what making one has failed with. A
/// refusal that would be the same again (a certificate that does not verify) ends the wait of all
/// who could only wait for a new connection; the next `acquire` tries again, though not before
/// `reconnect_options::initial_delay` has passed: until then it is told the same.
///
/// A connection that was used last is lent first, so that those too many become idle and end. With
/// `pool_options::health` one that has gone quiet is lent to nobody until it answers again.
/// Answers to requests that were given up do no harm to the next user; messages and whatever else
/// of a conversation do: then `lease::discard`.
///
/// Thread-safety: every member may be called from any thread and from any callback. No user code
/// runs under a lock.
///
/// Object lifetimes: the destructor shuts down. Leases may outlive the pool. Static pools end
/// cleanly at the exit of the process; in a forked child everything fails with `not_supported`.
class NETWORK_SYSTEM_EXPORT connection_pool {
public:
    /// Gets a lease, or why there is none. Runs once, on an I/O thread of the library's, never two
    /// of one pool at the same time; inside `shutdown` (or the destructor) when that ends the wait.
    /// What it throws is logged.
    using acquire_handler = unique_function<void(Result<lease>)>;
    using initialize_handler = unique_function<void(VoidResult)>;

    /// `size` connections at `host` and `port`, as many at least as at most.
    connection_pool(std::string host, std::uint16_t port, std::size_t size = 10);
    /// Options that are wrong are told by `initialize` and `acquire`: `invalid_argument`.
    explicit connection_pool(const pool_options& options, pool_callbacks callbacks = {});
    connection_pool(const connection_pool&) = delete;
    connection_pool& operator=(const connection_pool&) = delete;
    ~connection_pool();

    /// Makes `min_size` connections, and blocks until they are made or have failed once; at most
    /// for `connect_timeout`. Ok when there is a connection, or none is to be kept. After an error,
    /// the first that came, the pool goes on trying. `acquire` does not need it: it makes
    /// connections, too.
    ///
    /// Errors: those of `messaging_client::start_client`, `invalid_argument` (the message names the
    /// option), `connection_closed` (shut down), `would_block` (inside a library callback, or on
    /// the thread that runs the user's io_context), `not_supported` (a forked child; a build
    /// without TLS or WebSocket).
    [[nodiscard]] VoidResult initialize();
    /// The same without blocking. When the answer here is an error, the handler does not run.
    [[nodiscard]] VoidResult initialize(
        initialize_handler&& handler,
        session::operation_id operation = session::operation_id::none);

    /// A connection, or a wait of at most `acquire_timeout` for one.
    ///
    /// Errors: `connection_timeout` (the message says why: what is in use, and what making one has
    /// failed with last, which is in the details), `would_block` (where nothing may block and none
    /// is idle, or it does not wait), `rate_limited` (`max_waiting`), `connection_closed` (shut
    /// down), the last refusal (see above), and those of `initialize`.
    [[nodiscard]] Result<lease> acquire();
    /// The same with another time; `invalid_argument` when it is negative.
    [[nodiscard]] Result<lease> acquire(std::chrono::milliseconds timeout);
    /// The same without waiting; one is made for the next time if there may be more.
    [[nodiscard]] Result<lease> try_acquire();
    /// The same without blocking; waits for at most `acquire_timeout`. The handler never runs
    /// inside this call; when the answer here is an error it does not run at all. `operation` names
    /// the wait for `cancel`: `already_exists` if it names another one.
    [[nodiscard]] VoidResult acquire(acquire_handler&& handler,
                                     session::operation_id operation = session::operation_id::none);
    /// Cancels an acquire or initialize with a handler; see session::cancel_operation.
    bool cancel(session::operation_id operation);

    /// As `lease::release`.
    void release(lease&& given_back) noexcept { given_back.release(); }

    /// Ends it: whoever waits gets `connection_closed`, and connections that nobody has leased are
    /// stopped, as `messaging_client::stop_client` stops them. Blocks until that is done, and no
    /// callback runs any more; inside a library callback it only begins. Leases stay valid until
    /// they are released. Idempotent.
    discardable_result shutdown();

    /// Leases that are out.
    [[nodiscard]] std::size_t active_count() const;
    /// Open connections: leased, idle and set aside.
    [[nodiscard]] std::size_t pool_size() const;
    [[nodiscard]] std::size_t idle_count() const;
    [[nodiscard]] pool_metrics metrics() const;
    [[nodiscard]] const server_address& server() const noexcept;

private:
    friend class connection_pools;

    // Shared with leases.
    const std::shared_ptr<pool_core> core_;
};

}  // namespace network_system::resilience
