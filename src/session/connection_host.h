#pragma once

#include "runtime/callback_gate.h"
#include "utils/log.h"

#include <memory>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::session {

class connection;

/// The object a connection belongs to, whatever is spoken there: it runs the user's callbacks.
/// Called on the connection's loop, or, where a pool runs the callbacks, by one thread of it at a
/// time.
class connection_host : public std::enable_shared_from_this<connection_host> {
public:
    connection_host() : gate_(std::make_shared<runtime::callback_gate>()) {}
    connection_host(const connection_host&) = delete;
    connection_host& operator=(const connection_host&) = delete;
    virtual ~connection_host() = default;

    /// Guards the callbacks that run user code. What they throw is caught by the connection.
    [[nodiscard]] const std::shared_ptr<runtime::callback_gate>& gate() const noexcept {
        return gate_;
    }

    /// A user callback threw. Runs even when the gate is closed.
    virtual void on_callback_exception(const connection& who, std::string_view what) noexcept = 0;
    /// Whose the lines of the log about its connections are.
    [[nodiscard]] virtual detail::log_source writer() const noexcept { return {}; }

protected:
    /// A host in front of another one shares its gate.
    explicit connection_host(std::shared_ptr<runtime::callback_gate> gate)
        : gate_(std::move(gate)) {}

private:
    const std::shared_ptr<runtime::callback_gate> gate_;
};

}  // namespace network_system::session
