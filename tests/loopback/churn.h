// A few servers and clients that anybody may start, use, stop, destroy and replace at any time.
#pragma once

#include "loopback/context_runner.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <random>

namespace loopback {

using stream_session = network_system::session::messaging_session;

/// Random choices of one thread or one callback.
class dice {
public:
    explicit dice(std::uint32_t seed) : generator_(seed) {}
    [[nodiscard]] std::uint32_t any() { return static_cast<std::uint32_t>(generator_()); }
    [[nodiscard]] std::size_t below(std::size_t limit) { return any() % limit; }
    [[nodiscard]] bool one_in(std::size_t chances) { return below(chances) == 0; }

private:
    std::mt19937 generator_;
};

/// Whether the thread is inside a callback, where a stop only begins.
inline thread_local int callbacks_on_stack = 0;

/// What is known of the callbacks of one object, which may be started again after its stop.
class churn_watch {
public:
    class visit {
    public:
        explicit visit(churn_watch& watch) : watch_(watch) {
            EXPECT_FALSE(watch_.is_destroyed_) << "a callback after the destructor";
            ++watch_.inside_;
            ++callbacks_on_stack;
        }
        visit(const visit&) = delete;
        visit& operator=(const visit&) = delete;
        ~visit() {
            --callbacks_on_stack;
            --watch_.inside_;
        }

    private:
        churn_watch& watch_;
    };

    template <typename Start>
    void around_start(const Start& start) {
        ++starts_begun_;
        start();
        ++starts_ended_;
    }
    /// No callback is running when a stop has returned, if nobody started the object meanwhile.
    template <typename Stop>
    void around_stop(const Stop& stop) {
        const std::uint64_t ended = starts_ended_;
        const bool is_unstarted = starts_begun_ == ended;
        stop();
        const int inside = inside_;
        if (is_unstarted && starts_begun_ == ended && callbacks_on_stack == 0) {
            EXPECT_EQ(inside, 0) << "a callback was running when stop returned";
        }
    }
    void note_destroyed() {
        if (callbacks_on_stack == 0) {
            EXPECT_EQ(inside_, 0) << "a callback was running when the destructor returned";
            is_destroyed_ = true;
        }
    }

private:
    std::atomic<int> inside_{0};
    std::atomic<std::uint64_t> starts_begun_{0};
    std::atomic<std::uint64_t> starts_ended_{0};
    std::atomic<bool> is_destroyed_{false};
};

/// What every session was given to send.
class churn_books {
public:
    void send(const std::shared_ptr<stream_session>& through, dice& rolls) {
        const bytes data = pattern(1 + rolls.below(rolls.one_in(8) ? 40'000 : 400), rolls.any());
        const auto runs = std::make_shared<std::atomic<int>>(0);
        const auto once = [runs](VoidResult) { EXPECT_EQ((*runs)++, 0) << "a completion twice"; };
        const bool is_owned = rolls.one_in(2);
        const auto sent = is_owned
                              ? through->send_packet(bytes(data), once)
                              : through->send_packet(std::span<const std::uint8_t>(data), once);
        if (sent) {
            const std::lock_guard lock(mutex_);
            page& of_it = pages_[through->id()];
            of_it.session = through;
            ++of_it.accepted;
        }
    }
    void note_broadcast(const network_system::core::broadcast_result& result) {
        EXPECT_EQ(result.queued + result.dropped + result.closed, result.receivers);
        broadcasts_ += result.queued;
    }
    /// After every session has ended.
    void expect_balanced() const {
        std::uint64_t more = 0;
        EXPECT_GT(pages_.size(), 0U) << "nobody met anybody";
        for (const auto& [id, each] : pages_) {
            const auto closed = each.session->metrics();
            EXPECT_TRUE(each.session->is_stopped()) << id;
            EXPECT_EQ(closed.queued_bytes, 0U) << id;
            EXPECT_GE(closed.messages_sent + closed.messages_dropped, each.accepted) << id;
            more += closed.messages_sent + closed.messages_dropped - each.accepted;
        }
        EXPECT_LE(more, broadcasts_) << "messages that nobody sent";
    }

private:
    struct page {
        std::shared_ptr<stream_session> session;
        std::uint64_t accepted = 0;
    };
    std::mutex mutex_;
    std::map<std::string, page> pages_;
    std::atomic<std::uint64_t> broadcasts_{0};
};

/// A place that holds an object, or another one in its stead. The last reference may be dropped by
/// whoever still uses it, in a callback too.
template <typename T>
class churn_slot {
public:
    [[nodiscard]] std::shared_ptr<T> get() const {
        const std::lock_guard lock(mutex_);
        return held_;
    }
    void replace(std::shared_ptr<T> next) {
        const std::lock_guard lock(mutex_);
        held_.swap(next);
    }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<T> held_;
};

/// A server or a client with the watch over its callbacks.
template <typename Object>
struct churned {
    template <typename Options>
    churned(const std::string& name, const Options& options)
        : object(std::make_unique<Object>(name, options)) {}
    churned(const churned&) = delete;
    churned& operator=(const churned&) = delete;
    ~churned() {
        object.reset();
        watch->note_destroyed();
    }
    std::shared_ptr<churn_watch> watch = std::make_shared<churn_watch>();
    std::unique_ptr<Object> object;
};

class churn_world {
public:
    /// `context_threads`: 0 = the library's own threads.
    churn_world(std::uint32_t seed, int context_threads);
    churn_world(const churn_world&) = delete;
    churn_world& operator=(const churn_world&) = delete;
    ~churn_world() = default;

    /// One thing that a thread, or a callback, may do.
    void act(dice& rolls);
    /// Ends everything, and looks whether it has.
    void end();

private:
    using server_ptr = std::shared_ptr<churned<messaging_server>>;
    using client_ptr = std::shared_ptr<churned<messaging_client>>;

    [[nodiscard]] server_ptr make_server(dice& rolls);
    [[nodiscard]] client_ptr make_client(dice& rolls);
    void act_on(const server_ptr& server, dice& rolls);
    void act_on(const client_ptr& client, dice& rolls);
    void act_on(const std::shared_ptr<stream_session>& session, dice& rolls);
    void connect(const client_ptr& client, dice& rolls);
    template <typename Options>
    [[nodiscard]] Options options_from(dice& rolls);
    /// What every callback does: now and then something anywhere.
    void visit(churn_watch& watch);

    std::atomic<std::uint32_t> next_seed_;
    std::optional<context_runner> runner_;
    readiness context_method_;
    churn_books books_;
    // Whoever holds callbacks holds this.
    std::shared_ptr<int> token_ = std::make_shared<int>(0);
    std::array<churn_slot<churned<messaging_server>>, 3> servers_;
    std::array<churn_slot<churned<messaging_client>>, 6> clients_;
};

inline churn_world::churn_world(std::uint32_t seed, int context_threads)
    : next_seed_(seed),
      context_method_(seed % 2 == 0 ? readiness::automatic : readiness::per_socket) {
    if (context_threads > 0) {
        runner_.emplace(context_threads);
    }
    dice rolls(seed);
    for (auto& each : servers_) {
        each.replace(make_server(rolls));
    }
    for (auto& each : clients_) {
        each.replace(make_client(rolls));
    }
}

template <typename Options>
Options churn_world::options_from(dice& rolls) {
    constexpr std::array drains{0ms, 5ms, 50ms};
    constexpr std::array policies{send_policy::reject, send_policy::wait, send_policy::close};
    Options options;
    options.readiness_method = rolls.one_in(2) ? readiness::automatic : readiness::per_socket;
    if (runner_) {
        options.io_context = &runner_->context;
        options.readiness_method = context_method_;
    }
    options.drain_timeout = drains.at(rolls.below(drains.size()));
    options.session.policy = policies.at(rolls.below(policies.size()));
    options.session.send_wait_timeout = 20ms;
    options.session.high_watermark = 100'000;
    options.session.low_watermark = 20'000;
    return options;
}

inline void churn_world::visit(churn_watch& watch) {
    const churn_watch::visit inside(watch);
    dice rolls(next_seed_++);
    if (rolls.one_in(12)) {
        act(rolls);
    }
}

inline churn_world::server_ptr churn_world::make_server(dice& rolls) {
    auto options = options_from<server_options>(rolls);
    options.io_threads = 1 + rolls.below(2);
    auto made = std::make_shared<churned<messaging_server>>("churned", options);
    const auto note = [this, watch = made->watch, token = token_] { visit(*watch); };
    (void)made->object->set_connection_callback([note](const session_ptr&) { note(); });
    (void)made->object->set_disconnection_callback([note](const std::string&) { note(); });
    (void)made->object->set_receive_callback(
        [this, note](const session_ptr& session, std::span<const std::uint8_t> data) {
            dice rolls_here(static_cast<std::uint32_t>(data.size()));
            books_.send(session, rolls_here);
            note();
        });
    (void)made->object->set_error_callback([note](const session_ptr&, std::error_code) { note(); });
    (void)made->object->set_writable_callback([note](const session_ptr&) { note(); });
    return made;
}

inline churn_world::client_ptr churn_world::make_client(dice& rolls) {
    auto options = options_from<client_options>(rolls);
    options.connect_timeout = 500ms;
    auto made = std::make_shared<churned<messaging_client>>("churned", options);
    const auto note = [this, watch = made->watch, token = token_] { visit(*watch); };
    (void)made->object->set_connected_callback(note);
    (void)made->object->set_disconnected_callback(note);
    (void)made->object->set_receive_callback([note](std::span<const std::uint8_t>) { note(); });
    (void)made->object->set_error_callback([note](std::error_code) { note(); });
    (void)made->object->set_writable_callback(note);
    return made;
}

inline void churn_world::act(dice& rolls) {
    if (rolls.one_in(3)) {
        auto& slot = servers_.at(rolls.below(servers_.size()));
        const auto server = slot.get();
        if (rolls.one_in(40)) {
            slot.replace(make_server(rolls));
        } else if (server) {
            act_on(server, rolls);
        }
    } else {
        auto& slot = clients_.at(rolls.below(clients_.size()));
        const auto client = slot.get();
        if (rolls.one_in(40)) {
            slot.replace(make_client(rolls));
        } else if (client) {
            act_on(client, rolls);
        }
    }
}

inline void churn_world::act_on(const server_ptr& server, dice& rolls) {
    messaging_server& object = *server->object;
    switch (rolls.below(12)) {
        case 0:
        case 1:
        case 2: server->watch->around_start([&] { (void)object.start_server(0); }); break;
        case 3:
            server->watch->around_stop([&] { EXPECT_TRUE(is_ok(object.stop_server())); });
            break;
        case 4:
            (void)object.metrics();
            (void)object.session_stats();
            (void)object.set_writable_callback({});  // refused while it is in use
            break;
        case 5:
        case 6:
            if (const auto result = object.broadcast(pattern(1 + rolls.below(10'000)))) {
                books_.note_broadcast(result.value());
            }
            break;
        default:
            for (const auto& each : object.get_sessions()) {
                act_on(each, rolls);
            }
            break;
    }
}

inline void churn_world::act_on(const client_ptr& client, dice& rolls) {
    messaging_client& object = *client->object;
    const auto session = object.get_session();
    switch (rolls.below(12)) {
        case 0:
            client->watch->around_stop([&] { EXPECT_TRUE(is_ok(object.stop_client())); });
            break;
        case 1: connect(client, rolls); break;
        case 2:
            (void)object.metrics();
            (void)object.is_connected();
            (void)object.set_writable_callback({});
            break;
        default:
            if (session) {
                act_on(session.value(), rolls);
            } else {
                connect(client, rolls);
            }
            break;
    }
}

inline void churn_world::connect(const client_ptr& client, dice& rolls) {
    const auto to = servers_.at(rolls.below(servers_.size())).get();
    const std::uint16_t port = to ? to->object->local_port() : std::uint16_t{0};
    if (port == 0) {
        return;
    }
    client->watch->around_start([&] {
        if (rolls.one_in(2)) {
            (void)client->object->start_client("127.0.0.1", port);
        } else {
            (void)client->object->start_client(
                "127.0.0.1", port,
                [this, watch = client->watch, token = token_](VoidResult) { visit(*watch); });
        }
    });
}

inline void churn_world::act_on(const std::shared_ptr<stream_session>& session, dice& rolls) {
    switch (rolls.below(12)) {
        case 0: (void)session->pause_receiving(); break;
        case 1:
        case 2: (void)session->resume_receiving(); break;
        case 3: EXPECT_TRUE(is_ok(session->stop_session())); break;
        case 4: (void)session->ping([token = token_](auto) {}); break;
        default:
            for (std::size_t count = 1 + rolls.below(8); count > 0; --count) {
                books_.send(session, rolls);
            }
            break;
    }
}

inline void churn_world::end() {
    // Callbacks still act, and may put a new object into a slot that was emptied just now.
    const auto is_over = [&] {
        for (auto& each : clients_) {
            each.replace(nullptr);
        }
        for (auto& each : servers_) {
            each.replace(nullptr);
        }
        return token_.use_count() == 1;
    };
    ASSERT_TRUE(eventually(is_over)) << "something keeps its callbacks";
    if (runner_) {
        EXPECT_TRUE(runner_->comes_to_rest()) << "something is left pending";
    }
    books_.expect_balanced();
}

}  // namespace loopback
