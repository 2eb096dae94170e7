#include "session/sending/wake_list.h"

#include "session/message_connection.h"
#include "utils/contain.h"

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::session {

void wake_list::add(std::shared_ptr<message_connection> session) {
    const auto& where = session->loop();
    auto found = std::find_if(groups_.begin(), groups_.end(),
                              [&](const group& each) { return each.where == where; });
    if (found == groups_.end()) {
        found = groups_.insert(groups_.end(), {where, std::make_shared<session_list>()});
    }
    found->sessions->push_back(std::move(session));
}

void wake_list::wake() noexcept {
    for (const group& each : std::exchange(groups_, {})) {
        unique_function<void()> tell = [sessions = each.sessions] {
            for (const auto& session : *sessions) {
                session->on_announced();
            }
        };
        if (!detail::insist([&] { each.where->post(std::move(tell)); })) {
            for (const auto& session : *each.sessions) {
                session->take_back_announcement();
            }
        }
    }
}

}  // namespace network_system::session
