#include "framed/server_engine.h"

#include "protocol/framing/control_frames.h"
#include "utils/failure.h"
#include "utils/random.h"

#include <array>
#include <utility>

namespace network_system::inline v0_1::core {

framed_server_engine::framed_server_engine(std::string name, const server_options& options,
                                           std::shared_ptr<runtime::io_pool> pool,
                                           transport::transport_factory transports,
                                           std::shared_ptr<const server_callbacks> callbacks)
    : framed_engine_of(std::move(callbacks), std::move(name), options, std::move(pool),
                       std::move(transports)) {
    if (options.session.frames == framing::message) {
        const auto full = protocol::encode_goodbye(static_cast<int>(errc::server_full));
        const auto rejected = protocol::encode_goodbye(static_cast<int>(errc::connection_refused));
        refuse_with({full.begin(), full.end()}, {rejected.begin(), rejected.end()});
        if (options.delivery.max_senders > 0) {
            senders_ = std::make_shared<delivery::senders>(
                delivery::senders::limits{options.delivery.max_senders, options.delivery.window,
                                          options.delivery.forget_after},
                new_incarnation(options));
            use_delivery({senders_, nullptr});
        }
    }
}

server_metrics framed_server_engine::metrics() const {
    server_metrics all = server_engine::metrics();
    all.delivery_senders = senders_ ? senders_->count() : 0;
    return all;
}

std::uint64_t framed_server_engine::new_incarnation(const server_options& options) const {
    if (options.environment) {
        return pool_->loops().front()->random();  // what is replayed is the same again
    }
    // Not the loop's: peers see it, and could tell what else that draws.
    std::array<std::uint8_t, sizeof(std::uint64_t)> bytes{};
    detail::fill_random(bytes);
    return protocol::get<std::uint64_t>(bytes.data());
}

Result<encoded_message> framed_server_engine::encode(message_kind type,
                                                     std::span<const std::uint8_t> data) {
    if (data.empty()) {
        return detail::failure(errc::invalid_argument, "an empty message cannot be sent to many",
                               name_);
    }
    return encode_with(session::message_encoder(options().session.frames), type, data);
}

std::string_view framed_server_engine::protocol() const noexcept {
    switch (options().session.frames) {
        case framing::message: return "framing::message";
        case framing::length_prefixed: return "framing::length_prefixed";
        case framing::raw: return "framing::raw";
    }
    return {};
}

void framed_server_engine::notify_error(std::error_code error) {
    callbacks().failed(nullptr, error);
}

void framed_server_engine::on_open(const session_ptr& who) {
    callbacks().connected(who);
}

void framed_server_engine::on_closed(const session_ptr& who, std::error_code reason,
                                     bool was_open) {
    if (reason) {
        callbacks().failed(who, reason);
    }
    // The error callback may have destroyed the server.
    if (was_open && gate()->is_open()) {
        callbacks().disconnected(who, reason);
    }
}

}  // namespace network_system::core
