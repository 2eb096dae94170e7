// How sessions end, and that the books balance however they do.
#include "session_fixture.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;

class session_close : public session_fixture {
protected:
    void begin(connection_role role) {
        make_parts();
        role == connection_role::server ? start_server() : start_client();
    }
    void stop() {
        loop.in_batch([this] { EXPECT_TRUE(session->stop_session()); });
        loop.run();
    }
};

TEST_F(session_close, flushes_says_goodbye_shuts_down_and_waits) {
    for (const connection_role role : {connection_role::server, connection_role::client}) {
        begin(role);
        script->write_budget = 0;
        loop.in_batch([this] {
            EXPECT_EQ(send(pattern(5)), 0);
            EXPECT_EQ(send(pattern(3000)), 0);
        });
        std::thread([this] { EXPECT_EQ(send(pattern(7)), 0); }).join();
        stop();
        EXPECT_TRUE(session->is_stopped());
        const byte_string expected = concat({wire_data(pattern(5)), wire_data(pattern(3000)),
                                             wire_data(pattern(7)), goodbye_frame()});
        for (std::size_t i = 1; i <= expected.size(); ++i) {
            ASSERT_FALSE(script->was_shut_down) << i;
            script->write_budget = 1;
            loop.run();
        }
        EXPECT_EQ(script->written, expected);
        EXPECT_TRUE(script->was_shut_down);
        EXPECT_EQ(host->closed, 0) << "the peer has not ended yet";
        feed_end();
        EXPECT_FALSE(script->was_reset);
        expect_closed({});
        EXPECT_EQ(host->totals.messages_sent, 3U);
        expect_balanced();
    }
}

TEST_F(session_close, an_error_of_another_category_is_no_clean_end_to_the_peer) {
    start_server();
    loop.in_batch([this] { connection->begin_close(std::make_error_code(std::errc::io_error)); });
    loop.run();
    EXPECT_EQ(script->written, goodbye_frame(static_cast<int>(errc::connection_closed)));
    feed_end();
    EXPECT_EQ(host->reason, std::make_error_code(std::errc::io_error));
}

TEST_F(session_close, reads_and_discards_meanwhile) {
    start_server();
    feed(wire_data(pattern(3)));
    script->write_budget = 0;
    EXPECT_EQ(send_in_batch(pattern(5)), 0);
    stop();
    feed(concat({wire_data(pattern(10)), {0xFF, 0xFF}}));
    EXPECT_TRUE(script->unread().empty()) << "while flushing";
    script->write_budget = unlimited;
    loop.run();
    feed(concat({wire_frame(1, 0, pattern(8)), goodbye_frame(-605)}));
    EXPECT_TRUE(script->unread().empty()) << "while draining";
    feed_end();
    expect_closed({});
    EXPECT_EQ(host->messages, std::vector<byte_string>{pattern(3)});
    EXPECT_EQ(host->totals.bytes_discarded, 15U + 2 + 13 + 9);
    EXPECT_EQ(host->totals.bytes_received, 8U + 15 + 2 + 13 + 9);
    expect_balanced();
}

TEST_F(session_close, a_peer_that_does_not_read_is_cut_off_at_the_drain_deadline) {
    start_server();
    script->write_budget = 12;
    loop.in_batch([this] {
        EXPECT_EQ(send(pattern(5)), 0);
        EXPECT_EQ(send(pattern(5)), 0);
    });
    stop();
    loop.advance(milliseconds{999});
    EXPECT_EQ(host->closed, 0);
    loop.advance(milliseconds{2});
    EXPECT_TRUE(script->was_reset);
    expect_closed(errc::connection_timeout);
    const int timeout = static_cast<int>(errc::connection_timeout);
    EXPECT_EQ(outcomes, (std::vector<std::vector<int>>{{0}, {timeout}}));
    expect_balanced();
}

TEST_F(session_close, a_stop_in_another_thread_takes_effect_at_once_for_sends) {
    start_server();
    EXPECT_EQ(send_in_batch(pattern(3)), 0);
    std::thread([this] {
        EXPECT_TRUE(session->stop_session());
        EXPECT_TRUE(session->is_stopped());
        EXPECT_EQ(send(pattern(3)), static_cast<int>(errc::connection_closed));
    }).join();
    EXPECT_EQ(send_in_batch(pattern(3)), static_cast<int>(errc::connection_closed));
    loop.run();
    EXPECT_EQ(written(), (std::vector<wire_piece>{{0, 0, pattern(3)}, {3, 0, reason_bytes(0)}}));
    feed_end();
    expect_closed({});
    expect_balanced();
}

TEST_F(session_close, a_goodbye_drops_what_other_threads_queued_too) {
    start_server();
    script->write_budget = 0;
    EXPECT_EQ(send_in_batch(pattern(5)), 0);
    script->feed(goodbye_frame());
    std::thread([this] { EXPECT_EQ(send(pattern(7)), 0); }).join();
    EXPECT_TRUE(loop.poller().dispatch(*loop.get()));
    EXPECT_EQ(session->queued_bytes(), 0U);
    EXPECT_EQ(send(pattern(1)), static_cast<int>(errc::connection_closed));
    stop();
    feed_end();
    expect_closed({});
    EXPECT_EQ(host->totals.messages_dropped, 2U);
    expect_balanced();
}

TEST_F(session_close, an_end_without_goodbye_still_flushes) {
    // Half-closed: the peer may well be reading what it asked for.
    start_server();
    script->write_budget = 4;
    EXPECT_EQ(send_in_batch(pattern(5)), 0);
    feed_end();
    EXPECT_EQ(host->closed, 0);
    EXPECT_EQ(host->opened, 1);
    script->write_budget = unlimited;
    expect_closed(errc::connection_closed);
    EXPECT_EQ(written(), (std::vector<wire_piece>{
                             {0, 0, pattern(5)},
                             {3, 0, reason_bytes(static_cast<int>(errc::connection_closed))}}));
    expect_balanced();
}

TEST_F(session_close, a_stop_in_on_open_delivers_nothing) {
    make(connection_role::client);
    host->when_open = [this] { (void)session->stop_session(); };
    loop.in_batch([this] { connection->start(); });
    feed(concat({hello_frame(), wire_data(pattern(3))}));
    EXPECT_TRUE(host->messages.empty());
    EXPECT_EQ(written(), (std::vector<wire_piece>{{3, 0, reason_bytes(0)}}));
    feed_end();
    expect_closed({});
    EXPECT_EQ(host->totals.bytes_discarded, 8U);
}

TEST_F(session_close, a_stop_in_on_message_delivers_no_further) {
    // Once through the loop's buffer, once through the place of a large message's rest.
    for (const std::size_t size : {3U, 50'000U}) {
        make_parts();
        start_server();
        host->when_message = [this](const session_ptr& who, byte_span) {
            EXPECT_EQ(send(pattern(2)), 0);
            EXPECT_TRUE(who->stop_session());
            EXPECT_EQ(send(pattern(2)), static_cast<int>(errc::connection_closed));
        };
        script->feed(wire_data(pattern(size)));
        script->read_limit = 10;
        EXPECT_TRUE(loop.poller().dispatch(*loop.get()));
        script->read_limit = unlimited;
        feed(concat({wire_data(pattern(4)), wire_frame(1, 0, pattern(8))}));
        EXPECT_EQ(host->messages, std::vector<byte_string>{pattern(size)});
        EXPECT_EQ(written(),
                  (std::vector<wire_piece>{{0, 0, pattern(2)}, {3, 0, reason_bytes(0)}}));
        feed_end();
        expect_closed({});
        EXPECT_EQ(host->totals.bytes_discarded, 9U + 13);
        expect_balanced();
    }
}

TEST_F(session_close, a_stop_in_a_completion) {
    start_server();
    loop.in_batch([this] {
        EXPECT_TRUE(session->send_packet(
            pattern(3), [this](VoidResult) { EXPECT_TRUE(session->stop_session()); }));
        EXPECT_EQ(send(pattern(2)), 0);
    });
    loop.run();
    EXPECT_EQ(written().back(), (wire_piece{3, 0, reason_bytes(0)}));
    feed_end();
    expect_closed({});
    EXPECT_EQ(host->totals.messages_sent, 2U);
}

TEST_F(session_close, a_stop_in_the_other_callbacks) {
    config.high_watermark = config.low_watermark = 10;
    start_server();
    host->when_writable = [this] { (void)session->stop_session(); };
    script->write_budget = 0;
    EXPECT_EQ(send_in_batch(pattern(3)), 0);
    EXPECT_EQ(send_in_batch(pattern(3)), static_cast<int>(errc::send_buffer_full));
    script->write_budget = unlimited;
    loop.run();
    EXPECT_EQ(written().back(), (wire_piece{3, 0, reason_bytes(0)}));
    feed_end();
    expect_closed({});

    make_parts();
    start_server();
    host->when_closed = [this] { EXPECT_TRUE(session->stop_session()); };
    loop.in_batch([this] {
        (void)session->ping([this](Result<std::chrono::microseconds> answer) {
            EXPECT_TRUE(answer);
            (void)session->stop_session();
        });
    });
    const auto asked = written();
    ASSERT_EQ(asked.size(), 1U);
    feed(concat({wire_frame(2, 0, asked[0].payload), wire_data(pattern(3))}));
    EXPECT_TRUE(host->messages.empty());
    feed_end();
    expect_closed({});
}

TEST_F(session_close, a_stop_before_the_hello) {
    start(connection_role::client);
    stop();
    feed(concat({hello_frame(), wire_data(pattern(3))}));
    feed_end();
    expect_closed({});
    EXPECT_EQ(host->opened, 0);
}

TEST_F(session_close, keeps_itself_until_it_is_closed_and_nothing_after) {
    start_server();
    const std::weak_ptr<messaging_session> watched = session;
    const std::weak_ptr<recording_host> owner = host;
    session.reset();
    connection.reset();
    host->gate()->close();
    host.reset();
    EXPECT_FALSE(watched.expired());
    feed(goodbye_frame());
    const auto kept = watched.lock();
    feed_end();
    EXPECT_TRUE(owner.expired()) << "who keeps a closed session does not keep its server";
    ASSERT_TRUE(kept);
    EXPECT_TRUE(kept->is_stopped());
    EXPECT_TRUE(kept->stop_session());
    EXPECT_TRUE(kept->pause_receiving().is_err());
    EXPECT_TRUE(kept->resume_receiving().is_err());
    EXPECT_EQ(kept->metrics().messages_dropped, 0U);
    host = std::make_shared<recording_host>();
}

TEST_F(session_close, a_stream_that_cannot_be_watched) {
    script->fails_to_attach = true;
    for (const connection_role role : {connection_role::server, connection_role::client}) {
        start(role);
        EXPECT_EQ(host->opened, 0);
        EXPECT_TRUE(script->written.empty());
        expect_closed(errc::connection_failed);
        make_parts();
        script->fails_to_attach = true;
    }
}

TEST_F(session_close, the_books_balance_however_it_ends) {
    struct ending {
        const char* name;
        std::function<void()> happen;
        std::error_code reason;
    };
    const auto in_batch = [this](const std::function<void()>& work) { loop.in_batch(work); };
    const std::vector<ending> endings{
        {"stop", [&] { in_batch([&] { (void)session->stop_session(); }); }, {}},
        {"goodbye", [&] { script->feed(goodbye_frame()); }, {}},
        {"goodbye with a reason", [&] { script->feed(goodbye_frame(-663)); }, errc::server_full},
        {"end", [] {}, errc::connection_closed},
        {"truncation",
         [&] {
             script->feed({0, 0});
         },
         errc::connection_truncated},
        {"violation",
         [&] {
             script->feed({0xFF, 0, 0, 0, 0});
         },
         errc::protocol_error},
        {"error frame", [&] { script->feed(wire_frame(5, 0, reason_bytes(-642))); },
         errc::message_too_large},
        {"reset", [&] { script->broken = std::make_error_code(std::errc::connection_reset); },
         errc::connection_closed},
        {"abort", [&] { in_batch([&] { connection->abort(errc::connection_timeout); }); },
         errc::connection_timeout},
        {"exception",
         [&] {
             host->when_message = [](const auto&, byte_span) { throw std::runtime_error("no"); };
             script->feed(wire_data(pattern(1)));
         },
         errc::internal_error},
        {"the loop goes", [&] { loop->shutdown(); }, errc::connection_closed},
    };
    for (const ending& each : endings) {
        SCOPED_TRACE(each.name);
        make_parts();
        start_server();
        script->write_budget = 25;
        loop.in_batch([this] {
            for (int i = 0; i < 5; ++i) {
                EXPECT_EQ(send(pattern(5)), 0);
            }
        });
        std::thread([this] { EXPECT_EQ(send(pattern(5)), 0); }).join();
        each.happen();
        loop.run();
        feed_end();
        loop.advance(milliseconds{2000});
        EXPECT_EQ(host->closed, 1);
        EXPECT_EQ(host->gone, 1);
        // A flush that never ends hides a clean reason behind the timeout.
        const std::error_code cut_off = errc::connection_timeout;
        EXPECT_TRUE(host->reason == each.reason || (!each.reason && host->reason == cut_off));
        EXPECT_EQ(outcomes.size(), 6U);
        EXPECT_EQ(host->totals.messages_sent, 2U);
        expect_balanced();
    }
}

}  // namespace
}  // namespace network_system::session
