#pragma once

#include "os/native_socket.h"
#include "runtime/loop.h"
#include "runtime/name_lookup.h"

#include <network_system/utils/error_codes.h>

#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace network_system::inline v0_1::runtime {

/// How a connect ended: a socket, or why there is none.
struct connect_outcome {
    unique_socket socket;
    endpoint peer;
    /// Of several failures the one that tells most: a refusal before silence before the rest.
    errc code{};
    std::error_code cause{};
    /// Each address and its error ("[::1]:80: Connection refused; 127.0.0.1:80: no answer"), or
    /// what the resolver said. Empty when the caller named the one address itself.
    std::string text;

    [[nodiscard]] bool is_connected() const noexcept { return static_cast<bool>(socket); }
};

/// Resolves a name and connects to whichever of its addresses answers first (RFC 8305, "Happy
/// Eyeballs"): attempts begin 250 ms apart, or as soon as one fails, and run side by side.
///
///     resolving --> racing --> done
///         |         |    ^ | the first to connect wins, and the rest are closed
///         |         +----+ |
///         |      an attempt fails, or the delay is over: the next address
///         +-- no address --+-- none left, deadline or cancel --> done
///
/// A connection to itself is a refusal: TCP opens it (RFC 9293 section 3.5, simultaneous open) when
/// nobody listens at the target and the socket has got the target's port. It is reset, which leaves
/// the port to whoever wants to listen there.
///
/// Thread-safety: none; used on the loop's executor. Answers exactly once; from inside
/// `start` only when there is no memory to begin.
///
/// Object lifetimes: its owner keeps it until it has answered.
class connector final : public std::enable_shared_from_this<connector>,
                        private io_watch,
                        private deadline_entry {
public:
    using handler = unique_function<void(connect_outcome)>;
    /// More attempts at once cost more than they find: the oldest gives way to the next address.
    static constexpr std::size_t max_attempts = 16;

    connector(std::shared_ptr<loop> where, sockets::connect_settings settings);
    connector(const connector&) = delete;
    connector& operator=(const connector&) = delete;
    ~connector();

    void start(const std::string& host, std::uint16_t port, steady_time deadline, handler done);
    /// Ends the attempt with `connection_closed`.
    void cancel();

private:
    enum class state : std::uint8_t { idle, resolving, racing, done };
    /// One address's socket while it connects.
    class attempt final : public io_watch {
    public:
        attempt(connector& owner, const endpoint& peer) : owner_(owner), peer_(peer) {}

        [[nodiscard]] const endpoint& peer() const noexcept { return peer_; }

        void on_ready(interest) override { owner_.on_attempt_ready(*this); }
        /// The connector is told, too, and answers.
        void on_loop_shutdown() override {}

    private:
        connector& owner_;
        endpoint peer_;
    };
    struct failed_attempt {
        endpoint peer;
        errc code;
        std::error_code cause;
        /// In place of what the cause says.
        std::string text{};
    };

    /// Runs what the connecting goes on by. If memory runs out in it, it has failed.
    template <typename Work>
    void or_fail(const Work& work);
    void on_resolved(lookup_outcome found);
    void connect_to(lookup_outcome found);
    void end_attempt(attempt& which);
    void meet_deadline(steady_time now);
    /// False when no address is left.
    [[nodiscard]] bool keep_reachable_addresses();
    void try_next();
    [[nodiscard]] bool begin_attempt(const endpoint& peer);
    void schedule();
    void on_attempt_ready(attempt& which);
    /// Takes a connected socket, unless it is its own peer; false then.
    [[nodiscard]] bool accept(unique_socket socket, const endpoint& peer);
    void record_silence(const attempt& which);
    void drop(attempt& which);
    void stop_waiting() noexcept;
    void fail(errc code, std::error_code cause, std::string text);
    void finish_failed();
    void finish(connect_outcome outcome);
    [[nodiscard]] std::string describe_failures() const;

    // As a watch without a socket it is only told that the loop goes away, while it connects.
    void on_ready(interest) override {}
    void on_loop_shutdown() override;
    void on_deadline(steady_time now) override;

    std::shared_ptr<loop> loop_;
    sockets::connect_settings settings_;
    handler done_;
    std::string host_;
    steady_time deadline_{};
    std::shared_ptr<name_lookup> lookup_;
    std::vector<endpoint> addresses_;
    std::size_t next_address_ = 0;
    std::vector<std::shared_ptr<attempt>> attempts_;
    std::vector<failed_attempt> failures_;
    state state_ = state::idle;
    bool is_waiting_ = false;
    bool waits_for_room_ = false;
};

/// The registry number of a failed connect, read or write; a code of ours stays what it is.
[[nodiscard]] errc classify(std::error_code error, errc otherwise) noexcept;

}  // namespace network_system::runtime
