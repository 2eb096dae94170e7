#include "framed/session.h"

#include <utility>

namespace network_system::inline v0_1::session {

framed_session::framed_session(std::shared_ptr<transport::transport> over,
                               std::shared_ptr<message_host> host, const session_setup& setup,
                               const delivery_parts* delivery)
    : session_of(std::move(over), std::move(host), setup, message_encoder(setup.settings->frames)),
      decoder_(config().frames, config().max_message_size), delivery_parts_(delivery) {}

void framed_session::before_start() {
    if (role() == connection_role::server && is_framed()) {
        // First of all, whoever sends when: the stream may take bytes later only.
        protocol::hello said;
        said.max_message_size = static_cast<std::uint32_t>(config().max_message_size);
        said.capabilities = protocol::capability::common;
        if (accepts_delivery()) {
            said.capabilities |= protocol::capability::delivery;
            said.incarnation = delivery_parts_->receives->incarnation();
        }
        transport().queue().append(protocol::encode_hello(said));
        publish_queued();
    }
}

void framed_session::on_open() {
    log_handshake();
    if (role() == connection_role::server || !is_framed()) {
        guarded([this] { open(); });
    }
}

bool framed_session::write_ping(std::uint64_t token) {
    return send_control(protocol::encode_token(protocol::frame_type::ping, token));
}

void framed_session::announce_end() {
    if ((peer_knows_ & protocol::capability::draining) != 0) {
        send_control(protocol::encode_draining());
    }
}

bool framed_session::has_work() const noexcept {
    const request_state* const calls = requests_.load(std::memory_order_acquire);
    return calls != nullptr && (calls->pending() > 0 || calls->unanswered() > 0);
}

void framed_session::finish(std::error_code reason) {
    send_acknowledgements();
    if (is_framed() && !peer_said_goodbye_) {
        // 0 says that all is well: no error is told as that.
        transport().queue().append(
            protocol::encode_goodbye(reason ? static_cast<int>(end_code(reason)) : 0));
    }
    publish_queued();
    close_transport(reason, peer_said_goodbye_ ? transport::peer_state::is_done
                                               : transport::peer_state::speaks);
}

session_metrics framed_session::metrics() const noexcept {
    session_metrics all = session_of::metrics();
    if (const request_state* const calls = requests_.load(std::memory_order_acquire)) {
        const auto read = [](const auto& number) { return number.load(std::memory_order_relaxed); };
        // Ids are counted in twos: the loop's from 2 on, those of other threads from 3 on.
        all.requests_sent = read(calls->last_own_id) / 2 + (read(calls->last_remote_id) - 1) / 2;
        all.requests_received = calls->received;
        all.request_timeouts = calls->timeouts;
        all.late_responses = calls->late;
        if (!is_gone()) {
            all.requests_pending = calls->pending();
            all.requests_unanswered = calls->unanswered();
        }
    }
    add_deliveries(all);
    return all;
}

}  // namespace network_system::session
