#include "server/fan_out.h"

#include "server/shared_offer.h"

#include <utility>

namespace network_system::inline v0_1::core {

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
    broadcast_result result;
    session::shared_offer offer(message.frame, message.size, key);
    for (const auto& each : receivers) {
        auto* const own = each->implementation();
        if (own != nullptr && each.get() != except) {
            ++result.receivers;
            offer.offer_to(*own);
        }
    }
    const auto& outcome = offer.settle();
    result.queued = outcome.queued;
    result.dropped = outcome.refused;
    result.closed = outcome.closed;
    return result;
}

}  // namespace network_system::core
