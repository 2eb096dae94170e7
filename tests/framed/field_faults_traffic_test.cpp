// faults_test of what goes through connections, and of the way to them.
#include "framed/field_faults.h"
#include "framed/thread_order.h"
#include "support/process_memory.h"
#include "support/scripted_names.h"

#include <latch>

namespace loopback {
namespace {

using network_system::testing::scripted_name;

constexpr std::size_t frame_header_size = 5;

TEST_P(field_faults, unbounded_queue_with_a_slow_reader) {
    constexpr std::size_t high = 256 * 1024;
    constexpr std::size_t size = 8 * 1024;
    server_options narrow = for_server();
    narrow.session.high_watermark = high;
    narrow.session.low_watermark = high / 4;
    narrow.socket.send_buffer_size = 4096;
    narrow.drain_timeout = 0ms;
    test_server server(narrow);
    const raw_peer reads_nothing = raw_peer::connect(server.start(), 4096);
    ASSERT_TRUE(server.sessions.wait_for(1));
    const auto session = server.sessions.at(0);
    const bytes message = pattern(size);
    const auto before = network_system::testing::read_process_memory();
    std::size_t refused = 0;
    for (std::size_t offered = 0; offered < scaled(8192); ++offered) {
        refused += session->send_packet(std::span<const std::uint8_t>(message)).is_err() ? 1U : 0U;
        ASSERT_LE(session->queued_bytes(), high);
        if (offered % 16 == 0) {
            (void)server.server.broadcast(message);
            ASSERT_LE(session->queued_bytes(), high);
        }
    }
    EXPECT_GT(refused, 0U);
    EXPECT_FALSE(session->is_stopped());
    const auto after = network_system::testing::read_process_memory();
    // Sanitizers keep freed memory for a while.
    if (before && after && !is_sanitized) {
        EXPECT_LT(after->resident, before->resident + 8 * high / 1024) << "KiB, of 64 MiB offered";
    }
}

TEST_P(field_faults, queue_check_ignoring_other_threads_writes) {
    constexpr std::size_t high = 64 * 1024;
    constexpr std::size_t frame = 1000 + frame_header_size;
    server_options narrow = for_server();
    narrow.session.high_watermark = high;
    narrow.session.low_watermark = high / 4;
    test_server server(narrow);
    collector<std::size_t> totals;
    // While this callback runs, nothing leaves the queue: what was accepted is in it.
    server.on_receive = [&](const session_ptr& session, std::span<const std::uint8_t> data) {
        std::atomic<std::size_t> accepted{0};
        const bool sends_itself = data[0] != 0;
        std::latch all_ready(sending_threads + 1);
        const auto fill = [&] {
            all_ready.arrive_and_wait();
            while (session->send_packet(std::span<const std::uint8_t>(pattern(1000)))) {
                ++accepted;
            }
        };
        std::vector<std::thread> senders;
        for (std::size_t t = 0; t < sending_threads; ++t) {
            senders.emplace_back(fill);
        }
        if (sends_itself) {
            fill();
        } else {
            all_ready.count_down();
        }
        for (auto& each : senders) {
            each.join();
        }
        EXPECT_EQ(session->queued_bytes(), accepted * frame) << "counted exactly";
        totals.add(accepted * frame);
    };
    const auto port = server.start();
    for (std::uint8_t round = 0; round < scaled(64); ++round) {
        const std::uint8_t sends_itself = round % 2;
        raw_peer peer = raw_peer::connect(port);
        ASSERT_TRUE(peer.receive_frame_of(type_hello));
        ASSERT_TRUE(peer.send(frame_of(type_data, {&sends_itself, 1})));
        ASSERT_TRUE(totals.wait_for(round + 1U));
        // The I/O thread takes no lock: its send and another thread's may pass at the same moment.
        EXPECT_LE(totals.at(round), high + (sends_itself != 0 ? frame : 0));
        EXPECT_GT(totals.at(round), high - frame);
    }
}

TEST_P(field_faults, send_from_another_thread) {
    order_check at_server;
    order_check at_client;
    test_server server(for_server());
    server.on_receive = [&](const session_ptr&, std::span<const std::uint8_t> data) {
        at_server.record(data);
    };
    test_client client(for_client());
    client.on_receive = [&](std::span<const std::uint8_t> data) { at_client.record(data); };
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(server.sessions.wait_for(1));
    const auto far_side = server.sessions.at(0);
    const auto each = static_cast<std::uint32_t>(scaled(400));
    const auto send_by = [](auto& sender, const bytes& data, bool is_owned) {
        return is_owned ? sender.send_packet(bytes(data))
                        : sender.send_packet(std::span<const std::uint8_t>(data));
    };
    std::thread other([&] {
        send_from_threads(each, [&](const bytes& data, bool is_owned) {
            return send_by(*far_side, data, is_owned);
        });
    });
    send_from_threads(each, [&](const bytes& data, bool is_owned) {
        return send_by(client.client, data, is_owned);
    });
    other.join();
    EXPECT_TRUE(at_server.wait_for(sending_threads * each));
    EXPECT_TRUE(at_client.wait_for(sending_threads * each));
}

/// Several frames of different sizes, as the bytes of one stream, and what is in them.
struct stream_of_frames {
    explicit stream_of_frames(std::initializer_list<std::size_t> sizes) {
        for (const std::size_t size : sizes) {
            const bytes& payload = messages.emplace_back(
                pattern(size, static_cast<std::uint32_t>(messages.size() + 1)));
            const bytes frame = frame_of(type_data, payload);
            data.insert(data.end(), frame.begin(), frame.end());
        }
    }
    bytes data;
    std::vector<bytes> messages;
};

/// An application's own errors, whose first is 0.
enum class trouble { nothing_in_stock, closed_today = 7 };

TEST_P(field_faults, an_error_of_code_0_arrives_as_an_answer) {
    const auto internal = static_cast<int>(errc::internal_error);
    test_server server(for_server());
    (void)server.server.set_request_callback(
        [](const session_ptr&, std::span<const std::uint8_t> asked) -> Result<bytes> {
            const int code = std::stoi(text_of(asked));
            return network_system::error<bytes>(code, "no");
        });
    test_client client(for_client());
    // Also the other way round, and by those who answer later.
    (void)client.client.set_request_callback(
        [](std::span<const std::uint8_t> asked, network_system::session::responder answer) {
            EXPECT_TRUE(is_ok(answer.fail(std::stoi(text_of(asked)), "no")));
        });
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    const std::vector<std::pair<int, int>> codes{
        {static_cast<int>(trouble::nothing_in_stock), internal},
        {std::error_code().value(), internal},
        {static_cast<int>(trouble::closed_today), static_cast<int>(trouble::closed_today)},
        {-620, -620},
        {std::numeric_limits<int>::max(), std::numeric_limits<int>::max()},
        {std::numeric_limits<int>::min(), std::numeric_limits<int>::min()}};
    for (const auto& [said, heard] : codes) {
        const auto answer = client.client.request(std::to_string(said), patience);
        ASSERT_TRUE(answer.is_err()) << said;
        EXPECT_EQ(answer.error().code, heard);
        EXPECT_EQ(answer.error().details, "no");
        collector<int> back;
        ASSERT_TRUE(is_ok(server.sessions.at(0)->request(
            std::to_string(said), patience, [&](const Result<bytes>& result) {
                back.add(result.is_ok() ? 0 : result.error().code);
            })));
        ASSERT_TRUE(back.wait_for(1));
        EXPECT_EQ(back.at(0), heard);
    }
}

TEST_P(field_faults, tcp_chunks_taken_for_messages) {
    test_server server(for_server());
    collector<bytes> received;
    server.on_receive = [&](const session_ptr&, std::span<const std::uint8_t> data) {
        received.add(copy_of(data));
    };
    raw_peer peer = raw_peer::connect(server.start());
    ASSERT_TRUE(server.sessions.wait_for(1));
    peer.set(IPPROTO_TCP, TCP_NODELAY, 1);
    std::uint64_t sent = 0;
    // Waits until the part was read by itself, so that the next one is a chunk of its own.
    const auto send_part = [&](std::span<const std::uint8_t> part) {
        sent += part.size();
        return peer.send(part) &&
               eventually([&] { return server.sessions.at(0)->metrics().bytes_received == sent; });
    };
    const stream_of_frames few{1, 7, 2, 16};
    for (std::size_t split = 1; split < few.data.size(); ++split) {
        SCOPED_TRACE(split);
        received.clear();
        ASSERT_TRUE(send_part(std::span(few.data).first(split)));
        ASSERT_TRUE(send_part(std::span(few.data).subspan(split)));
        ASSERT_TRUE(received.wait_for(few.messages.size()));
        EXPECT_EQ(received.all(), few.messages);
    }
    received.clear();
    for (const std::uint8_t& each : few.data) {
        ASSERT_TRUE(send_part({&each, 1}));
    }
    ASSERT_TRUE(received.wait_for(few.messages.size()));
    EXPECT_EQ(received.all(), few.messages);

    received.clear();
    bytes many;
    std::vector<bytes> expected;
    for (int i = 0; i < 200; ++i) {
        many.insert(many.end(), few.data.begin(), few.data.end());
        expected.insert(expected.end(), few.messages.begin(), few.messages.end());
    }
    ASSERT_TRUE(peer.send(many));
    ASSERT_TRUE(received.wait_for(expected.size()));
    EXPECT_EQ(received.all(), expected);
}

TEST_P(field_faults, connect_blocking_on_dns) {
    test_server server(for_server());
    const auto port = server.start();
    scripted_name hanging("hangs.test", {"127.0.0.1"});
    hanging.hold();
    client_options patient = for_client();
    patient.connect_timeout = patience;
    patient.drain_timeout = patience;
    // As many as the clients' shared threads: each loop has one.
    test_client first(patient);
    test_client second(patient);
    collector<int> answers;
    const auto note = [&](VoidResult result) {
        answers.add(result.is_ok() ? 0 : result.error().code);
    };
    for (test_client* const each : {&first, &second}) {
        ASSERT_TRUE(is_ok(each->client.start_client(hanging.text(), port, note)));
    }
    hanging.wait_until_asked();
    for (int i = 0; i < 2; ++i) {
        test_client other(for_client());
        ASSERT_TRUE(is_ok(other.connect(port))) << "the loops go on";
        EXPECT_TRUE(other.exchange("meanwhile"));
    }
    client_options hasty = for_client();
    hasty.connect_timeout = 100ms;
    test_client late(hasty);
    EXPECT_LT(time_of([&] {
                  EXPECT_TRUE(fails_with(late.client.start_client(hanging.text(), port),
                                         errc::connection_timeout));
              }),
              100ms + slack);
    EXPECT_EQ(answers.size(), 0U);
    EXPECT_LT(time_of([&] { EXPECT_TRUE(is_ok(first.client.stop_client())); }), slack)
        << "nobody waits for the resolver";
    EXPECT_LT(time_of([&] { EXPECT_TRUE(is_ok(second.client.stop_client())); }), slack);
    const std::vector closed(2, static_cast<int>(errc::connection_closed));
    EXPECT_EQ(answers.all(), closed);
    EXPECT_TRUE(is_ok(first.connect(port))) << "as good as new";
}

}  // namespace
}  // namespace loopback
