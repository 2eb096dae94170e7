// Every message accepted is sent or dropped, and what arrives is a prefix of what was handed over.
#include "support/loopback.h"

#include <atomic>
#include <map>
#include <random>

namespace loopback {
namespace {

class accounting_test : public BothReadiness {};
INSTANTIATE_TEST_SUITE_P(method, accounting_test, both_methods(), method_of);

[[nodiscard]] std::size_t pick(std::mt19937& generator, std::size_t low, std::size_t high) {
    return low + generator() % (high - low + 1);
}

[[nodiscard]] bytes message_of(std::uint32_t number, std::size_t size) {
    bytes data;
    put_length(data, number);
    data.resize(4 + size);
    return data;
}

/// What one session was given to send.
struct ledger {
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<std::uint64_t> completed{0};
    std::atomic<std::uint64_t> failed{0};

    /// One message, in one of the ways to send it.
    template <typename Sender>
    void send(Sender& sender, std::mt19937& generator, std::uint32_t number) {
        bytes data = message_of(number, pick(generator, 0, generator() % 8 == 0 ? 60'000 : 600));
        const auto note = [this](VoidResult result) { ++(result.is_ok() ? completed : failed); };
        const bool is_owned = generator() % 2 == 0;
        const auto sent = is_owned ? sender.send_packet(std::move(data), note)
                                   : sender.send_packet(std::span<const std::uint8_t>(data), note);
        accepted += sent.is_ok() ? 1 : 0;
    }
    void expect_balanced(const network_system::session::session_metrics& closed) const {
        EXPECT_EQ(closed.messages_sent + closed.messages_dropped, accepted);
        EXPECT_EQ(completed, closed.messages_sent) << "completions say what became of each";
        EXPECT_EQ(failed, closed.messages_dropped);
        EXPECT_EQ(closed.queued_bytes, 0U);
    }
};

enum class ending { clean, server_stops_session, reset, vanish, client_destroyed };

TEST_P(accounting_test, every_session_is_balanced_however_it_ends) {
    const std::uint32_t seeds = is_sanitized ? 3 : 10;
    for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937 generator(seed);
        server_options options = for_server();
        options.io_threads = 2;
        options.drain_timeout = 100ms;
        options.session.high_watermark = 200'000;
        options.session.low_watermark = 50'000;
        test_server server(options);
        std::map<std::string, std::shared_ptr<ledger>> ledgers;
        std::mutex mutex;
        server.on_connect = [&](const session_ptr& session) {
            auto made = std::make_shared<ledger>();
            session->set_user_data(made);
            const std::lock_guard lock(mutex);
            ledgers[session->id()] = std::move(made);
        };
        server.on_receive = [](const session_ptr& session, std::span<const std::uint8_t>) {
            const auto book = session->user_data_as<ledger>();
            thread_local std::mt19937 numbers(7);
            book->send(*session, numbers, 0);
        };
        const auto port = server.start();
        std::vector<std::thread> peers;
        for (int i = 0; i < 6; ++i) {
            const auto how = static_cast<ending>(pick(generator, 1, 4));
            peers.emplace_back([&, how, own = std::mt19937(generator())]() mutable {
                raw_peer peer = raw_peer::connect(port, 8192);
                for (std::size_t m = pick(own, 1, 200); m > 0; --m) {
                    (void)peer.send(frame_of(type_data, pattern(pick(own, 1, 300))));
                    if (m % 4 == 0) {
                        (void)peer.receive_some(2000);
                    }
                }
                if (how == ending::reset) {
                    peer.reset();
                } else if (how == ending::server_stops_session) {
                    peer.half_close();
                    (void)peer.drain();
                }
            });
        }
        // Sends from outside, at the same time.
        std::uint32_t number = 0;
        for (int i = 0; i < 200; ++i) {
            for (const auto& session : server.server.get_sessions()) {
                if (const auto book = session->user_data_as<ledger>()) {
                    book->send(*session, generator, ++number);
                }
                if (pick(generator, 0, 200) == 0) {
                    (void)session->stop_session();
                }
            }
        }
        for (auto& peer : peers) {
            peer.join();
        }
        ASSERT_TRUE(server.closed.wait_for(server.sessions.size()));
        EXPECT_TRUE(is_ok(server.server.stop_server()));
        network_system::session::session_metrics sum;
        for (const session_ptr& session : server.sessions.all()) {
            ledgers.at(session->id())->expect_balanced(session->metrics());
            sum.messages_sent += session->metrics().messages_sent;
            sum.messages_dropped += session->metrics().messages_dropped;
        }
        const auto totals = server.server.metrics().totals;
        EXPECT_EQ(totals.messages_sent, sum.messages_sent);
        EXPECT_EQ(totals.messages_dropped, sum.messages_dropped);
    }
}

TEST_P(accounting_test, what_arrives_is_a_prefix_of_what_was_handed_over) {
    const std::uint32_t seeds = is_sanitized ? 4 : 16;
    for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937 generator(seed);
        const auto how = static_cast<ending>(seed % 5);
        server_options options = for_server();
        options.drain_timeout = 2s;
        test_server server(options);
        collector<std::uint32_t> arrived;
        const std::size_t enough = pick(generator, 1, 300);
        server.on_receive = [&](const session_ptr& session, std::span<const std::uint8_t> data) {
            arrived.add(static_cast<std::uint32_t>(reason_of(data)));
            if (arrived.size() == enough && how == ending::server_stops_session) {
                (void)session->stop_session();
            }
        };
        client_options plain = for_client();
        plain.drain_timeout = 2s;
        test_client client(plain);
        ASSERT_TRUE(is_ok(client.connect(server.start())));
        const auto session = client.client.get_session().value();
        ledger book;
        std::uint32_t number = 0;
        for (; number < 400 && !session->is_stopped(); ++number) {
            const std::uint64_t before = book.accepted;
            book.send(*session, generator, number);
            if (book.accepted == before) {
                break;  // the connection is gone; the next numbers would leave a gap
            }
        }
        EXPECT_TRUE(is_ok(client.client.stop_client()));
        ASSERT_TRUE(server.closed.wait_for(1));
        const auto closed = session->metrics();
        book.expect_balanced(closed);
        const auto all = arrived.all();
        for (std::uint32_t i = 0; i < all.size(); ++i) {
            ASSERT_EQ(all[i], i) << "a gap or a swap";
        }
        EXPECT_LE(all.size(), closed.messages_sent);
        if (how != ending::server_stops_session) {
            EXPECT_EQ(all.size(), closed.messages_sent) << "all of it after a clean close";
            EXPECT_EQ(closed.messages_dropped, 0U);
            EXPECT_EQ(client.errors.size(), 0U);
        }
    }
}

TEST_P(accounting_test, a_reset_loses_nothing_from_the_books) {
    const raw_listener listener;
    for (int round = 0; round < 5; ++round) {
        client_options options = for_client();
        options.socket.send_buffer_size = 4096;
        test_client client(options);
        event_counter is_sent;
        std::thread server([&] {
            raw_peer peer = listener.accept();
            (void)peer.send(hello_frame());
            (void)is_sent.wait_for(1);
            (void)peer.receive(static_cast<std::size_t>(10'000 * round));
            peer.reset();
        });
        ASSERT_TRUE(is_ok(client.connect(listener.port())));
        const auto session = client.client.get_session().value();
        ledger book;
        std::mt19937 generator(static_cast<std::uint32_t>(round));
        for (std::uint32_t i = 0; i < 500; ++i) {
            book.send(*session, generator, i);
        }
        is_sent.add();
        server.join();
        ASSERT_TRUE(client.disconnected.wait_for(1));
        EXPECT_TRUE(is_ok(client.client.wait_for_stop()));
        book.expect_balanced(session->metrics());
        EXPECT_GT(session->metrics().messages_dropped, 0U);
        ASSERT_EQ(client.errors.size(), 1U);
        EXPECT_EQ(client.errors.at(0), make_error_code(errc::connection_closed));
    }
}

}  // namespace
}  // namespace loopback
