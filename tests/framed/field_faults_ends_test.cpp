// faults_test of ends: of one direction of a stream, and of peers that are slow and not gone.
#include "framed/field_faults.h"

#include <sys/un.h>

#include <latch>

namespace loopback {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20U;

/// Two connections to a server that is blocked towards one of them, and whose loop is held up by
/// the other while `work` runs.
template <typename Work>
void while_busy_and_blocked(test_server& server, raw_peer& blocked, const Work& work) {
    const auto is_busy = std::make_shared<std::latch>(1);
    const auto may_go_on = std::make_shared<std::latch>(1);
    server.on_receive = [is_busy, may_go_on](const session_ptr& from,
                                             std::span<const std::uint8_t> data) {
        if (text_of(data) == "hold") {
            is_busy->count_down();
            may_go_on->wait();
        } else if (text_of(data) == "fill") {
            ASSERT_TRUE(is_ok(from->send_packet(pattern(mebibyte))));
        }
    };
    const auto port = server.start();
    blocked = raw_peer::connect(port, 4096);
    ASSERT_TRUE(blocked.send(length_prefixed(bytes{'f', 'i', 'l', 'l'})));
    ASSERT_TRUE(server.received.wait_for(1));
    const auto session = server.sessions.at(0);
    ASSERT_TRUE(eventually([&] { return session->queued_bytes() > mebibyte / 2; }));
    const raw_peer other = raw_peer::connect(port);
    ASSERT_TRUE(other.send(length_prefixed(bytes{'h', 'o', 'l', 'd'})));
    is_busy->wait();
    work();
    may_go_on->count_down();
}

TEST_P(field_faults, last_words_before_a_reset) {
    for (const std::size_t count : {std::size_t{1}, std::size_t{1500}}) {
        server_options options = for_server();
        options.session.frames = framing::length_prefixed;
        options.socket.send_buffer_size = 4096;
        test_server server(options);
        event_counter last_words;
        raw_peer dying;
        while_busy_and_blocked(server, dying, [&] {
            bytes all;
            for (std::size_t i = 0; i < count; ++i) {
                const bytes each =
                    length_prefixed(bytes{'l', 'a', 's', 't', ' ', 'w', 'o', 'r', 'd', 's'});
                all.insert(all.end(), each.begin(), each.end());
            }
            ASSERT_TRUE(dying.send(all));
            dying.close();  // with unread input: a reset
        });
        ASSERT_TRUE(server.received.wait_for(2 + count)) << server.received.count();
        ASSERT_TRUE(server.errors.wait_for(1));
        EXPECT_EQ(server.errors.at(0).code, errc::connection_closed);
    }
}

TEST_P(field_faults, a_half_closed_peer_that_waits_for_its_answer) {
    for (const framing frames : {framing::length_prefixed, framing::raw}) {
        server_options options = for_server();
        options.session.frames = frames;
        options.session.keep_sending_after_end = true;
        test_server server(options);
        server.on_receive = [](const session_ptr&, std::span<const std::uint8_t>) {};
        raw_peer peer = raw_peer::connect(server.start());
        ASSERT_TRUE(peer.send(length_prefixed(bytes{'?'})));
        peer.half_close();
        ASSERT_TRUE(server.received.wait_for(1));
        const auto session = server.sessions.at(0);
        ASSERT_TRUE(eventually([&] { return session->has_peer_ended(); }));
        // Much later than its end.
        ASSERT_TRUE(is_ok(session->send_packet("answer")));
        ASSERT_TRUE(is_ok(session->stop_session()));
        const std::size_t header = frames == framing::raw ? 0 : 4;
        EXPECT_EQ(peer.receive(header + 6).size(), header + 6);
        EXPECT_EQ(peer.drain(), stream_end::orderly);
        ASSERT_TRUE(server.closed.wait_for(1));
        EXPECT_EQ(server.errors.size(), 0U);
    }
}

/// Reads everything at a steady 4 KiB each 10 ms, answering pings as it reads them; how many bytes
/// of messages came.
std::size_t read_steadily(raw_peer& peer) {
    bytes pending;
    std::size_t total = 0;
    while (true) {
        const bytes part = peer.receive_some(4096);
        if (part.empty()) {
            return total;
        }
        pending.insert(pending.end(), part.begin(), part.end());
        while (pending.size() >= 5) {
            const auto size = static_cast<std::size_t>(reason_of(std::span(pending).subspan(1)));
            const unsigned type = pending[0] >> 4U;
            if (pending.size() < 5 + size) {
                break;
            }
            const auto payload = std::span(pending).subspan(5, size);
            if (type == type_ping) {
                (void)peer.send(frame_of(type_pong, payload));
            } else if (type == type_goodbye) {
                peer.half_close();
            } else if (type == type_data) {
                total += size;
            }
            pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(5 + size));
        }
        std::this_thread::sleep_for(10ms);  // the pace, not a wait
    }
}

class slow_reader : public field_faults {
protected:
    [[nodiscard]] server_options for_slow_readers() {
        server_options options = for_server();
        options.session.ping_interval = 300ms;
        options.session.pong_timeout = 300ms;
        options.drain_timeout = 300ms;
        return options;
    }
    static void fill(const session_ptr& session) {
        for (int i = 0; i < 64; ++i) {
            ASSERT_TRUE(is_ok(session->send_packet(pattern(mebibyte / 64))));
        }
    }
    static raw_peer connect_unix(const std::string& name) {
        raw_peer peer(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ::sockaddr_un to{};
        to.sun_family = AF_UNIX;
        std::copy(name.begin(), name.end(), to.sun_path + 1);
        const auto size =
            static_cast<::socklen_t>(offsetof(::sockaddr_un, sun_path) + 1 + name.size());
        EXPECT_EQ(::connect(peer.handle(), reinterpret_cast<const ::sockaddr*>(&to), size), 0);
        return peer;
    }
};

INSTANTIATE_TEST_SUITE_P(by, slow_reader,
                         testing::Combine(testing::Values(readiness::automatic),
                                          testing::Values(driver::own_threads)),
                         [](const auto& each) {
                             return readiness_name(std::get<readiness>(each.param));
                         });

TEST_P(slow_reader, who_answers_every_ping_it_reads_is_not_gone) {
    for (const int buffer : {4096, 16 * 1024, 0}) {
        server_options options = for_slow_readers();
        // A window opens in steps of 64 KiB, if the system is let choose the buffers.
        options.drain_timeout = buffer == 0 ? 1500ms : 500ms;
        options.socket.send_buffer_size = buffer;
        test_server server(options);
        raw_peer peer = raw_peer::connect(server.start(), buffer);
        ASSERT_TRUE(server.sessions.wait_for(1));
        const auto session = server.sessions.at(0);
        fill(session);
        std::size_t total = 0;
        std::thread reads([&] { total = read_steadily(peer); });
        EXPECT_TRUE(eventually([&] { return session->metrics().messages_sent == 64; }));
        // What the system holds then is read as steadily, longer than the drain.
        ASSERT_TRUE(is_ok(session->stop_session()));
        reads.join();
        EXPECT_EQ(total, mebibyte);
        EXPECT_EQ(server.errors.size(), 0U);
    }
}

TEST_P(slow_reader, over_a_unix_domain_socket_too) {
    server_options options = for_slow_readers();
    const std::string name = "network-system-slow-" + std::to_string(::getpid());
    options.bind_address = "unix:@" + name;
    test_server server(options);
    (void)server.start();
    raw_peer peer = connect_unix(name);
    ASSERT_TRUE(server.sessions.wait_for(1));
    fill(server.sessions.at(0));
    std::size_t total = 0;
    std::thread reads([&] { total = read_steadily(peer); });
    EXPECT_TRUE(eventually([&] { return server.sessions.at(0)->metrics().messages_sent == 64; }));
    ASSERT_TRUE(is_ok(server.sessions.at(0)->stop_session()));
    reads.join();
    EXPECT_EQ(total, mebibyte);
    EXPECT_EQ(server.errors.size(), 0U);
}

TEST_P(slow_reader, one_that_reads_nothing_is_found) {
    for (const int send_buffer : {4096, 0}) {
        server_options options = for_slow_readers();
        options.socket.send_buffer_size = send_buffer;
        test_server server(options);
        const raw_peer peer = raw_peer::connect(server.start(), 16 * 1024);
        ASSERT_TRUE(server.sessions.wait_for(1));
        fill(server.sessions.at(0));
        ASSERT_TRUE(server.errors.wait_for(1));
        EXPECT_EQ(server.errors.at(0).code, errc::connection_timeout);
    }
}

TEST_P(slow_reader, one_that_reads_too_little_is_cut_when_the_connection_ends) {
    server_options options = for_slow_readers();
    options.session.ping_interval = 0ms;
    options.session.min_drain_rate = 10 * mebibyte;
    test_server server(options);
    raw_peer peer = raw_peer::connect(server.start(), 16 * 1024);
    ASSERT_TRUE(server.sessions.wait_for(1));
    fill(server.sessions.at(0));
    ASSERT_TRUE(is_ok(server.sessions.at(0)->stop_session()));
    std::size_t total = 0;
    std::thread reads([&] { total = read_steadily(peer); });
    ASSERT_TRUE(server.errors.wait_for(1));
    reads.join();
    EXPECT_EQ(server.errors.at(0).code, errc::connection_timeout);
    EXPECT_LT(total, mebibyte);
}

TEST_P(slow_reader, a_stop_of_the_server_does_not_wait_for_it) {
    test_server server(for_slow_readers());
    raw_peer peer = raw_peer::connect(server.start(), 16 * 1024);
    ASSERT_TRUE(server.sessions.wait_for(1));
    fill(server.sessions.at(0));
    // Already ending, with patience.
    ASSERT_TRUE(is_ok(server.sessions.at(0)->stop_session()));
    std::size_t total = 0;
    std::thread reads([&] { total = read_steadily(peer); });
    ASSERT_TRUE(is_ok(server.server.stop_server()));
    reads.join();
    EXPECT_LT(total, mebibyte);
    ASSERT_EQ(server.errors.size(), 1U);
    EXPECT_EQ(server.errors.at(0).code, errc::connection_timeout);
}

}  // namespace
}  // namespace loopback
