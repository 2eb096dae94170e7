// Messages with ids: acknowledged by a server, each delivered once; see docs/DELIVERY.md.
#include "framed/session.h"
#include "utils/contain.h"
#include "utils/failure.h"

#include <array>
#include <cstring>
#include <mutex>
#include <utility>

namespace network_system::inline v0_1::session {

using delivery::claim_answer;
using protocol::frame_type;

struct framed_session::delivery_state final : delivery::receiver {
    explicit delivery_state(framed_session& session) : of(session) {}
    delivery_state(const delivery_state&) = delete;
    delivery_state& operator=(const delivery_state&) = delete;
    virtual ~delivery_state() = default;

    void acknowledge_later(std::uint64_t message) noexcept override { answer_later({0, message}); }
    void end_later(std::error_code reason) noexcept override {
        detail::insist(
            [&] { of.post_own([session = &of, reason] { session->begin_close(reason); }); });
    }
    void answer_later(const protocol::refusal& answer) noexcept {
        const std::lock_guard lock(mutex);
        // What is not sent for want of memory is asked again over the next connection.
        (void)detail::attempt_often([&] { later_answers.push_back(answer); });
        if (!is_posted) {
            is_posted = detail::attempt_often(
                [&] { of.post_own([session = &of] { session->send_later_answers(); }); });
        }
    }

    framed_session& of;

    // Of a client.
    std::shared_ptr<delivery_sender> sends;

    // Of a server: who it is that sends.
    delivery_id id{};
    std::shared_ptr<delivery::senders> all;
    std::shared_ptr<delivery::sender> sender;
    delivery::sender::epoch epoch = 0;
    std::uint64_t resent_up_to = 0;
    // The message that is being delivered; 0 for none.
    std::atomic<std::uint64_t> current{0};
    // Taken, and about to be acknowledged.
    protocol::acknowledgement taken;

    detail::shared_counter acknowledged;
    detail::shared_counter repeated;
    detail::shared_counter refused;

    std::mutex mutex;
    std::vector<protocol::refusal> later_answers;
    bool is_posted = false;
};

framed_session::~framed_session() {
    delete requests_.load(std::memory_order_acquire);
    delete delivery_.load(std::memory_order_acquire);
}

void framed_session::tell_gone(std::error_code counted) noexcept {
    if (const delivery_state* const state = delivery_.load(std::memory_order_relaxed);
        state != nullptr && state->sender) {
        state->all->leave(state->id, state->sender, state->epoch, loop()->now());
    }
    session_of::tell_gone(counted);
}

void framed_session::add_deliveries(session_metrics& all) const noexcept {
    if (const delivery_state* const state = delivery_.load(std::memory_order_acquire)) {
        all.messages_acknowledged = state->acknowledged;
        all.messages_repeated = state->repeated;
        all.messages_refused = state->refused;
    }
}

// A client, which sends them.

std::optional<protocol::delivery_hello> framed_session::announce_delivery(
    const protocol::hello& server) {
    if (delivery_parts_ == nullptr || !delivery_parts_->sends ||
        (server.capabilities & protocol::capability::delivery) == 0) {
        return std::nullopt;
    }
    auto state = std::make_unique<delivery_state>(*this);
    state->sends = delivery_parts_->sends;
    const auto known = state->sends->announce(server.incarnation);
    const protocol::delivery_hello said{state->sends->id(), known.resent_up_to,
                                        known.sent_here_up_to};
    delivery_.store(state.release(), std::memory_order_release);
    return said;
}

VoidResult framed_session::send_numbered(std::span<const std::uint8_t> data, std::uint64_t id,
                                         send_callback& done) {
    return detail::within_memory([&]() -> VoidResult {
        const delivery_state* const state = delivery_.load(std::memory_order_acquire);
        if (state == nullptr || !state->sends) {
            return detail::failure(
                errc::not_supported,
                describe("messages with ids need framing::message, client_options::delivery and a "
                         "server that acknowledges them; connection to"),
                messaging_session::id());
        }
        if (id == 0) {
            return detail::failure(errc::invalid_argument, "the id of a message is at least 1",
                                   messaging_session::id());
        }
        if (!is_sendable(data.size()) || (loop()->runs_here() && is_closing())) {
            return refusal_of(data.size());
        }
        std::array<std::uint8_t, protocol::message_header_size + protocol::message_id_size> header;
        protocol::write_header(header.data(), framing::message, frame_type::data,
                               protocol::frame_flags::message_id,
                               protocol::message_id_size + data.size());
        protocol::put(header.data() + protocol::message_header_size, id);
        const std::size_t wire_bytes = header.size() + data.size();
        return queue_frame(wire_bytes, [&](transport::write_queue& queue, bool is_own) {
            if (!done && wire_bytes <= transport::write_queue::copy_limit) {
                std::uint8_t* const to = queue.claim(wire_bytes);
                std::memcpy(to, header.data(), header.size());
                std::memcpy(to + header.size(), data.data(), data.size());
            } else {
                append_message(queue, is_own, header, data, std::move(done));
            }
            state->sends->record_sent(id);
        });
    });
}

bool framed_session::on_acknowledgement(bytes_view payload) {
    const auto taken = protocol::decode_acknowledgement(payload);
    delivery_state* const state = delivery_.load(std::memory_order_relaxed);
    if (!taken || state == nullptr || !state->sends) {
        return violate(errc::protocol_error,
                       taken ? "acknowledgement of no message" : "malformed acknowledgement");
    }
    state->acknowledged.add(taken->count);
    host().on_event(self(), delivery_answer::event,
                    delivery_answer{taken->first, taken->count, 0}.written());
    return takes_more();
}

bool framed_session::on_refusal(bytes_view payload) {
    delivery_state* const state = delivery_.load(std::memory_order_relaxed);
    const auto refused = protocol::decode_refusal(payload);
    if (!refused || state == nullptr || !state->sends) {
        return false;
    }
    state->refused.add();
    host().on_event(self(), delivery_answer::event,
                    delivery_answer{refused->message, 1, refused->code}.written());
    return true;
}

// A server, which acknowledges them.

bool framed_session::begin_receiving(const protocol::delivery_hello& said) {
    using outcome = delivery::senders::outcome;
    if (!accepts_delivery()) {
        return takes_more();  // a field that is not known here
    }
    auto state = std::make_unique<delivery_state>(*this);
    const auto agreed = tls();
    const bool has_certificate = agreed && agreed.value().peer;
    const std::shared_ptr<delivery::receiver> over(session(), state.get());
    auto joined = delivery_parts_->receives->join(
        said.id, has_certificate ? agreed.value().peer->fingerprint : std::string(),
        said.sent_here_up_to, over, loop()->now());
    if (joined.answer == outcome::full) {
        return violate(errc::server_full, "no room for one more sender of messages with ids");
    }
    if (joined.answer == outcome::other_certificate) {
        return violate(errc::protocol_error,
                       "the delivery id belongs to a peer with another certificate");
    }
    state->id = said.id;
    state->all = delivery_parts_->receives;
    state->sender = std::move(joined.who);
    state->epoch = joined.of;
    state->resent_up_to = said.resent_up_to;
    delivery_.store(state.release(), std::memory_order_release);
    if (joined.former) {
        joined.former->end_later(errc::already_exists);
    }
    return takes_more();
}

bool framed_session::on_flagged_message(const protocol::frame& frame) {
    namespace flags = protocol::frame_flags;
    if ((frame.flags & (flags::compressed | flags::encrypted)) != 0) {
        return violate(errc::pipeline_mismatch, "compressed or encrypted message, no pipeline");
    }
    // The decoder lets only one other flag through: the payload begins with a message id.
    const auto id = protocol::get<std::uint64_t>(frame.payload.data());
    delivery_state* const state = delivery_.load(std::memory_order_relaxed);
    if (state == nullptr || !state->sender || id == 0) {
        return violate(errc::protocol_error,
                       id == 0 ? "message with the id 0"
                               : "message with an id of a peer that has announced none");
    }
    // What was taken before need not wait for a pool, or for who asks, to be acknowledged.
    if (id <= state->resent_up_to &&
        state->sender->look_up(state->epoch, id) == claim_answer::duplicate) {
        count_received();
        state->repeated.add();
        send_answer({0, id});
        return takes_more();
    }
    return deliver_numbered(id, frame.payload.subspan(protocol::message_id_size));
}

bool framed_session::begin_delivery(std::uint64_t id) noexcept {
    delivery_state& state = *delivery_.load(std::memory_order_acquire);
    auto claimed = claim_answer::superseded;
    if (!detail::attempt([&] { claimed = state.sender->claim(state.epoch, id); })) {
        state.end_later(errc::out_of_memory);
        return false;
    }
    switch (claimed) {
        case claim_answer::fresh: state.current.store(id, std::memory_order_relaxed); return true;
        case claim_answer::duplicate:
            state.repeated.add();
            answer({0, id});
            break;
        case claim_answer::in_progress: state.repeated.add(); break;
        case claim_answer::expired:
            state.refused.add();
            answer({static_cast<int>(errc::delivery_expired), id});
            break;
        case claim_answer::forgotten:
            state.refused.add();
            answer({static_cast<int>(errc::delivery_forgotten), id});
            break;
        case claim_answer::superseded: break;
    }
    return false;
}

void framed_session::end_delivery(std::uint64_t id, bool is_taken) noexcept {
    delivery_state& state = *delivery_.load(std::memory_order_acquire);
    state.current.store(0, std::memory_order_relaxed);
    if (!is_taken) {
        if (const auto other = state.sender->abandon(state.epoch, id)) {
            other->end_later(errc::internal_error);
        }
        return;
    }
    const auto finished = state.sender->finish(state.epoch, id);
    if (finished.is_own) {
        state.acknowledged.add();
        answer({0, id});
    } else if (finished.other) {
        finished.other->acknowledge_later(id);
    }
}

delivery_info framed_session::delivery_of(std::uint64_t id) const noexcept {
    const delivery_state* const state = delivery_.load(std::memory_order_acquire);
    return id != 0 && state != nullptr ? delivery_info{id, id <= state->resent_up_to}
                                       : delivery_info{};
}

delivery_info framed_session::current_delivery() const noexcept {
    const delivery_state* const state = delivery_.load(std::memory_order_acquire);
    return delivery_of(state != nullptr ? state->current.load(std::memory_order_relaxed) : 0);
}

void framed_session::answer(const protocol::refusal& answer) noexcept {
    if (!loop()->runs_here()) {
        delivery_.load(std::memory_order_acquire)->answer_later(answer);
        return;
    }
    or_abort([&] { send_answer(answer); });
}

void framed_session::send_answer(const protocol::refusal& answer) {
    if (is_closing()) {
        return;
    }
    if (answer.code != 0) {
        send_acknowledgements();  // in the order of the messages
        send_control(protocol::encode_refusal(answer));
        return;
    }
    delivery_state& state = *delivery_.load(std::memory_order_relaxed);
    if (!state.taken.add(answer.message)) {
        send_acknowledgements();
        state.taken = {answer.message, 1};
    }
    if (!gathers_answers_) {
        send_acknowledgements();
    }
}

void framed_session::send_gathered() noexcept {
    // Also of a connection that is about to be aborted, which has not said its last words.
    if (transport().is_open()) {
        or_abort([this] { send_acknowledgements(); });
    }
}

void framed_session::send_acknowledgements() {
    delivery_state* const state = delivery_.load(std::memory_order_relaxed);
    if (state == nullptr) {
        return;
    }
    const auto taken = std::exchange(state->taken, {});
    if (taken.count == 1) {
        send_control(protocol::encode_token(frame_type::acknowledgement, taken.first));
    } else if (taken.count > 1) {
        send_control(protocol::encode_acknowledgement(taken));
    }
}

void framed_session::send_later_answers() {
    delivery_state& state = *delivery_.load(std::memory_order_relaxed);
    std::vector<protocol::refusal> answers;
    {
        const std::lock_guard lock(state.mutex);
        answers.swap(state.later_answers);
        state.is_posted = false;
    }
    const answering together(*this);
    for (const protocol::refusal& each : answers) {
        send_answer(each);
    }
}

}  // namespace network_system::session
