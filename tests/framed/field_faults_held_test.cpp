// A session that reads nothing for now still learns that its peer is gone.
#include "framed/field_faults.h"

#include <network_system/utils/thread_pool.h>

#include <future>
#include <optional>

namespace loopback {
namespace {

using network_system::receive_mode;

// NOLINTNEXTLINE(readability-identifier-naming): the suite bears the name of what it lists
class field_faults_held : public field_faults {};
INSTANTIATE_TEST_SUITE_P(everywhere, field_faults_held,
                         testing::Combine(both_methods(),
                                          testing::Values(driver::own_threads, driver::io_context)),
                         [](const auto& which) {
                             return readiness_name(std::get<readiness>(which.param)) +
                                    (std::get<driver>(which.param) == driver::io_context
                                         ? "_io_context"
                                         : "_own_threads");
                         });

/// What holds a session from reading, once it has got the first messages.
enum class held_by : std::uint8_t { pull_queue, rate, application, callback_queue };
// The application's own pause is none of these: it is told of nothing until it goes on.
constexpr held_by every_hold[] = {held_by::pull_queue, held_by::rate, held_by::callback_queue};

/// A server whose one session is held.
class holding_server {
public:
    holding_server(server_options options, held_by how) : how_(how) {
        if (how == held_by::pull_queue) {
            options.session.receiving = receive_mode::pull;
            options.session.receive_queue_limit = 1;
        } else if (how == held_by::rate) {
            options.session.max_messages_per_second = 1;
        } else if (how == held_by::callback_queue) {
            options.callback_pool = std::make_shared<network_system::thread_pool>(1);
            options.callback_queue_limit = 1;
        }
        server.emplace(options);
        server->on_receive = [this](const session_ptr& session, std::span<const std::uint8_t>) {
            if (how_ == held_by::application) {
                if (may_go_on.count() == 0) {
                    (void)session->pause_receiving();
                }
                held.add();
            } else if (how_ == held_by::callback_queue) {
                held.add();
                (void)may_go_on.wait_for(1);
            }
        };
    }
    ~holding_server() { may_go_on.add(); }
    holding_server(const holding_server&) = delete;
    holding_server& operator=(const holding_server&) = delete;

    /// Sends more than is read at once, and waits until the session is held.
    [[nodiscard]] bool fill(const raw_peer& peer) {
        bytes all;
        for (std::size_t i = 0; i < count; ++i) {
            const bytes message = frame_of(type_data, pattern(std::size_t{64} * 1024));
            all.insert(all.end(), message.begin(), message.end());
        }
        if (!peer.send(all) || !server->sessions.wait_for(1)) {
            return false;
        }
        const auto session = server->sessions.at(0);
        switch (how_) {
            case held_by::pull_queue:
                return eventually([&] { return session->metrics().messages_unread > 0; });
            case held_by::rate:
                return eventually([&] { return session->metrics().rate_pauses > 0; });
            case held_by::application: return held.wait_for(1);
            case held_by::callback_queue:
                return held.wait_for(1) &&
                       eventually([&] { return session->metrics().bytes_received > 64 * 1024; });
        }
        return false;
    }

    static constexpr std::size_t count = 16;
    std::optional<test_server> server;
    event_counter held;
    event_counter may_go_on;

private:
    const held_by how_;
};

TEST_P(field_faults_held, a_session_that_is_held_from_reading_does_not_notice_a_reset) {
    for (const held_by how : every_hold) {
        holding_server held(for_server(), how);
        raw_peer peer = raw_peer::connect(held.server->start());
        ASSERT_TRUE(held.fill(peer));
        peer.reset();
        // The callback that holds it is still at its message.
        const auto session = held.server->sessions.at(0);
        ASSERT_TRUE(eventually([&] { return session->is_stopped(); }))
            << "held by " << static_cast<int>(how);
        held.may_go_on.add();
        ASSERT_TRUE(held.server->closed.wait_for(1));
        ASSERT_TRUE(held.server->errors.wait_for(1));
        EXPECT_EQ(held.server->errors.at(0).code, errc::connection_closed);
    }
}

TEST_P(field_faults_held, an_orderly_end_loses_what_a_held_session_has_not_read) {
    for (const held_by how : {held_by::pull_queue, held_by::application}) {
        holding_server held(for_server(), how);
        raw_peer peer = raw_peer::connect(held.server->start());
        ASSERT_TRUE(held.fill(peer));
        peer.half_close();
        const auto session = held.server->sessions.at(0);
        held.may_go_on.add();
        if (how == held_by::application) {
            EXPECT_TRUE(is_ok(session->resume_receiving()));
            EXPECT_TRUE(held.server->received.wait_for(holding_server::count));
            continue;
        }
        for (std::size_t i = 0; i < holding_server::count; ++i) {
            std::promise<bool> answered;
            ASSERT_TRUE(is_ok(session->receive_packet(
                [&](const auto& message) { answered.set_value(message.is_ok()); })));
            ASSERT_TRUE(answered.get_future().get()) << "after " << i;
        }
    }
}

}  // namespace
}  // namespace loopback
