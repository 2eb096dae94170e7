#include "simulation/scenario.h"

#include <algorithm>
#include <stdexcept>

namespace network_system::testing {
namespace {

constexpr std::uint16_t port = 4000;
constexpr std::chrono::nanoseconds busy_time = seconds{12};
// The longest drain_timeout, and what threads that stand still add to it.
constexpr std::chrono::nanoseconds time_to_stop = seconds{10};
constexpr std::chrono::nanoseconds time_to_rest = minutes{10};

std::string describe(const error_info& error) {
    return error.message + " (" + std::to_string(error.code) + ")";
}

}  // namespace

// --- what both do -------------------------------------------------------------------------------

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
            ++question->answers;
            if (answer && !std::equal(message.begin(), message.end(), answer.value().begin(),
                                      answer.value().end())) {
                in_.fail(name_ + ": the answer to another request");
            }
        }));
    question->was_accepted = result.is_ok();
    end.requests += result ? 1 : 0;
}

void actor::ping(const session_ptr& whom, connection_end& end) {
    const auto question = end.questions.emplace_back(std::make_shared<answer_count>());
    const auto result =
        whom->ping(guarded([question](Result<std::chrono::microseconds>) { ++question->answers; }));
    question->was_accepted = result.is_ok();
}

void actor::receive(const session_ptr& from, connection_end& end) {
    if (session_.receiving != receive_mode::pull) {
        return;
    }
    const auto question = end.questions.emplace_back(std::make_shared<answer_count>());
    const auto result = from->receive_packet(
        guarded([this, from, &end, question](Result<std::vector<std::uint8_t>> message) {
            ++question->answers;
            if (message) {
                end.received.push_back(digest::of(message.value()));
                receive(from, end);
            }
        }));
    question->was_accepted = result.is_ok();
}

void actor::pause(const session_ptr& which) {
    if (which->pause_receiving()) {
        in_.world().after(milliseconds{in_.below(1'500)},
                          [which] { (void)which->resume_receiving(); });
    }
}

void actor::answer(connection_end& end, std::span<const std::uint8_t> data,
                   session::responder&& responder) {
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

// --- servers ------------------------------------------------------------------------------------

void server_actor::make() {
    core::server_options options;
    options.session = random_session();
    options.io_threads = 1 + in_.below(3);
    options.drain_timeout = milliseconds{in_.one_in(5) ? 0 : in_.below(5'000)};
    options.max_connections = in_.one_in(6) ? 1 : 0;
    options.backlog = in_.one_in(4) ? 1 : 0;
    options.callback_pool = in_.maybe_pool();
    options.callback_queue_limit = std::size_t{1} << (8 + in_.below(12));
    server_ = std::make_unique<messaging_server>(name_, in_.world().on_host(name_, options));
    set_callbacks();
    start();
}

void server_actor::set_callbacks() {
    const auto check_loud = [this] {
        if (is_quiet_) {
            in_.fail(name_ + ": a callback after the stop was over");
        }
    };
    server_->set_connection_callback(guarded([this, check_loud](const session_ptr& session) {
        check_loud();
        connection_end& end = in_.books().server_end(session);
        end.is_open = true;
        end.is_conflating = session_.policy == send_policy::conflate;
        receive(session, end);
        if (in_.one_in(2)) {
            (void)server_->subscribe(session, "news");
        }
        if (in_.one_in(20)) {
            stop_and_tell();
        }
        act_on(session, end);
    }));
    server_->set_receive_callback(
        guarded([this, check_loud](const session_ptr& from, std::span<const std::uint8_t> data) {
            check_loud();
            on_message(from, data);
        }));
    server_->set_request_callback(
        guarded([this, check_loud](const session_ptr& from, std::span<const std::uint8_t> data,
                                   session::responder responder) {
            check_loud();
            answer(in_.books().server_end(from), data, std::move(responder));
        }));
    server_->set_error_callback(
        guarded([this, check_loud](const session_ptr& session, std::error_code error) {
            check_loud();
            if (session) {
                in_.books().server_end(session).error = error;
                in_.books().server_end(session).is_closed = true;
            }
        }));
    server_->set_disconnection_callback(guarded([this, check_loud](const std::string& id) {
        check_loud();
        in_.books().for_each([&](ledger::connection& each) {
            if (each.server.session && each.server.session->id() == id) {
                each.server.is_closed = true;
            }
        });
    }));
    server_->set_writable_callback(guarded([this, check_loud](const session_ptr& session) {
        check_loud();
        send(session, in_.books().server_end(session));
    }));
}

void server_actor::on_message(const session_ptr& from, std::span<const std::uint8_t> data) {
    connection_end& end = in_.books().server_end(from);
    if (end.is_closed) {
        in_.fail(name_ + ": a message after the end of its session");
    }
    end.received.push_back(digest::of(data));
    if (in_.one_in(3)) {
        act_on(from, end);
    }
    if (in_.one_in(60)) {
        stop();
    } else if (in_.one_in(80)) {
        throw std::runtime_error("a callback that throws");
    }
}

void server_actor::start() {
    if (!server_ || in_.is_winding_up()) {
        return;
    }
    const auto started = server_->start_server(port);
    if (started) {
        is_quiet_ = false;
        ++lives_;
    } else if (!server_->is_running()) {
        // Still stopping: again, until the others are done.
        in_.world().after(milliseconds{200}, [this] { start(); });
    }
}

void server_actor::stop() {
    server_->stop_server();
    if (in_.one_in(2)) {
        in_.world().after(milliseconds{in_.below(3'000)}, [this] { start(); });
    }
}

void server_actor::stop_and_tell() {
    const auto question = in_.question();
    const auto stopped = server_->stop_server(guarded([this, question, life = lives_](auto&&) {
        ++question->answers;
        is_quiet_ = life == lives_;
    }));
    question->was_accepted = stopped.is_ok();
    expect_answer(question);
    in_.world().after(milliseconds{in_.below(3'000)}, [this] { start(); });
}

void server_actor::broadcast() {
    const std::uint64_t id = in_.next_broadcast();
    const auto message = make_message(id, 16 + in_.message_size());
    const auto sent = std::make_shared<connection_end::sent_message>(
        connection_end::sent_message{digest::of(message), true, true});
    const bool is_for_all = in_.one_in(2);
    // Everybody who might get it; before, for it may be sent, and answered, inside.
    in_.books().for_each([&](ledger::connection& each) {
        if (each.server.session) {
            each.server.sent.push_back(sent);
        }
    });
    const auto result =
        is_for_all ? server_->broadcast(message) : server_->publish("news", message);
    if (result && result.value().receivers !=
                      result.value().queued + result.value().dropped + result.value().closed) {
        in_.fail(name_ + ": the receivers of a broadcast do not add up");
    }
}

void server_actor::act() {
    if (!server_) {
        make();
        return;
    }
    const auto sessions = server_->get_sessions();
    switch (in_.below(10)) {
        case 0: start(); break;
        case 1: in_.one_in(3) ? stop() : stop_and_tell(); break;
        case 2:
            if (in_.one_in(6)) {
                destroy();
            }
            break;
        case 3:
        case 4: broadcast(); break;
        default:
            if (!sessions.empty()) {
                const auto& chosen = sessions[in_.below(sessions.size())];
                act_on(chosen, in_.books().server_end(chosen));
            }
    }
}

void server_actor::destroy() {
    if (!server_) {
        return;
    }
    for (const auto& each : server_->get_sessions()) {
        in_.books().server_end(each).is_silenced = true;
    }
    in_.books().for_each([&](ledger::connection& each) {
        // Also of those that are closing, which the server may not know any more.
        if (each.server.session && !each.server.is_closed) {
            each.server.is_silenced = true;
        }
    });
    end_life();
    is_quiet_ = false;
    server_.reset();
}

void server_actor::wind_up() {
    if (server_) {
        last_stop_->was_accepted =
            server_->stop_server(guarded([this](auto&&) { ++last_stop_->answers; })).is_ok();
    }
}

bool server_actor::is_over() const {
    return !last_stop_->was_accepted ||
           (last_stop_->answers == 1 && !server_->is_running() && server_->connection_count() == 0);
}

// --- clients ------------------------------------------------------------------------------------

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
        end()->is_open = true;
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
    const auto result = client_->start_client(in_.one_in(20) ? "nobody" : in_.any_server(),
                                              in_.one_in(20) ? 1 : port,
                                              guarded([this, question](const VoidResult&) {
                                                  ++question->answers;
                                                  --starting_;
                                              }),
                                              cancel_);
    question->was_accepted = result.is_ok();
    starting_ += result ? 1 : 0;
    const bool is_known = result || result.error().code == static_cast<int>(errc::already_exists);
    if (!is_known) {
        in_.fail(name_ + ": " + describe(result.error()));
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
            if (cancel_ && in_.one_in(4)) {
                cancel_();
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
    cancel_ = nullptr;
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

// --- the scenario -------------------------------------------------------------------------------

scenario::scenario(std::uint64_t seed)
    : options_(simulation_options::faulty(seed)), world_(seed, options_),
      bytes_left_(std::size_t{1} << (15 + seed % 7)) {
    servers_ = 1 + below(2);
    for (std::size_t i = 0; i < servers_; ++i) {
        actors_.push_back(std::make_unique<server_actor>(*this, "server-" + std::to_string(i)));
    }
    const std::size_t clients = 1 + below(6);
    for (std::size_t i = 0; i < clients; ++i) {
        actors_.push_back(std::make_unique<client_actor>(*this, "client-" + std::to_string(i)));
    }
}

std::string scenario::any_server() {
    return "server-" + std::to_string(below(servers_));
}

/// Small ones for the most part, and in all so much that a seed does not take long.
std::size_t scenario::message_size() {
    const std::size_t most =
        std::min({std::size_t{1} << below(19), options_.segment.most * 256, options_.buffer * 16});
    const std::size_t size = 1 + below(std::max<std::size_t>(most, 1));
    if (size > bytes_left_) {
        return 1 + below(64);
    }
    bytes_left_ -= size;
    return size;
}

std::shared_ptr<thread_pool_interface> scenario::maybe_pool() {
    return one_in(4) ? world_.thread_pool(1 + below(3)) : nullptr;
}

void scenario::fail(std::string what) {
    if (failure_.empty()) {
        failure_ = std::move(what);
        world_.note(failure_);
    }
}

std::shared_ptr<answer_count> scenario::question() {
    return questions_.emplace_back(std::make_shared<answer_count>());
}

void scenario::act() {
    if (one_in(12)) {
        const std::string host = "clients-" + std::to_string(below(2));
        if (world_.seed() % 2 == 0 || one_in(2)) {
            world_.partition(host, any_server(), milliseconds{below(4'000)});
        } else {
            world_.reset_connections(host, any_server());
        }
        return;
    }
    actors_[below(actors_.size())]->act();
}

std::string scenario::run() {
    for (std::uint64_t i = 100 + below(200); i > 0; --i) {
        world_.at(std::chrono::nanoseconds(below(static_cast<std::uint64_t>(busy_time.count()))),
                  [this] { act(); });
    }
    (void)world_.run_for(busy_time);
    is_winding_up_ = true;
    for (const auto& each : actors_) {
        each->wind_up();
    }
    const auto is_over = [this] {
        return std::all_of(actors_.begin(), actors_.end(),
                           [](const auto& each) { return each->is_over(); });
    };
    if (!world_.run_until(is_over, time_to_stop)) {
        fail("it does not come to an end");
    }
    if (!world_.run_until_idle(time_to_rest)) {
        fail("it does not come to rest");
    }
    auto wrong = failure_.empty() ? check() : failure_;
    return wrong.empty() ? wrong : wrong + "\n" + world_.trace();
}

std::string scenario::check() {
    for (const auto& each : questions_) {
        if (each->answers > (each->was_accepted ? 1 : 0)) {
            return "a start or stop was answered " + std::to_string(each->answers) + " times";
        }
    }
    auto wrong = books_.check(world_.counts().resets > 0);
    if (wrong.empty()) {
        for (const auto& each : actors_) {
            each->destroy();
        }
        (void)world_.run_until_idle(time_to_rest);
        wrong = books_.check_released();
    }
    return wrong;
}

}  // namespace network_system::testing
