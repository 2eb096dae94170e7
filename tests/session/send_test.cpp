// The ways to send: order, completions, other threads, large messages.
#include "session_fixture.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>

namespace network_system::inline v0_1::session {
namespace {

using namespace network_system::testing;

class session_send : public session_fixture {
protected:
    using way = std::function<VoidResult(const byte_string&)>;
    /// Every overload, and the shared frame of a broadcast.
    std::vector<way> ways() {
        return {
            [this](const byte_string& data) { return session->send_packet(byte_string(data)); },
            [this](const byte_string& data) {
                return session->send_packet(byte_string(data), record());
            },
            [this](const byte_string& data) { return session->send_packet(byte_span(data)); },
            [this](const byte_string& data) {
                return session->send_packet(byte_span(data), record());
            },
            [this](const byte_string& data) { return session->send_packet(as_text(data)); },
            [this](const byte_string& data) {
                return session->send_packet(as_text(data), record());
            },
        };
    }
    /// And the one whose limits are its caller's concern.
    std::vector<way> ways_and_offer() {
        auto all = ways();
        all.push_back([this](const byte_string& data) {
            const int code =
                offer(std::make_shared<const byte_string>(wire_data(data)), data.size());
            return code == 0 ? ok() : error_void(code, "refused");
        });
        return all;
    }
    static std::string_view as_text(const byte_string& data) {
        return {reinterpret_cast<const char*>(data.data()), data.size()};
    }
    static std::vector<wire_piece> data_pieces(const std::vector<byte_string>& messages) {
        std::vector<wire_piece> pieces;
        for (const byte_string& each : messages) {
            pieces.push_back({0, 0, each});
        }
        return pieces;
    }
};

TEST_F(session_send, keeps_the_order_of_all_ways_and_sizes) {
    for (const connection_role role : {connection_role::server, connection_role::client}) {
        make_parts();
        role == connection_role::server ? start_server() : start_client();
        std::vector<byte_string> sent;
        loop.in_batch([&] {
            for (const std::size_t size : {1U, 2048U, 2049U, 100U, 12'287U, 12'288U, 40'000U, 7U}) {
                for (const way& each : ways_and_offer()) {
                    sent.push_back(pattern(size, sent.size()));
                    EXPECT_TRUE(each(sent.back()));
                }
                sent.push_back({1, 2, 3});
                EXPECT_TRUE(session->send_packet({1, 2, 3}));
            }
        });
        loop.run();
        EXPECT_EQ(written(), data_pieces(sent));
        EXPECT_EQ(session->metrics().messages_sent, sent.size());
        EXPECT_EQ(outcomes, std::vector<std::vector<int>>(outcomes.size(), {0}));
    }
}

TEST_F(session_send, a_moved_vector_is_empty_afterwards) {
    start_server();
    loop.in_batch([this] {
        for (const std::size_t size : {10U, 5000U}) {
            byte_string data = pattern(size);
            EXPECT_TRUE(session->send_packet(std::move(data)));
            EXPECT_TRUE(data.empty());  // NOLINT: what the interface promises
        }
    });
}

TEST_F(session_send, an_empty_message_is_refused) {
    start_server();
    const int invalid = static_cast<int>(errc::invalid_argument);
    for (const way& each : ways()) {
        loop.in_batch([&] { EXPECT_EQ(code_of(each({})), invalid); });
        std::thread([&] { EXPECT_EQ(code_of(each({})), invalid); }).join();
    }
    loop.run();
    EXPECT_TRUE(script->written.empty());
    EXPECT_FALSE(session->is_stopped());
    EXPECT_TRUE(std::all_of(outcomes.begin(), outcomes.end(),
                            [](const auto& each) { return each.empty(); }));
}

TEST_F(session_send, the_peers_smaller_limit_holds_for_all_ways) {
    start(connection_role::client);
    feed(hello_frame(20'000));
    const int too_large = static_cast<int>(errc::message_too_large);
    std::size_t accepted = 0;
    for (const way& each : ways()) {
        loop.in_batch([&] {
            EXPECT_EQ(code_of(each(pattern(20'001))), too_large);
            EXPECT_EQ(code_of(each(pattern(20'000))), 0);
        });
        std::thread([&] { EXPECT_EQ(code_of(each(pattern(20'001))), too_large); }).join();
        ++accepted;
    }
    EXPECT_EQ(written().size(), accepted);
}

TEST_F(session_send, a_completion_comes_when_the_last_byte_is_written) {
    start_server();
    script->write_budget = 0;
    loop.in_batch([this] {
        EXPECT_EQ(send(pattern(5)), 0);
        EXPECT_TRUE(session->send_packet(pattern(5)));
        EXPECT_TRUE(session->send_packet(pattern(15), record()));
        EXPECT_EQ(send(pattern(1)), 0);
    });
    const std::array<std::size_t, 3> ends{10, 40, 46};
    for (std::size_t written = 1; written <= 46; ++written) {
        script->write_budget = 1;
        loop.run();
        for (std::size_t i = 0; i < ends.size(); ++i) {
            EXPECT_EQ(outcomes[i].size(), written >= ends[i] ? 1U : 0U) << i << " at " << written;
        }
    }
    EXPECT_EQ(outcomes, (std::vector<std::vector<int>>{{0}, {0}, {0}}));
}

TEST_F(session_send, completions_of_one_write_come_in_order) {
    start_server();
    std::vector<int> order;
    loop.in_batch([&] {
        for (int i = 0; i < 30; ++i) {
            const auto done = [&order, i](VoidResult result) {
                EXPECT_TRUE(result);
                order.push_back(i);
            };
            EXPECT_TRUE(i % 2 == 0 ? session->send_packet(pattern(3000), done)
                                   : session->send_packet(byte_span(pattern(10)), done));
        }
        EXPECT_TRUE(order.empty()) << "not inside the call";
    });
    loop.run();
    ASSERT_EQ(order.size(), 30U);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(session_send, a_lost_connection_fails_what_was_not_written) {
    start_server();
    script->write_budget = 25;
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(send_in_batch(pattern(5)), 0);
    }
    script->broken = std::make_error_code(std::errc::connection_reset);
    expect_closed(errc::connection_closed);
    const int closed = static_cast<int>(errc::connection_closed);
    EXPECT_EQ(outcomes, (std::vector<std::vector<int>>{{0}, {0}, {closed}, {closed}}));
    expect_balanced();
}

TEST_F(session_send, what_was_written_before_the_failing_write_was_sent) {
    // More slices than one call takes: the first call goes through, the second fails.
    start_server();
    script->faults = std::make_shared<fault_plan>();
    script->faults->fail_at = 1;
    loop.in_batch([this] {
        for (int i = 0; i < 12; ++i) {
            EXPECT_TRUE(session->send_packet(pattern(3000), record()));
        }
    });
    expect_closed(errc::connection_closed);
    EXPECT_GT(host->totals.messages_sent, 0U);
    EXPECT_GT(host->totals.messages_dropped, 0U);
    expect_balanced();
}

TEST_F(session_send, completions_may_send) {
    start_server();
    int left = 20;
    std::function<void(VoidResult)> again = [&](VoidResult) {
        if (left-- > 0) {
            EXPECT_TRUE(session->send_packet(pattern(3), again));
        }
    };
    loop.in_batch([&] { again(ok()); });
    loop.run();
    EXPECT_EQ(written().size(), 20U);
    EXPECT_EQ(left, -1);
}

TEST_F(session_send, completions_that_send_do_not_keep_the_loop) {
    // Each is written at once, while the completion before it runs.
    start_server();
    const byte_string large = pattern(20'000);
    int sent = 0;
    std::function<void(VoidResult)> again = [&](VoidResult) {
        if (sent < 500) {
            ++sent;
            EXPECT_TRUE(session->send_packet(byte_span(large), again));
        }
    };
    loop.in_batch([&] { again(ok()); });
    EXPECT_LT(sent, 20) << "other connections wait";
    script->feed(wire_data(pattern(3)));
    EXPECT_TRUE(loop.poller().dispatch(*loop.get()));
    EXPECT_EQ(host->messages.size(), 1U);
    EXPECT_LT(sent, 40);
    loop.run();
    EXPECT_EQ(sent, 500);
    EXPECT_EQ(written().size(), 500U);
}

TEST_F(session_send, a_completion_that_fails_cannot_send) {
    start_server();
    script->write_budget = 0;
    int code = 0;
    loop.in_batch([&] {
        EXPECT_TRUE(session->send_packet(pattern(3), [&](VoidResult) { code = send(pattern(3)); }));
        connection->abort({});
    });
    EXPECT_EQ(code, static_cast<int>(errc::connection_closed));
}

TEST_F(session_send, other_threads_are_in_order_with_its_own) {
    start_server();
    loop.in_batch([this] {
        EXPECT_EQ(send(pattern(1, 0)), 0);
        std::thread([this] {
            EXPECT_EQ(send(pattern(1, 1)), 0);
            EXPECT_EQ(send(pattern(5000, 2)), 0);
            EXPECT_EQ(send(pattern(20'000, 3)), 0);
            EXPECT_TRUE(session->send_packet(pattern(9000, 4)));
        }).join();
        EXPECT_EQ(send(pattern(30'000, 5)), 0);
        std::thread([this] { EXPECT_EQ(send(pattern(1, 6)), 0); }).join();
    });
    loop.run();
    EXPECT_EQ(written(),
              data_pieces({pattern(1, 0), pattern(1, 1), pattern(5000, 2), pattern(20'000, 3),
                           pattern(9000, 4), pattern(30'000, 5), pattern(1, 6)}));
    EXPECT_EQ(outcomes, std::vector<std::vector<int>>(6, {0}));
}

TEST_F(session_send, other_threads_wake_the_loop_once) {
    start_server();
    const int before = loop.requests().wakes;
    for (int i = 0; i < 5; ++i) {
        std::thread([this] { EXPECT_EQ(send(pattern(3)), 0); }).join();
    }
    EXPECT_EQ(loop.requests().wakes, before + 1);
    EXPECT_EQ(session->queued_bytes(), 40U);
    EXPECT_TRUE(outcomes[0].empty());
    loop.run();
    EXPECT_EQ(written().size(), 5U);
    EXPECT_EQ(script->write_calls, 2U) << "the hello, and all five at once";
    std::thread([this] { EXPECT_EQ(send(pattern(3)), 0); }).join();
    EXPECT_EQ(loop.requests().wakes, before + 2);
    loop.run();
    EXPECT_EQ(outcomes, std::vector<std::vector<int>>(6, {0}));
}

TEST_F(session_send, each_threads_messages_stay_in_order) {
    constexpr std::uint8_t threads = 4;
    constexpr std::uint8_t each = 200;
    start_server();
    std::vector<std::thread> senders;
    for (std::uint8_t who = 0; who < threads; ++who) {
        senders.emplace_back([this, who] {
            for (std::uint8_t i = 0; i < each; ++i) {
                EXPECT_TRUE(session->send_packet({who, i}));
            }
        });
    }
    while (session->metrics().messages_sent < threads * each) {
        loop.run();
        std::this_thread::yield();
    }
    for (std::thread& sender : senders) {
        sender.join();
    }
    std::array<unsigned, threads> next{};
    for (const wire_piece& piece : written()) {
        ASSERT_EQ(piece.payload.size(), 2U);
        ASSERT_EQ(piece.payload[1], next.at(piece.payload[0])++);
    }
    EXPECT_EQ(next, (std::array<unsigned, threads>{each, each, each, each}));
}

TEST_F(session_send, a_shared_frame_is_not_copied_and_let_go) {
    start_server();
    script->write_budget = 0;
    const auto frame = std::make_shared<const byte_string>(wire_data(pattern(5000)));
    loop.in_batch([&] {
        EXPECT_EQ(offer(frame, 5000), 0);
        EXPECT_EQ(offer(frame, 5000), 0);
    });
    EXPECT_EQ(frame.use_count(), 3);
    EXPECT_EQ(session->queued_bytes(), 2U * 5005);
    script->write_budget = unlimited;
    loop.run();
    EXPECT_EQ(frame.use_count(), 1);
    EXPECT_EQ(written(), data_pieces({pattern(5000), pattern(5000)}));
    EXPECT_EQ(session->metrics().messages_sent, 2U);

    script->write_budget = 0;
    loop.in_batch([&] { EXPECT_EQ(offer(frame, 5000), 0); });
    loop.in_batch([this] { connection->abort({}); });
    EXPECT_EQ(frame.use_count(), 1);
    EXPECT_EQ(host->totals.messages_dropped, 1U);
}

TEST_F(session_send, a_large_span_with_every_kind_of_partial_write) {
    const byte_string large = pattern(20'000);
    const byte_string short_one = pattern(3, 100);
    const byte_string expected =
        concat({wire_data(short_one), wire_data(large), wire_data(short_one)});
    std::vector<std::size_t> budgets{20'000, 20'001, 20'012, 20'013, 20'014, 20'020, 20'021};
    for (std::size_t few = 0; few < 20; ++few) {
        budgets.push_back(few);
    }
    for (std::size_t between = 100; between < 20'000; between += 997) {
        budgets.push_back(between);
    }
    for (const std::size_t budget : budgets) {
        make_parts();
        start_server();
        script->write_budget = budget;
        byte_string scratch = large;
        loop.in_batch([&] {
            EXPECT_EQ(send(short_one), 0);
            EXPECT_EQ(send(scratch), 0);
            EXPECT_EQ(script->written.size(), std::min<std::size_t>(budget, 20'013)) << "at once";
            EXPECT_EQ(session->queued_bytes(), 20'013 - script->written.size());
            std::fill(scratch.begin(), scratch.end(), std::uint8_t{0xEE});
            EXPECT_EQ(send(short_one), 0);
        });
        script->write_budget = unlimited;
        loop.run();
        ASSERT_EQ(script->written, expected) << budget;
        ASSERT_EQ(outcomes, std::vector<std::vector<int>>(3, {0})) << budget;
        ASSERT_EQ(session->queued_bytes(), 0U);
        ASSERT_EQ(session->metrics().bytes_sent, expected.size() + 23) << "with the hello";
    }
}

TEST_F(session_send, other_framings) {
    const std::vector<byte_string> messages{pattern(1), pattern(3000), pattern(20'000), pattern(9)};
    for (const framing frames : {framing::length_prefixed, framing::raw}) {
        config.frames = frames;
        make_parts();
        start(connection_role::client);
        byte_string expected;
        loop.in_batch([&] {
            for (const byte_string& each : messages) {
                const byte_string header =
                    frames == framing::raw ? byte_string{} : big_endian(each.size(), 4);
                EXPECT_EQ(send(each), 0);
                EXPECT_TRUE(session->send_packet(byte_string(each)));
                EXPECT_TRUE(session->send_packet(byte_span(each)));
                expected += concat({header, each, header, each, header, each});
            }
        });
        loop.run();
        EXPECT_EQ(script->written, expected);
        EXPECT_EQ(session->metrics().messages_sent, 12U);
        EXPECT_EQ(outcomes, std::vector<std::vector<int>>(4, {0}));
        EXPECT_EQ(code_of(session->send_packet(byte_string{})),
                  static_cast<int>(errc::invalid_argument));
    }
}

}  // namespace
}  // namespace network_system::session
