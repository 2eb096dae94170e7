// What peers say about messages with ids, and should not; who may send them; and messages that are
// being delivered while another connection takes over.
#include "framed/delivery.h"
#include "support/dice.h"

#include <algorithm>
#include <stdexcept>

namespace loopback {
namespace {

using network_system::thread_pool;

class delivery_peers : public testing::Test {
protected:
    void start(server_options options = {}) {
        options.drain_timeout = 200ms;  // for peers that stay half open
        recorded.emplace(std::move(options));
        recorded->on_receive = [this](const session_ptr&, std::span<const std::uint8_t> data) {
            const std::string text = text_of(data);
            held.wait_in(text, "held");
            if (text == "held" && throws_when_let_go) {
                throw std::runtime_error("not taken");
            }
            texts.add(text);
        };
        port = recorded->start();
    }

    held_callback held;
    std::atomic<bool> throws_when_let_go{false};
    collector<std::string> texts;
    std::vector<raw_peer> half_open;
    std::optional<recording_server<messaging_server>> recorded;
    std::uint16_t port = 0;
};

TEST_F(delivery_peers, nothing_with_an_id_without_a_hello_that_says_so) {
    start();
    raw_sender none(port);
    none.send(1, "one");
    EXPECT_EQ(none.end(), static_cast<int>(errc::protocol_error));
    raw_sender plain(port);
    EXPECT_TRUE(plain.peer.send(frame_of(type_hello, bytes{0, 0, 0, 1})));
    plain.send(1, "one");
    EXPECT_EQ(plain.end(), static_cast<int>(errc::protocol_error));
    raw_sender late(port);
    late.send(1, "one");
    late.say_hello(0, 0);
    EXPECT_EQ(late.end(), static_cast<int>(errc::protocol_error));
    EXPECT_EQ(texts.size(), 0U);
}

TEST_F(delivery_peers, ids_in_a_row_that_come_together_are_answered_together) {
    start();
    raw_sender sender(port, 0);
    const std::vector<std::uint64_t> ids{1, 2, 3, 4, 7, 8, 20};
    bytes together;
    for (const std::uint64_t id : ids) {
        bytes payload;
        put_id(payload, id);
        payload.push_back('x');
        const auto frame = frame_of(type_data, payload, 4);
        together.insert(together.end(), frame.begin(), frame.end());
    }
    EXPECT_TRUE(sender.peer.send(together));
    for (const std::uint64_t id : ids) {
        EXPECT_EQ(sender.next_answer(), taken(id));
    }
    // They may have come in two parts, of which the first ends anywhere.
    EXPECT_LE(sender.acknowledgements, 4U);
}

TEST_F(delivery_peers, what_is_no_message_of_a_sender) {
    start();
    raw_sender zero(port, 0);
    zero.send(0, "zero");
    EXPECT_EQ(zero.end(), static_cast<int>(errc::protocol_error));
    raw_sender acknowledging(port, 0);
    EXPECT_TRUE(acknowledging.peer.send(frame_of(type_acknowledgement, pattern(8))));
    EXPECT_EQ(acknowledging.end(), static_cast<int>(errc::protocol_error));
    raw_sender twice(port, 0);
    twice.say_hello(0, 0);
    EXPECT_EQ(twice.end(), static_cast<int>(errc::protocol_error));
    raw_sender cut(port);
    EXPECT_TRUE(cut.peer.send(frame_of(type_hello, bytes{0, 0, 0, 1, 1, 0, 3, 1, 2, 3})));
    EXPECT_EQ(cut.end(), static_cast<int>(errc::protocol_error));
    EXPECT_EQ(texts.size(), 0U);
}

TEST_F(delivery_peers, a_server_that_wants_none_says_so) {
    server_options options;
    options.delivery.max_senders = 0;
    start(options);
    auto peer = raw_peer::connect(port);
    const auto hello = peer.receive_frame();
    ASSERT_TRUE(hello);
    EXPECT_EQ(hello->payload.size(), 18U) << "as before there were any";
    client_options sends;
    sends.delivery = std::make_shared<delivery_sender>();
    messaging_client client("client", sends);
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", port)));
    EXPECT_TRUE(
        fails_with(client.get_session().value()->send_with_id("one", 1), errc::not_supported));
    // The field is skipped, and the messages are a violation.
    raw_sender uninvited(port, 0);
    uninvited.send(1, "one");
    EXPECT_EQ(uninvited.end(), static_cast<int>(errc::protocol_error));
}

TEST_F(delivery_peers, who_can_send_with_an_id) {
    start();
    recording_client<messaging_client> plain;
    ASSERT_TRUE(is_ok(plain.connect(port)));
    EXPECT_TRUE(fails_with(plain.client.get_session().value()->send_with_id("one", 1),
                           errc::not_supported));
    ASSERT_TRUE(recorded->sessions.wait_for(1));
    EXPECT_TRUE(fails_with(recorded->sessions.at(0)->send_with_id("one", 1), errc::not_supported));
    client_options options;
    options.delivery = std::make_shared<delivery_sender>();
    recording_client<messaging_client> sends(options);
    ASSERT_TRUE(is_ok(sends.connect(port)));
    const auto session = sends.client.get_session().value();
    EXPECT_TRUE(fails_with(session->send_with_id("zero", 0), errc::invalid_argument));
    EXPECT_TRUE(fails_with(session->send_with_id("", 1), errc::invalid_argument));
    EXPECT_TRUE(fails_with(session->send_with_id(bytes(std::size_t{17} << 20U), 1),
                           errc::message_too_large));
    EXPECT_EQ(options.delivery->last_sent(), 0U) << "none of them has left";
    (void)sends.client.stop_client();
    EXPECT_TRUE(fails_with(session->send_with_id("late", 1), errc::connection_closed));
}

TEST_F(delivery_peers, other_framings_send_no_ids) {
    client_options options;
    options.delivery = std::make_shared<delivery_sender>();
    options.session.frames = framing::length_prefixed;
    messaging_client client("client", options);
    EXPECT_TRUE(fails_with(client.start_client("127.0.0.1", 1), errc::invalid_argument));
}

TEST_F(delivery_peers, bad_options_are_named) {
    const auto refusal = [](auto change) {
        server_options options;
        change(options.delivery);
        messaging_server server("server", options);
        const auto started = server.start_server(0);
        EXPECT_TRUE(fails_with(started, errc::invalid_argument));
        return started ? std::string() : started.error().message;
    };
    EXPECT_NE(refusal([](auto& all) { all.window = 0; }).find("delivery.window"),
              std::string::npos);
    EXPECT_NE(refusal([](auto& all) { all.forget_after = -1ms; }).find("delivery.forget_after"),
              std::string::npos);
}

TEST_F(delivery_peers, a_sender_too_many_is_told_so) {
    server_options options;
    options.delivery.max_senders = 2;
    start(options);
    raw_sender first(port, 0, 0, delivery_id{1});
    first.send(1, "one");
    EXPECT_EQ(first.next_answer(), taken(1));
    raw_sender second(port, 0, 0, delivery_id{2});
    second.send(1, "one");
    EXPECT_EQ(second.next_answer(), taken(1));
    raw_sender third(port, 0, 0, delivery_id{3});
    EXPECT_EQ(third.end(), static_cast<int>(errc::server_full));
    first.send(2, "two");
    EXPECT_EQ(first.next_answer(), taken(2));
}

TEST_F(delivery_peers, without_a_receive_callback_nothing_is_acknowledged) {
    messaging_server server("server");
    ASSERT_TRUE(is_ok(server.start_server(0)));
    raw_sender sender(server.local_port(), 0);
    sender.send(1, "one");
    EXPECT_TRUE(sender.peer.send(frame_of(type_ping, pattern(8))));
    const auto frame = sender.peer.receive_frame();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->type, type_pong);
    EXPECT_EQ(server.metrics().totals.messages_unread, 1U);
}

TEST_F(delivery_peers, a_client_hears_of_refusals) {
    server_options options;
    options.delivery.window = 10;
    start(options);
    client_options sends;
    sends.delivery = std::make_shared<delivery_sender>();
    recording_client<messaging_client> client(sends);
    collector<answer> answers;
    (void)client.client.set_acknowledged_callback(
        [&](const session_ptr& session, std::uint64_t id, std::error_code error) {
            EXPECT_NE(session, nullptr);
            answers.add({id, error.value()});
        });
    ASSERT_TRUE(is_ok(client.connect(port)));
    const auto session = client.client.get_session().value();
    EXPECT_TRUE(is_ok(session->send_with_id("late", 100)));
    EXPECT_TRUE(is_ok(session->send_with_id("early", 1)));
    ASSERT_TRUE(answers.wait_for(2));
    EXPECT_EQ(answers.all(), (std::vector<answer>{taken(100), refused(1, errc::delivery_expired)}));
    EXPECT_FALSE(session->is_stopped());
    EXPECT_EQ(client.client.metrics().totals.messages_refused, 1U);
}

TEST_F(delivery_peers, a_client_accepts_answers_to_its_messages_only) {
    const raw_listener listener;
    const auto end_after = [&](const bytes& words, bool sends) {
        client_options options;
        options.drain_timeout = 200ms;
        if (sends) {
            options.delivery = std::make_shared<delivery_sender>();
        }
        recording_client<messaging_client> client(options);
        event_counter started;
        EXPECT_TRUE(is_ok(client.client.start_client("127.0.0.1", listener.port(),
                                                     [&](VoidResult) { started.add(); })));
        auto server = listener.accept();
        EXPECT_TRUE(server.send(hello_frame()));  // without a capability
        EXPECT_TRUE(started.wait_for(1));
        EXPECT_TRUE(server.send(words));
        EXPECT_TRUE(client.errors.wait_for(1));
        return client.errors.size() == 1 ? client.errors.at(0) : std::error_code{};
    };
    for (const bool sends : {false, true}) {
        EXPECT_EQ(end_after(frame_of(type_acknowledgement, pattern(8)), sends),
                  errc::protocol_error);
        EXPECT_EQ(end_after(frame_of(type_data, pattern(9), 4), sends), errc::protocol_error);
        // An error frame is about the connection then.
        EXPECT_EQ(
            end_after(frame_of(type_error, bytes{0xFF, 0xFF, 0xFD, 0x78, 0, 0, 0, 0, 0, 0, 0, 1}),
                      sends),
            errc::delivery_expired);
    }
}

TEST_F(delivery_peers, a_client_says_what_it_has_sent_and_where) {
    const raw_listener listener;
    client_options options;
    options.drain_timeout = 200ms;
    options.delivery = std::make_shared<delivery_sender>(delivery_id{7}, 2);
    // A connection to one run of a server, on which messages up to `last` are sent: what the client
    // has said before, about ids sent anywhere, and there.
    const auto visit = [&](std::uint64_t incarnation, std::uint64_t last) {
        recording_client<messaging_client> client(options);
        event_counter started;
        EXPECT_TRUE(is_ok(client.client.start_client("127.0.0.1", listener.port(),
                                                     [&](VoidResult) { started.add(); })));
        auto server = listener.accept();
        bytes hello{0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3};
        put_id(hello, incarnation);
        EXPECT_TRUE(server.send(frame_of(type_hello, hello)));
        const auto said = server.receive_frame_of(type_hello);
        EXPECT_TRUE(started.wait_for(1));
        EXPECT_TRUE(is_ok(client.client.get_session().value()->send_with_id("text", last)));
        EXPECT_TRUE(server.receive_frame_of(type_data));
        if (!said || said->payload.size() != 39 || said->payload[7] != 7) {
            ADD_FAILURE() << "no hello";
            return std::pair<std::uint64_t, std::uint64_t>{};
        }
        return std::pair{id_in(std::span(said->payload).subspan(23)),
                         id_in(std::span(said->payload).subspan(31))};
    };
    using sent = std::pair<std::uint64_t, std::uint64_t>;
    EXPECT_EQ(visit(100, 3), (sent{2, 2})) << "an earlier process may have sent them here";
    EXPECT_EQ(visit(200, 5), (sent{3, 2}));
    EXPECT_EQ(visit(100, 9), (sent{5, 3}));
    EXPECT_EQ(visit(200, 4), (sent{9, 5}));
    EXPECT_EQ(visit(200, 10), (sent{9, 9})) << "4 was an old one";
    for (std::uint64_t other = 300; other < 315; ++other) {
        (void)visit(other, 11);
    }
    EXPECT_EQ(visit(100, 12), (sent{11, 9})) << "forgotten among so many: as much as it can be";
    EXPECT_EQ(visit(314, 12), (sent{12, 11}));
}

struct hand_over {
    const char* name;
    bool throws;
    friend void PrintTo(const hand_over& each, std::ostream* out) { *out << each.name; }
};

class delivery_hand_over : public delivery_peers, public testing::WithParamInterface<hand_over> {};

TEST_P(delivery_hand_over, of_a_message_that_is_being_delivered) {
    const auto pool = std::make_shared<thread_pool>(3);
    {
        server_options options;
        options.callback_pool = pool;
        start(options);
        throws_when_let_go = GetParam().throws;
        raw_sender old(port, 0);
        old.send(1, "held");
        old.send(2, "two");
        ASSERT_TRUE(held.is_entered());
        raw_sender next(port, 2);
        next.send(1, "held");
        next.send(2, "two");
        EXPECT_EQ(next.next_answer(), taken(2)) << "the old one has not begun it, and will not";
        EXPECT_EQ(texts.all(), std::vector<std::string>{"two"});
        held.let_go();
        if (GetParam().throws) {
            EXPECT_EQ(next.end(), static_cast<int>(errc::internal_error))
                << "it has been dropped here, so it has to come again";
            throws_when_let_go = false;
            raw_sender third(port, 2);
            third.send(1, "held");
            third.send(2, "two");
            std::vector<std::optional<answer>> answers{third.next_answer(), third.next_answer()};
            std::sort(answers.begin(), answers.end());
            EXPECT_EQ(answers, (std::vector<std::optional<answer>>{taken(1), taken(2)}));
        } else {
            EXPECT_EQ(next.next_answer(), taken(1)) << "told here, though it was finished there";
        }
        EXPECT_EQ(texts.all(), (std::vector<std::string>{"two", "held"}));
        recorded.reset();
    }
    pool->stop();
}

INSTANTIATE_TEST_SUITE_P(ends, delivery_hand_over,
                         testing::Values(hand_over{"taken", false}, hand_over{"thrown", true}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_F(delivery_peers, a_connection_that_is_gone_still_delivers_what_it_has_brought) {
    const auto pool = std::make_shared<thread_pool>(2);
    {
        server_options options;
        options.callback_pool = pool;
        start(options);
        raw_sender sender(port, 0);
        sender.send(1, "held");
        sender.send(2, "two");
        ASSERT_TRUE(held.is_entered());
        sender.peer.reset();
        held.let_go();
        ASSERT_TRUE(texts.wait_for(2));
        raw_sender again(port, 2);
        again.send(1, "held");
        again.send(2, "two");
        EXPECT_EQ(again.next_answer(), taken(1));
        EXPECT_EQ(again.next_answer(), taken(2));
        EXPECT_EQ(texts.size(), 2U);
        recorded.reset();
    }
    pool->stop();
}

TEST_F(delivery_peers, many_connections_of_one_sender_and_each_message_once) {
    for (const std::size_t threads : {std::size_t{1}, std::size_t{3}}) {
        server_options options;
        options.io_threads = threads;
        texts.clear();
        start(options);
        constexpr std::uint64_t last = 2'000;
        std::uint64_t acknowledged = 0;
        dice chance(7);
        while (acknowledged < last) {
            raw_sender sender(port, last);
            for (std::uint64_t id = acknowledged + 1; id <= last; ++id) {
                sender.send(id, std::to_string(id));
            }
            const std::uint64_t until = acknowledged + 1 + chance.below(300);
            while (acknowledged < std::min(until, last)) {
                const auto next = sender.next_answer();
                ASSERT_TRUE(next) << "after " << acknowledged;
                if (next->first == acknowledged + 1) {
                    ++acknowledged;
                }
            }
            // Every other one is left half open.
            if (chance.one_in(2)) {
                sender.peer.reset();
            } else {
                half_open.push_back(std::move(sender.peer));
            }
        }
        std::vector<std::string> all = texts.all();
        ASSERT_EQ(all.size(), last);
        std::sort(all.begin(), all.end());
        EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
        half_open.clear();
        recorded.reset();
    }
}

}  // namespace
}  // namespace loopback
