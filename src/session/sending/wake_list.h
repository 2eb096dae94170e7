#pragma once

#include "runtime/loop.h"

#include <memory>
#include <vector>

namespace network_system::inline v0_1::session {

class message_connection;

/// The sessions that have to be told of what another thread has queued: each loop is woken once,
/// however many of its sessions there are.
class wake_list {
public:
    wake_list() = default;
    wake_list(const wake_list&) = delete;
    wake_list& operator=(const wake_list&) = delete;
    ~wake_list() { wake(); }

    void add(std::shared_ptr<message_connection> session);
    /// Tells all of them. What is added later is told then, or by the destructor. Those of a loop
    /// that there is no memory to wake by are told with what is sent to them next.
    void wake() noexcept;

private:
    using session_list = std::vector<std::shared_ptr<message_connection>>;
    struct group {
        std::shared_ptr<runtime::loop> where;
        std::shared_ptr<session_list> sessions;
    };
    std::vector<group> groups_;
};

}  // namespace network_system::session
