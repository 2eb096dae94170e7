#include "session/wake_list.h"

#include "session/stream_session.h"

#include <algorithm>
#include <utility>

namespace network_system::session {

void wake_list::add(std::shared_ptr<stream_session> session) {
    const auto& where = session->where();
    auto found = std::find_if(groups_.begin(), groups_.end(),
                              [&](const group& each) { return each.where == where; });
    if (found == groups_.end()) {
        found = groups_.insert(groups_.end(), {where, {}});
    }
    found->sessions.push_back(std::move(session));
}

void wake_list::wake() {
    for (group& each : std::exchange(groups_, {})) {
        each.where->post([sessions = std::move(each.sessions)] {
            for (const auto& session : sessions) {
                session->on_announced();
            }
        });
    }
}

}  // namespace network_system::session
