#include "core/fan_out.h"

#include "session/framed_session.h"

namespace network_system::core {

broadcast_result fan_out(const std::vector<std::shared_ptr<session::messaging_session>>& receivers,
                         const encoded_message& message, std::string_view key,
                         const session::messaging_session* except) {
    using session::framed_session;
    broadcast_result result;
    session::wake_list wakes;
    for (const auto& each : receivers) {
        if (each.get() == except) {
            continue;
        }
        ++result.receivers;
        auto& receiver = static_cast<framed_session&>(*each);
        switch (receiver.offer(message.frame, message.size, key, wakes)) {
            case framed_session::admission::granted: ++result.queued; break;
            case framed_session::admission::full: ++result.dropped; break;
            case framed_session::admission::closed: ++result.closed; break;
        }
    }
    return result;
}

}  // namespace network_system::core
