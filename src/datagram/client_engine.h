#pragma once

#include "datagram/engine.h"
#include "lifecycle/awaited.h"
#include "runtime/name_lookup.h"

#include <mutex>
#include <optional>
#include <span>
#include <string_view>

namespace network_system::inline v0_1::core {

/// One run of a UDP client.
///
///     resolving --address, socket--> running --> ended
///         |                             |
///         +-- error, stop --------------+------> ended
///
/// Thread-safety: the public members from any thread; the rest on the loop.
class udp_client_engine final : public datagram_engine {
public:
    static constexpr std::string_view component_name = "messaging_udp_client";

    using start_callback = unique_function<void(VoidResult)>;

    udp_client_engine(std::string name, const udp_client_options& options,
                      std::shared_ptr<runtime::io_pool> pool, std::shared_ptr<runtime::loop> where,
                      std::shared_ptr<const datagram_callbacks> callbacks)
        : datagram_engine(std::move(name), std::move(pool), std::move(callbacks), options),
          options_(options), loop_(std::move(where)) {}

    [[nodiscard]] bool is_finished() const noexcept override {
        return has_failed_ || datagram_engine::is_finished();
    }
    [[nodiscard]] const udp_client_options& options() const noexcept { return options_; }
    /// Calls `done` exactly once, on the loop, unless the gate is closed first. `already_exists`,
    /// with nothing begun, when the id names another operation; `done` is left intact then.
    [[nodiscard]] VoidResult start(const std::string& host, std::uint16_t port,
                                   start_callback& done, session::operation_id operation);
    /// The same for another target of the running client.
    void set_target(const std::string& host, std::uint16_t port, start_callback done);
    /// Where datagrams go; unspecified until it runs.
    [[nodiscard]] endpoint target() const {
        const std::lock_guard lock(target_mutex_);
        return target_;
    }
    bool cancel(session::operation_id operation) override {
        return session::pending_operation::cancel(operation, this) ||
               datagram_engine::cancel(operation);
    }
    /// The start.
    void on_cancelled(session::operation_id operation) noexcept;
    /// The answer to the start, for a thread that waits for it; nothing when there is none in time.
    [[nodiscard]] std::optional<VoidResult> wait_for_start(
        std::chrono::steady_clock::time_point deadline) {
        return start_result_.wait_until(deadline);
    }

private:
    [[nodiscard]] std::string_view component() const noexcept override { return component_name; }
    /// A name that is being resolved, and what follows.
    struct pending_target {
        std::string host;
        std::uint16_t port;
        start_callback done;
        session::pending_operation operation;
    };
    using use_address = VoidResult (udp_client_engine::*)(const endpoint&);

    void look_up(const std::shared_ptr<pending_target>& target, use_address use);
    [[nodiscard]] VoidResult try_addresses(pending_target& target,
                                           const runtime::lookup_outcome& found, use_address use);
    [[nodiscard]] VoidResult open(const endpoint& target);
    [[nodiscard]] VoidResult retarget(const endpoint& target);
    /// Sends go there from now on. Error: what the system says.
    [[nodiscard]] std::error_code use_target(session::datagram_channel& channel,
                                             const endpoint& target);
    [[nodiscard]] error_info failed(errc code, const endpoint& target, std::error_code cause) const;
    void stop_starting() override;
    [[nodiscard]] std::span<const std::shared_ptr<runtime::loop>> loops() const noexcept override {
        return {&loop_, 1};
    }

    const udp_client_options options_;
    const std::shared_ptr<runtime::loop> loop_;
    std::vector<std::shared_ptr<runtime::name_lookup>> lookups_;
    mutable std::mutex target_mutex_;
    endpoint target_;
    std::atomic<bool> has_failed_{false};
    awaited<std::monostate> start_result_;
};

}  // namespace network_system::core
