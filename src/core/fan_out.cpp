#include "core/fan_out.h"

#include "session/stream_session.h"

#include <utility>

namespace network_system::core {

encoded_message encode_with(const session::message_encoder& encoder, session::message_kind kind,
                            std::span<const std::uint8_t> data) {
    auto frame =
        std::make_shared<std::vector<std::uint8_t>>(encoder.header_size(data.size()) + data.size());
    // Servers do not mask.
    encoder.write(frame->data(), kind, data, [] { return websocket::masking_key{}; });
    return {std::move(frame), data.size()};
}

broadcast_result fan_out(const std::vector<std::shared_ptr<session::messaging_session>>& receivers,
                         const encoded_message& message, std::string_view key,
                         const session::messaging_session* except) {
    using session::stream_session;
    broadcast_result result;
    session::wake_list wakes;
    for (const auto& each : receivers) {
        if (each.get() == except) {
            continue;
        }
        ++result.receivers;
        auto& receiver = stream_session::of(*each);
        switch (receiver.offer(message.frame, message.size, key, wakes)) {
            case stream_session::admission::granted: ++result.queued; break;
            case stream_session::admission::full: ++result.dropped; break;
            case stream_session::admission::closed: ++result.closed; break;
        }
    }
    return result;
}

}  // namespace network_system::core
