// How a resilient_client begins and ends.
#include "resilience/resilient_core.h"

#include "lifecycle/awaited.h"
#include "resilience/health_state.h"
#include "utils/contain.h"
#include "utils/option_checks.h"
#include "utils/user_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace network_system::inline v0_1::resilience {
namespace {

/// As the inner clients have them: they try again until they are stopped.
resilient_client_options completed(resilient_client_options options) {
    set_auto_reconnect(options.connection, true);
    reconnect_of(options.connection).retry_start_for = std::chrono::milliseconds::max();
    if (options.delivery == delivery_mode::at_least_once) {
        options.connection.client.delivery = std::make_shared<session::delivery_sender>();
    }
    return options;
}

core::client_options loop_options_of(const connection_options& connection) {
    core::client_options options = connection.client;
    if (connection.kind == connection_kind::ws || connection.kind == connection_kind::wss) {
        static_cast<core::stream_options&>(options) =
            static_cast<const core::stream_options&>(connection.ws);
        options.reconnect = static_cast<const core::reconnect_options&>(connection.ws.reconnect);
    }
    return options;
}

constexpr std::array option_ranges{
    detail::range<&resilient_client_options::connect_for>("connect_for", 1),
    detail::range<&resilient_client_options::offline_bytes>("offline_bytes", 1),
    detail::range<&resilient_client_options::offline_messages>("offline_messages", 1),
    detail::range<&resilient_client_options::offline_wait>("offline_wait", 0),
};
constexpr std::array breaker_ranges{
    detail::range<&circuit_breaker_options::open_for>("open_for", 1),
    detail::range<&circuit_breaker_options::trials>("trials", 1),
};

}  // namespace

resilient_core::resilient_core(std::string id, resilient_client_options options)
    : id_(std::move(id)), options_(completed(std::move(options))),
      loop_options_(loop_options_of(options_.connection)),
      store_({options_.offline_bytes, options_.offline_messages}), breaker_(options_.breaker) {
    make_links();
}

resilient_core::~resilient_core() = default;

VoidResult resilient_core::validate() const {
    detail::option_checks all(id_);
    all.must(!options_.endpoints.empty(), "endpoints must name at least one server");
    all.ranges(options_, option_ranges);
    all.ranges(options_.breaker, breaker_ranges, "breaker.");
    check_health(all, options_.health, options_.connection);
    all.must(is_made_);
    const auto kind = options_.connection.kind;
    all.must(!is_acknowledged() ||
                 ((kind == connection_kind::tcp || kind == connection_kind::tls) &&
                  options_.connection.client.session.frames == framing::message &&
                  options_.balance == balancing::priority),
             "delivery at_least_once needs tcp or tls, framing::message and balancing::priority");
    return std::move(all).result();
}

void resilient_core::make_links() {
    for (const server_address& server : options_.endpoints) {
        auto made = std::make_unique<link>(*this, links_.size());
        auto client = make_client(id_, server, options_.connection, *made);
        if (!client) {
            is_made_ = client.error();
            return;
        }
        made->client = std::move(client).value();
        if (options_.health) {
            made->monitor = std::make_unique<health_monitor>(*options_.health);
            (void)made->monitor->set_health_callback(
                [this, watched = made.get()](const health_report& report) {
                    on_health(*watched, report.state);
                });
        }
        links_.push_back(std::move(made));
    }
}

VoidResult resilient_core::choose_loop() {
    return loops_.choose(loop_options_, id_).map([this](const auto& chosen) {
        loop_ = chosen.loop;
        return std::monostate{};
    });
}

bool resilient_core::is_quiet() const noexcept {
    return run_ == run_state::stopped &&
           std::all_of(links_.begin(), links_.end(), [](const auto& each) {
               return each->session == nullptr && each->now != link::state::letting_go;
           });
}

error_info resilient_core::late_callback() const {
    return detail::failure_in_words(
        errc::invalid_argument,
        "callbacks are set before connect, or after the last connection has ended", id_);
}

discardable_result resilient_core::set_receive_callback(
    detail::data_callback<session_ptr>& callback) {
    {
        const lock held(mutex_);
        if (!is_quiet()) {
            return late_callback();
        }
    }
    // Not under the lock: who comes too late is told by the log, which is user code.
    for (const auto& each : links_) {
        if (auto taken = each->client->take_messages(static_cast<bool>(callback)); !taken) {
            return taken;
        }
    }
    return set_callback(&callbacks::received, callback);
}

VoidResult resilient_core::connect(resilient_client::connect_callback& handler,
                                   session::operation_id operation) {
    return detail::within_memory([&]() -> VoidResult {
        if (auto checked = validate(); !checked) {
            return checked;
        }
        {
            const lock held(mutex_);
            if (run_ != run_state::stopped) {
                return detail::failure(errc::already_exists,
                                       "the client is already connected or "
                                       "connecting",
                                       id_);
            }
            if (auto chosen = choose_loop(); !chosen) {
                return chosen;
            }
            for (const auto& each : links_) {
                each->now = link::state::idle;
                each->is_wanted = false;
                each->failure = {};
            }
            if (operation != session::operation_id::none &&
                !connecting_.begin(operation, shared_from_this())) {
                return session::operation_exists(id_);
            }
            breaker_.reset();
            connected_ = std::move(handler);
            run_ = run_state::connecting;
        }
        auto begun = detail::within_memory([this] {
            begin_deadline();
            return start_first();
        });
        if (!begun) {
            lock held(mutex_);
            auto over = end_run();
            held.unlock();
            // The handler is the caller's again.
            handler = std::move(over.connected);
            tell_end(over, begun.error());
            return begun;
        }
        return ok();
    });
}

VoidResult resilient_core::connect_and_wait() {
    return detail::within_memory([this]() -> VoidResult {
        if (loops_.is_needed_from(loop_options_, id_)) {
            return detail::failure(errc::would_block,
                                   "connect blocks; on an I/O thread pass a handler", id_);
        }
        const auto answer = std::make_shared<core::awaited<std::monostate>>();
        resilient_client::connect_callback handler = [answer](VoidResult result) {
            answer->give(std::move(result));
        };
        if (auto begun = connect(handler); !begun) {
            return begun;
        }
        const auto limit = detail::sum(options_.connect_for, loop_options_.drain_timeout);
        if (auto result = answer->wait_until(core::run::give_up_after(limit))) {
            return *std::move(result);
        }
        (void)disconnect();
        return detail::failure(errc::connection_timeout,
                               "connect had no answer in time (connect_for); is the io_context "
                               "running, and no callback blocking it",
                               id_);
    });
}

void resilient_core::begin_deadline() {
    if (options_.connect_for == std::chrono::milliseconds::max()) {
        return;
    }
    const auto until = detail::after(loop_->clock(), options_.connect_for);
    auto pause = std::make_shared<runtime::pause>(loop_);
    {
        const lock held(mutex_);
        deadline_ = pause;
    }
    loop_->post([keep = shared_from_this(), this, pause, until] {
        pause->start(until, [keep, this, which = pause.get()](runtime::pause::ending how) {
            if (how == runtime::pause::ending::over) {
                on_deadline(which);
            }
        });
    });
}

void resilient_core::on_deadline(const runtime::pause* which) {
    lock held(mutex_);
    if (run_ != run_state::connecting || deadline_.get() != which) {
        return;
    }
    const auto reason = detail::told_anyway(errc::connection_timeout, [this] {
        auto last = no_endpoint_left();
        last.code = static_cast<int>(errc::connection_timeout);
        last.message = fmt::format("no endpoint is ready within {} ms (connect_for): {}",
                                   options_.connect_for.count(), last.message);
        return last;
    });
    auto over = end_run();
    held.unlock();
    tell_end(over, reason);
    stop_links();
}

/// Error: none could even begin.
VoidResult resilient_core::start_first() {
    VoidResult result = ok();
    bool has_begun = false;
    for (const auto& each : links_) {
        auto begun = start(*each);
        if (!begun) {
            const lock held(mutex_);
            each->now = link::state::given_up;
            each->failure = begun.error();
            result = std::move(begun);
        } else if (has_begun = true; options_.balance == balancing::priority) {
            break;
        }
    }
    return has_begun ? ok() : result;
}

VoidResult resilient_core::start(link& which) {
    {
        const lock held(mutex_);
        if (run_ == run_state::stopped || which.now != link::state::idle) {
            return ok();
        }
        which.now = link::state::connecting;
    }
    any_client::start_callback done = [keep = weak_from_this(), &which](const VoidResult& result) {
        if (const auto self = keep.lock(); self && !result) {
            self->give_up(which, result.error());
        }
    };
    return which.client->start(std::move(done), session::operation_id::none);
}

void resilient_core::give_up(link& which, const error_info& failure) {
    lock held(mutex_);
    if (run_ == run_state::stopped || which.now == link::state::letting_go) {
        return;
    }
    which.now = link::state::given_up;
    which.failure = detail::told_anyway(static_cast<errc>(failure.code), [&] { return failure; });
    const auto before = breaker_.state();
    count_failure();
    choose_active();
    if (std::any_of(links_.begin(), links_.end(),
                    [](const auto& each) { return each->now != link::state::given_up; })) {
        held.unlock();
        tell_circuit(before);
        try_another();
        return;
    }
    const auto reason = no_endpoint_left();
    auto over = end_run();
    held.unlock();
    tell_end(over, reason);
    tell_circuit(before);
}

resilient_core::remains resilient_core::end_run() noexcept {
    run_ = run_state::stopped;
    active_ = nullptr;
    waits_for_room_ = false;
    remains over{std::move(connected_), std::move(connecting_), store_.last_id(),
                 std::exchange(deadline_, nullptr), std::exchange(letting_go_, nullptr)};
    update_direct();
    room_.notify_all();
    return over;
}

void resilient_core::tell_end(remains& over, const error_info& reason) noexcept {
    for (const auto& each : {over.deadline, over.letting_go}) {
        if (each) {
            detail::insist([&] { loop_->post([each] { each->cancel(); }); });
        }
    }
    lock held(mutex_);
    while (auto next = store_.take_oldest(over.last_message)) {
        drop(held, *std::move(next), reason);
    }
    held.unlock();
    if (over.connected) {
        const bool was_cancelled = !over.operation.complete();
        const auto told = detail::told_anyway(
            was_cancelled ? errc::cancelled : static_cast<errc>(reason.code), [&] {
                return was_cancelled ? detail::failure(errc::cancelled, "connect", id_) : reason;
            });
        (void)detail::run_user_code([&] { over.connected(told); });
    }
}

void resilient_core::on_cancelled(session::operation_id) noexcept {
    detail::insist([this] {
        loop_->post([keep = shared_from_this(), this] {
            lock held(mutex_);
            if (run_ == run_state::stopped) {
                return;
            }
            auto over = end_run();
            held.unlock();
            tell_end(over, not_connected());
            stop_links();
        });
    });
}

void resilient_core::stop_links() {
    for (const auto& each : links_) {
        (void)each->client->stop();
    }
}

discardable_result resilient_core::disconnect() {
    return detail::within_memory([this]() -> VoidResult {
        lock held(mutex_);
        auto over = end_run();
        held.unlock();
        tell_end(over, not_connected());
        VoidResult result = ok();
        for (const auto& each : links_) {
            if (VoidResult stopped = each->client->stop(); !stopped) {
                result = std::move(stopped);
            }
        }
        return result;
    });
}

VoidResult resilient_core::disconnect(session::stop_handler& handler) {
    return detail::within_memory([&]() -> VoidResult {
        // The last of them has the handler.
        struct all_ended {
            all_ended() = default;
            all_ended(const all_ended&) = delete;
            all_ended& operator=(const all_ended&) = delete;
            ~all_ended() {
                if (told) {
                    (void)detail::run_user_code([this] { told(ok()); });
                }
            }
            session::stop_handler told;
        };
        const auto ending = std::make_shared<all_ended>();
        lock held(mutex_);
        // A run that has ended by itself may leave connections that still end.
        if (run_ == run_state::stopped &&
            std::none_of(links_.begin(), links_.end(),
                         [](const auto& each) { return each->client->is_started(); })) {
            return not_connected();
        }
        ending->told = std::move(handler);
        auto over = end_run();
        held.unlock();
        tell_end(over, not_connected());
        for (const auto& each : links_) {
            (void)each->client->stop([ending](const VoidResult&) {});
        }
        return ok();
    });
}

void resilient_core::release_later() {
    for (const auto& each : links_) {
        // After every callback of this client; at once, if there is none any more.
        (void)each->client->stop([keep = shared_from_this()](const VoidResult&) {});
    }
}

}  // namespace network_system::resilience
