// What servers and clients in a scenario have in common.
#include "testing/scenario.h"

#include <algorithm>
#include <array>
#include <utility>

namespace network_system::inline v0_1::testing {

bool actor::check_alive(const bool& is_alive) {
    if (!is_alive) {
        in_.fail(name_ + ": a callback after the destructor");
    }
    return is_alive;
}

session_config actor::random_session() {
    session_config drawn;
    drawn.max_message_size = std::size_t{512} * 1024;
    drawn.high_watermark = std::size_t{1} << (10 + in_.below(10));
    drawn.low_watermark = drawn.high_watermark >> in_.below(4);
    constexpr std::array policies{send_policy::reject,      send_policy::reject,
                                  send_policy::wait,        send_policy::close,
                                  send_policy::drop_oldest, send_policy::conflate};
    drawn.policy = policies[in_.below(policies.size())];
    drawn.receiving = in_.one_in(5) ? receive_mode::pull : receive_mode::callback;
    drawn.receive_queue_limit = std::size_t{1} << (8 + in_.below(10));
    drawn.max_messages_per_second = in_.one_in(6) ? 20 : 0;
    drawn.ping_interval = milliseconds{in_.one_in(3) ? 200 : 30'000};
    drawn.idle_timeout = milliseconds{in_.one_in(4) ? 1'000 : 300'000};
    session_ = drawn;
    return drawn;
}

void actor::expect_answer(const std::shared_ptr<answer_count>& stop) {
    in_.world().after(time_to_stop, [this, stop, life = life_] {
        if (*life && stop->was_accepted && stop->answers == 0) {
            in_.fail(name_ + ": a stop was not over in time");
        }
    });
}

void actor::check_queue(const session_ptr& session) {
    // The mark, one larger message, and what answers to control frames may add.
    const std::size_t most = session_.high_watermark + session_.max_message_size + 65'536 + 64;
    if (session->queued_bytes() > most) {
        in_.fail(name_ + ": " + std::to_string(session->queued_bytes()) + " bytes are queued");
    }
}

void actor::send(const session_ptr& to, connection_end& end) {
    const std::size_t size = in_.message_size();
    auto message = make_message(end.next_id(), size);
    const auto sent = std::make_shared<connection_end::sent_message>(
        connection_end::sent_message{digest::of(message), false, in_.one_in(4)});
    const auto make_done = [&]() -> session::send_callback {
        if (sent->has_no_completion) {
            return {};
        }
        return guarded([sent](const VoidResult& result) {
            ++sent->completion.answers;
            sent->how =
                result ? connection_end::outcome::handed_over : connection_end::outcome::lost;
        });
    };
    // Before: the completion may run inside.
    end.sent.push_back(sent);
    VoidResult result = ok();
    switch (in_.below(3)) {
        case 0: result = to->send_packet(std::move(message), make_done()); break;
        case 1:
            result = to->send_packet(std::span<const std::uint8_t>(message), make_done());
            break;
        default:
            result = to->send_conflated(in_.one_in(2) ? "even" : "odd",
                                        std::span<const std::uint8_t>(message), make_done());
    }
    sent->completion.was_accepted = result.is_ok();
    check_queue(to);
}

void actor::ask(const session_ptr& whom, connection_end& end) {
    const auto question = end.questions.emplace_back(std::make_shared<answer_count>());
    const auto message = make_message(end.next_id(), std::min<std::size_t>(in_.message_size(), 64));
    const auto result = whom->request(
        message, milliseconds{in_.one_in(2) ? 0 : in_.below(2'000)},
        guarded([this, question, message](Result<std::span<const std::uint8_t>> answer) {
            count_answer(*question, answer);
            if (answer && !std::equal(message.begin(), message.end(), answer.value().begin(),
                                      answer.value().end())) {
                in_.fail(name_ + ": the answer to another request");
            }
        }),
        maybe_cancel(whom, question));
    question->was_accepted = result.is_ok();
    end.requests += result ? 1 : 0;
}

void actor::ping(const session_ptr& whom, connection_end& end) {
    const auto question = end.questions.emplace_back(std::make_shared<answer_count>());
    const auto result =
        whom->ping(guarded([this, question](const Result<std::chrono::microseconds>& answer) {
                       count_answer(*question, answer);
                   }),
                   maybe_cancel(whom, question));
    question->was_accepted = result.is_ok();
}

void actor::receive(const session_ptr& from, connection_end& end) {
    if (session_.receiving != receive_mode::pull) {
        return;
    }
    const auto question = end.questions.emplace_back(std::make_shared<answer_count>());
    const auto take = [this, from, &end, question](auto received, const auto& add) {
        count_answer(*question, received);
        if (received) {
            add(received.value());
            receive(from, end);
        }
    };
    const auto add = [&end](std::span<const std::uint8_t> message) {
        end.received.push_back(digest::of(message));
    };
    const auto operation = maybe_cancel(from, question);
    const auto result =
        in_.one_in(2)
            ? from->receive_all(guarded([take, add](Result<received_messages> all) {
                                    take(std::move(all), [&add](const received_messages& messages) {
                                        for (const message_view& each : messages) {
                                            add(each.data);
                                        }
                                    });
                                }),
                                {}, operation)
            : from->receive_packet(guarded([take, add](Result<std::vector<std::uint8_t>> one) {
                                       take(std::move(one), add);
                                   }),
                                   operation);
    question->was_accepted = result.is_ok();
}

void actor::count_answer(answer_count& question, int code) {
    ++question.answers;
    if ((code == static_cast<int>(errc::cancelled)) != question.was_cancelled) {
        in_.fail(name_ + ": what cancel has answered is not what the handler got");
    }
}

session::operation_id actor::maybe_cancel(const session_ptr& of,
                                          const std::shared_ptr<answer_count>& question) {
    if (!in_.one_in(3)) {
        return session::operation_id::none;
    }
    const auto id = session::next_operation_id();
    in_.world().after(std::chrono::microseconds{in_.below(in_.one_in(2) ? 2'000 : 400'000)},
                      [of, id, question] {
                          question->was_cancelled = question->was_cancelled || of->cancel(id);
                      });
    return id;
}

void actor::pause(const session_ptr& which) {
    if (which->pause_receiving()) {
        in_.world().after(milliseconds{in_.below(1'500)},
                          [which] { (void)which->resume_receiving(); });
    }
}

void actor::answer(connection_end& end, std::span<const std::uint8_t> data,
                   session::responder&& responder) {
    ++end.asked;
    const auto respond = [&end](session::responder& with, std::span<const std::uint8_t> body) {
        if (with.respond(body)) {
            ++end.responses;
        } else {
            ++end.settled;
        }
    };
    if (in_.one_in(3)) {
        const auto later = std::make_shared<session::responder>(std::move(responder));
        in_.world().after(milliseconds{in_.below(500)},
                          [later, respond, body = std::vector(data.begin(), data.end())] {
                              respond(*later, body);
                          });
    } else {
        respond(responder, data);
    }
}

void actor::act_on(const session_ptr& session, connection_end& end) {
    switch (in_.below(8)) {
        case 0: ask(session, end); break;
        case 1: ping(session, end); break;
        case 2: pause(session); break;
        case 3: receive(session, end); break;
        case 4:
            if (in_.one_in(6)) {
                const auto question = end.questions.emplace_back(std::make_shared<answer_count>());
                question->was_accepted = session
                                             ->stop_session(guarded([question](const VoidResult&) {
                                                 ++question->answers;
                                             }))
                                             .is_ok();
                break;
            }
            [[fallthrough]];
        default:
            for (std::uint64_t i = in_.below(6) + 1; i > 0; --i) {
                send(session, end);
            }
    }
}

}  // namespace network_system::testing
