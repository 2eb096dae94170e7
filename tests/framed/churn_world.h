// A few servers and clients that anybody may start, use, stop, destroy and replace at any time.
#pragma once

#include "framed/churn.h"
#include "support/raw_peer.h"

#include <network_system/utils/thread_pool.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace loopback {

/// What runs the loops and the callbacks of the objects.
enum class churn_setting : std::uint8_t {
    own_threads,
    callback_pool,
    // Of the application's, run by one thread, or by three, for all objects together.
    shared_context_of_1,
    shared_context_of_3,
    // One for each object, run by one thread or two.
    private_contexts,
    // Each object any of these.
    mixed,
};

class churn_world {
public:
    churn_world(std::uint32_t seed, churn_setting setting);
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
    using responder = network_system::session::responder;

    [[nodiscard]] server_ptr make_server(dice& rolls);
    [[nodiscard]] client_ptr make_client(dice& rolls);
    void act_on(const server_ptr& server, dice& rolls);
    void act_on(const client_ptr& client, dice& rolls);
    void act_on(const std::shared_ptr<stream_session>& session, dice& rolls);
    void use(messaging_server& object, dice& rolls);
    void start(const server_ptr& server, dice& rolls);
    void connect(const client_ptr& client, dice& rolls);
    /// The options; `own`: the io_context that goes with the object.
    template <typename Options>
    [[nodiscard]] Options options_from(dice& rolls, std::unique_ptr<context_runner>& own);
    /// What every callback does: now and then something anywhere.
    void visit(churn_watch& watch);
    /// Answers in place of an earlier request.
    void answer_later(responder answering);

    const churn_setting setting_;
    std::atomic<std::uint32_t> next_seed_;
    std::array<std::optional<context_runner>, 2> shared_;
    std::shared_ptr<network_system::thread_pool> pool_;
    context_remains remains_;
    const readiness context_method_;
    churn_books books_;
    // Where servers listen. Kept from other programs: clients come late, to servers that have
    // stopped.
    std::vector<refusing_port> ports_;
    // Whoever holds callbacks holds this.
    std::shared_ptr<int> token_ = std::make_shared<int>(0);
    std::array<churn_slot<churned<messaging_server>>, 3> servers_;
    std::array<churn_slot<churned<messaging_client>>, 6> clients_;
    churn_slot<responder> unanswered_;
};

inline churn_world::churn_world(std::uint32_t seed, churn_setting setting)
    : setting_(setting), next_seed_(seed), pool_(std::make_shared<network_system::thread_pool>(2)),
      context_method_(seed % 2 == 0 ? readiness::automatic : readiness::per_socket) {
    shared_[0].emplace(1);
    shared_[1].emplace(3);
    for (int i = 0; i < 8; ++i) {
        ports_.emplace_back(true);
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
Options churn_world::options_from(dice& rolls, std::unique_ptr<context_runner>& own) {
    constexpr std::array drains{0ms, 5ms, 50ms};
    constexpr std::array policies{send_policy::reject, send_policy::wait, send_policy::close,
                                  send_policy::drop_oldest, send_policy::conflate};
    constexpr auto settings = static_cast<std::size_t>(churn_setting::mixed);
    Options options;
    options.readiness_method = rolls.one_in(2) ? readiness::automatic : readiness::per_socket;
    const auto chosen = setting_ == churn_setting::mixed
                            ? static_cast<churn_setting>(rolls.below(settings))
                            : setting_;
    switch (chosen) {
        case churn_setting::callback_pool:
            options.callback_pool = pool_;
            options.callback_queue_limit = 10'000;
            break;
        case churn_setting::shared_context_of_1: options.io_context = &shared_[0]->context; break;
        case churn_setting::shared_context_of_3: options.io_context = &shared_[1]->context; break;
        case churn_setting::private_contexts:
            own = std::make_unique<context_runner>(1 + static_cast<int>(rolls.below(2)));
            options.io_context = &own->context;
            break;
        case churn_setting::own_threads:
        case churn_setting::mixed: break;
    }
    if (options.io_context != nullptr && !own) {
        options.readiness_method = context_method_;  // there is one loop in a context
    }
    options.drain_timeout = drains.at(rolls.below(drains.size()));
    options.session.policy = policies.at(rolls.below(policies.size()));
    options.session.send_wait_timeout = 20ms;
    options.session.high_watermark = 100'000;
    options.session.low_watermark = 20'000;
    if (rolls.one_in(8)) {
        options.session.receiving = network_system::receive_mode::pull;
        options.session.receive_queue_limit = 10'000;
    }
    return options;
}

inline void churn_world::visit(churn_watch& watch) {
    const churn_watch::visit inside(watch);
    dice rolls(next_seed_++);
    if (rolls.one_in(12)) {
        act(rolls);
    }
}

inline void churn_world::answer_later(responder answering) {
    if (const auto earlier =
            unanswered_.exchange(std::make_shared<responder>(std::move(answering)))) {
        (void)earlier->respond("later");
    }
}

inline churn_world::server_ptr churn_world::make_server(dice& rolls) {
    std::unique_ptr<context_runner> own;
    auto options = options_from<server_options>(rolls, own);
    options.io_threads = 1 + rolls.below(2);
    auto made = std::make_shared<churned<messaging_server>>(options, std::move(own), remains_);
    const auto record = [this, watch = made->watch, token = token_] { visit(*watch); };
    (void)made->object->set_connection_callback([record](const session_ptr&) { record(); });
    (void)made->object->set_disconnection_callback([record](const std::string&) { record(); });
    (void)made->object->set_receive_callback(
        [this, record](const session_ptr& session, std::span<const std::uint8_t> data) {
            dice rolls_here(static_cast<std::uint32_t>(data.size()));
            books_.send(session, rolls_here);
            record();
        });
    (void)made->object->set_request_callback([this, record](const session_ptr&,
                                                            std::span<const std::uint8_t> data,
                                                            responder answering) {
        record();
        if (data.size() % 4 != 0) {
            (void)answering.respond(data);
        } else {
            answer_later(std::move(answering));
        }
    });
    (void)made->object->set_error_callback(
        [record](const session_ptr&, std::error_code) { record(); });
    (void)made->object->set_writable_callback([record](const session_ptr&) { record(); });
    return made;
}

inline churn_world::client_ptr churn_world::make_client(dice& rolls) {
    std::unique_ptr<context_runner> own;
    auto options = options_from<client_options>(rolls, own);
    options.connect_timeout = 500ms;
    auto made = std::make_shared<churned<messaging_client>>(options, std::move(own), remains_);
    const auto record = [this, watch = made->watch, token = token_] { visit(*watch); };
    (void)made->object->set_connected_callback(record);
    (void)made->object->set_disconnected_callback(record);
    (void)made->object->set_receive_callback([record](std::span<const std::uint8_t>) { record(); });
    (void)made->object->set_request_callback([record](std::span<const std::uint8_t> data) {
        record();
        return bytes(data.begin(), data.end());
    });
    (void)made->object->set_error_callback([record](std::error_code) { record(); });
    (void)made->object->set_writable_callback(record);
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
    if (callbacks_on_stack == 0 && rolls.one_in(100)) {
        remains_.clear();
    }
}

inline void churn_world::start(const server_ptr& server, dice& rolls) {
    server->watch->around_start([&] {
        const auto other = servers_.at(rolls.below(servers_.size())).get();
        auto shared = rolls.one_in(4) && other
                          ? other->object->share_listener()
                          : Result<network_system::core::listener>(network_system::error_info{});
        if (shared) {
            (void)server->object->start_server(std::move(shared).value());
        } else {
            (void)server->object->start_server(ports_.at(rolls.below(ports_.size())).number());
        }
    });
}

inline void churn_world::act_on(const server_ptr& server, dice& rolls) {
    messaging_server& object = *server->object;
    switch (rolls.below(12)) {
        case 0:
        case 1:
        case 2: start(server, rolls); break;
        case 3:
            server->watch->around_stop([&] { EXPECT_TRUE(is_ok(object.stop_server())); });
            break;
        case 4:
            (void)object.stop_server(
                [this, watch = server->watch, token = token_](VoidResult) { visit(*watch); });
            break;
        case 5:
        case 6:
        case 7: use(object, rolls); break;
        default:
            for (const auto& each : object.get_sessions()) {
                act_on(each, rolls);
            }
            break;
    }
}

inline void churn_world::use(messaging_server& object, dice& rolls) {
    constexpr std::array topics{"one", "two"};
    const std::string_view topic = topics.at(rolls.below(topics.size()));
    switch (rolls.below(4)) {
        case 0:
            (void)object.metrics();
            (void)object.session_stats();
            (void)object.set_writable_callback({});  // refused while it is in use
            break;
        case 1:
            for (const auto& each : object.get_sessions()) {
                (void)(rolls.one_in(3) ? object.unsubscribe(each, topic)
                                       : object.subscribe(each, topic));
            }
            break;
        case 2:
            if (const auto result = object.publish(topic, pattern(1 + rolls.below(10'000)))) {
                books_.record_fan_out(result.value());
            }
            break;
        default:
            if (const auto result = object.broadcast(pattern(1 + rolls.below(10'000)))) {
                books_.record_fan_out(result.value());
            }
            break;
    }
}

inline void churn_world::act_on(const client_ptr& client, dice& rolls) {
    messaging_client& object = *client->object;
    const auto session = object.get_session();
    switch (rolls.below(16)) {
        case 0:
            client->watch->around_stop([&] { EXPECT_TRUE(is_ok(object.stop_client())); });
            break;
        case 1:
            (void)object.stop_client(
                [this, watch = client->watch, token = token_](VoidResult) { visit(*watch); });
            break;
        case 2: connect(client, rolls); break;
        case 3:
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
        const auto record = [this, watch = client->watch, token = token_](VoidResult) {
            visit(*watch);
        };
        switch (rolls.below(4)) {
            case 0: (void)client->object->start_client("127.0.0.1", port, record); break;
            case 1:
                if (const auto start = network_system::session::next_operation_id();
                    client->object->start_client("127.0.0.1", port, record, start)) {
                    client->object->cancel(start);
                }
                break;
            default: (void)client->object->start_client("127.0.0.1", port); break;
        }
    });
}

inline void churn_world::act_on(const std::shared_ptr<stream_session>& session, dice& rolls) {
    const auto record = [token = token_](auto&&...) {};
    switch (rolls.below(16)) {
        case 0: (void)session->pause_receiving(); break;
        case 1:
        case 2: (void)session->resume_receiving(); break;
        case 3: EXPECT_TRUE(is_ok(session->stop_session())); break;
        case 4: (void)session->stop_session(record); break;
        case 5: (void)session->ping(record); break;
        case 6: (void)session->receive_packet(record); break;
        case 7:
        case 8: books_.request(session, rolls, record); break;
        case 9: books_.send_conflated(session, rolls); break;
        case 10: (void)session->post(record); break;
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
        unanswered_.replace(nullptr);
        remains_.clear();
        return token_.use_count() == 1;
    };
    ASSERT_TRUE(eventually(is_over)) << "something keeps its callbacks";
    for (auto& each : shared_) {
        EXPECT_TRUE(each->comes_to_rest()) << "something is left pending";
    }
    books_.expect_balanced();
}

}  // namespace loopback
