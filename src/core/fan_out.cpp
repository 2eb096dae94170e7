#include "core/fan_out.h"

#include "protocol/frame.h"
#include "session/framed_session.h"

#include <utility>

namespace network_system::core {
namespace {

transport::shared_frame encode(framing frames, std::span<const std::uint8_t> data) {
    const auto header = protocol::encode_header(frames, protocol::frame_type::data, 0, data.size());
    auto frame = std::make_shared<std::vector<std::uint8_t>>();
    frame->reserve(header.size + data.size());
    frame->insert(frame->end(), header.view().begin(), header.view().end());
    frame->insert(frame->end(), data.begin(), data.end());
    return frame;
}

}  // namespace

broadcast_result fan_out(const std::vector<std::shared_ptr<session::messaging_session>>& receivers,
                         framing frames, std::span<const std::uint8_t> data, std::string_view key,
                         const session::messaging_session* except) {
    using session::framed_session;
    const auto frame = encode(frames, data);
    broadcast_result result;
    session::wake_list wakes;
    for (const auto& each : receivers) {
        if (each.get() == except) {
            continue;
        }
        ++result.receivers;
        auto& receiver = static_cast<framed_session&>(*each);
        switch (receiver.offer(frame, data.size(), key, wakes)) {
            case framed_session::admission::granted: ++result.queued; break;
            case framed_session::admission::full: ++result.dropped; break;
            case framed_session::admission::closed: ++result.closed; break;
        }
    }
    return result;
}

}  // namespace network_system::core
