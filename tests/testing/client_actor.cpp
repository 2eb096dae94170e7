#include "testing/scenario.h"

#include <stdexcept>
#include <utility>

namespace network_system::inline v0_1::testing {

void client_actor::make() {
    core::client_options options;
    options.session = random_session();
    options.connect_timeout = milliseconds{500 + in_.below(10'000)};
    options.drain_timeout = milliseconds{in_.one_in(5) ? 0 : in_.below(5'000)};
    options.callback_pool = in_.maybe_pool();
    options.callback_queue_limit = std::size_t{1} << (8 + in_.below(12));
    client_ = std::make_unique<messaging_client>(
        name_, in_.world().on_host("clients-" + std::to_string(in_.below(2)), options));
    set_callbacks();
    start();
}

connection_end* client_actor::end() {
    return connected_ ? &in_.books().client_end(connected_) : nullptr;
}

void client_actor::set_callbacks() {
    client_->set_connected_callback(guarded([this] {
        const auto session = client_->get_session();
        if (!session) {
            in_.fail(name_ + ": connected, and there is no session");
            return;
        }
        connected_ = session.value();
        end()->is_conflating = session_.policy == send_policy::conflate;
        receive(connected_, *end());
        act_on(connected_, *end());
    }));
    client_->set_receive_callback(
        guarded([this](std::span<const std::uint8_t> data) { on_message(data); }));
    client_->set_request_callback(
        guarded([this](std::span<const std::uint8_t> data, session::responder responder) {
            answer(*end(), data, std::move(responder));
        }));
    client_->set_error_callback(guarded([this](std::error_code error) { end()->error = error; }));
    client_->set_disconnected_callback(guarded([this] {
        if (end() == nullptr || end()->is_closed) {
            in_.fail(name_ + ": disconnected without a connection");
            return;
        }
        end()->is_closed = true;
        connected_.reset();
        if (in_.one_in(3)) {
            start();
        }
    }));
    client_->set_writable_callback(guarded([this] { send(connected_, *end()); }));
}

void client_actor::on_message(std::span<const std::uint8_t> data) {
    if (!connected_) {
        in_.fail(name_ + ": a message without a connection");
        return;
    }
    const session_ptr from = connected_;
    connection_end& own = in_.books().client_end(from);
    own.received.push_back(digest::of(data));
    if (in_.one_in(3)) {
        act_on(from, own);
    }
    if (in_.one_in(60)) {
        stop();
    } else if (in_.one_in(80)) {
        throw std::runtime_error("a callback that throws");
    } else if (in_.one_in(100)) {
        destroy();
    }
}

void client_actor::start() {
    if (in_.is_winding_up()) {
        return;
    }
    const auto question = in_.question();
    const auto operation = session::next_operation_id();
    const auto result = client_->start_client(in_.one_in(20) ? "nobody" : in_.any_server(),
                                              in_.one_in(20) ? 1 : port,
                                              guarded([this, question](const VoidResult& answer) {
                                                  count_answer(*question, answer);
                                                  --starting_;
                                              }),
                                              operation);
    if (result) {
        last_start_ = operation;
        last_start_question_ = question;
    }
    question->was_accepted = result.is_ok();
    starting_ += result ? 1 : 0;
    const bool is_known = result || result.error().code == static_cast<int>(errc::already_exists);
    if (!is_known) {
        in_.fail(name_ + ": " + result.error().message);
    }
}

void client_actor::stop() {
    client_->stop_client();
}

void client_actor::stop_and_tell() {
    const auto question = in_.question();
    question->was_accepted =
        client_->stop_client(guarded([question](const VoidResult&) { ++question->answers; }))
            .is_ok();
    expect_answer(question);
}

void client_actor::act() {
    if (!client_) {
        make();
        return;
    }
    switch (in_.below(10)) {
        case 0: in_.one_in(2) ? stop() : stop_and_tell(); break;
        case 1:
            if (last_start_ != session::operation_id::none && in_.one_in(4)) {
                last_start_question_->was_cancelled =
                    client_->cancel(last_start_) || last_start_question_->was_cancelled;
            }
            break;
        case 2:
            if (in_.one_in(6)) {
                destroy();
            }
            break;
        default:
            if (connected_) {
                const session_ptr session = connected_;
                act_on(session, in_.books().client_end(session));
            } else {
                start();
            }
    }
}

void client_actor::destroy() {
    if (!client_) {
        return;
    }
    if (connected_) {
        end()->is_silenced = true;
    }
    connected_.reset();
    starting_ = 0;
    last_start_ = session::operation_id::none;
    end_life();
    client_.reset();
}

void client_actor::wind_up() {
    if (client_) {
        last_stop_->was_accepted =
            client_->stop_client(guarded([this](auto&&) { ++last_stop_->answers; })).is_ok();
    }
}

bool client_actor::is_over() const {
    return !client_ || (!connected_ && starting_ == 0 &&
                        (!last_stop_->was_accepted || last_stop_->answers == 1));
}

}  // namespace network_system::testing
