// Messages with ids, of a client and as bytes: acknowledged once they were taken, and delivered
// once.
#include "framed/delivery.h"

#include <network_system/core/metrics_fields.h>

#include <stdexcept>
#include <string>

namespace loopback {
namespace {

using network_system::thread_pool;

/// Where a server's application gets its messages.
enum class way { callback, pool, pull_one, pull_all };

struct way_name {
    const char* name;
    way how;
    friend void PrintTo(const way_name& each, std::ostream* out) { *out << each.name; }
};

/// A server that writes down what it gets, in any of the ways.
class delivery_test : public testing::TestWithParam<way_name> {
protected:
    ~delivery_test() override { stop(); }

    void start(server_options options = {}) {
        const way how = GetParam().how;
        options.io_threads = 2;
        if (how == way::pool) {
            pool = std::make_shared<thread_pool>(2);
            options.callback_pool = pool;
        } else if (how != way::callback) {
            options.session.receiving = receive_mode::pull;
        }
        server.emplace("server", options);
        (void)server->set_connection_callback([this, how](const session_ptr& session) {
            if (how == way::pull_one) {
                ask_for_one(session);
            } else if (how == way::pull_all) {
                ask_for_all(session);
            }
        });
        (void)server->set_receive_callback(
            [this](const session_ptr& session, std::span<const std::uint8_t> data) {
                get(text_of(data), session->current_delivery());
            });
        (void)server->set_error_callback([this](std::error_code error) { errors.add(error); });
        ASSERT_TRUE(is_ok(server->start_server(0)));
        port = server->local_port();
    }
    void stop() {
        if (server) {
            (void)server->stop_server();
        }
        server.reset();
        if (pool) {
            pool->stop();
        }
    }
    void ask_for_one(const session_ptr& session) {
        (void)session->receive_packet([this, session](Result<std::vector<std::uint8_t>> message) {
            if (message) {
                const std::string text = text_of(message.value());
                const auto info = session->current_delivery();
                // First, since this one may throw.
                ask_for_one(session);
                get(text, info);
            }
        });
    }
    void ask_for_all(const session_ptr& session) {
        (void)session->receive_all([this, session](Result<network_system::received_messages> all) {
            if (all) {
                ask_for_all(session);
                for (std::size_t at = 0; at < all.value().size(); ++at) {
                    get(text_of(all.value()[at].data), all.value().delivery(at));
                }
            }
        });
    }
    void get(const std::string& text, const delivery_info& info) {
        if (text == "throw" && throws.fetch_sub(1) > 0) {
            throw std::runtime_error("not this one");
        }
        messages.add({text, info.id, info.may_be_resent});
    }
    [[nodiscard]] network_system::session::session_metrics totals() const {
        return server->metrics().totals;
    }

    std::optional<messaging_server> server;
    std::shared_ptr<thread_pool> pool;
    std::uint16_t port = 0;
    collector<delivered> messages;
    collector<std::error_code> errors;
    std::atomic<int> throws{1};
};

TEST_P(delivery_test, each_message_is_acknowledged_in_order) {
    start();
    raw_sender sender(port, 0);
    EXPECT_EQ(sender.capabilities, 3U);
    sender.send(1, "one");
    sender.send(2, "two");
    EXPECT_EQ(sender.next_answer(), taken(1));
    EXPECT_EQ(sender.next_answer(), taken(2));
    sender.send(3, "three");
    EXPECT_EQ(sender.next_answer(), taken(3));
    EXPECT_EQ(messages.all(),
              (std::vector<delivered>{{"one", 1, false}, {"two", 2, false}, {"three", 3, false}}));
    EXPECT_EQ(server->metrics().delivery_senders, 1U);
}

TEST_P(delivery_test, plain_messages_in_between_keep_their_place) {
    start();
    raw_sender sender(port, 0);
    bytes all;
    for (std::uint64_t id = 1; id <= 60; ++id) {
        const std::string text = std::to_string(id);
        bytes payload;
        if (id % 3 != 0) {
            put_id(payload, id);
        }
        payload.insert(payload.end(), text.begin(), text.end());
        const bytes frame = frame_of(type_data, payload, id % 3 != 0 ? 4 : 0);
        all.insert(all.end(), frame.begin(), frame.end());
    }
    EXPECT_TRUE(sender.peer.send(all));
    ASSERT_TRUE(messages.wait_for(60));
    for (std::uint64_t id = 1; id <= 60; ++id) {
        EXPECT_EQ(messages.at(id - 1),
                  (delivered{std::to_string(id), id % 3 != 0 ? id : 0, false}));
        if (id % 3 != 0) {
            EXPECT_EQ(sender.next_answer(), taken(id));
        }
    }
}

TEST_P(delivery_test, a_duplicate_is_acknowledged_and_not_delivered) {
    start();
    raw_sender sender(port, 0);
    sender.send(1, "one");
    sender.send(1, "one");
    EXPECT_EQ(sender.next_answer(), taken(1));
    if (GetParam().how != way::pull_all) {
        EXPECT_EQ(sender.next_answer(), taken(1));  // of one batch, one answer is enough
    }
    sender.peer.close();
    raw_sender again(port, 5);
    again.send(1, "one");
    again.send(4, "four");
    again.send(6, "six");
    EXPECT_EQ(again.next_answer(), taken(1));
    EXPECT_EQ(again.next_answer(), taken(4));
    EXPECT_EQ(again.next_answer(), taken(6));
    EXPECT_EQ(messages.all(),
              (std::vector<delivered>{{"one", 1, false}, {"four", 4, true}, {"six", 6, false}}));
    EXPECT_EQ(totals().messages_repeated, 2U);
    EXPECT_EQ(totals().messages_acknowledged, 3U);
    EXPECT_EQ(server->metrics().delivery_senders, 1U);
}

TEST_P(delivery_test, what_a_callback_threw_at_comes_again) {
    start();
    raw_sender sender(port, 0);
    sender.send(1, "one");
    EXPECT_EQ(sender.next_answer(), taken(1));
    sender.send(2, "throw");
    EXPECT_EQ(sender.end(), static_cast<int>(errc::internal_error));
    raw_sender again(port, 2);
    again.send(2, "throw");
    again.send(3, "three");
    EXPECT_EQ(again.next_answer(), taken(2));
    EXPECT_EQ(again.next_answer(), taken(3));
    EXPECT_EQ(messages.all(),
              (std::vector<delivered>{{"one", 1, false}, {"throw", 2, true}, {"three", 3, false}}));
}

TEST_P(delivery_test, a_second_connection_takes_the_place_of_one_that_is_open) {
    start();
    raw_sender old(port, 0);
    old.send(1, "one");
    EXPECT_EQ(old.next_answer(), taken(1));
    raw_sender next(port, 1);
    next.send(1, "one");
    next.send(2, "two");
    EXPECT_EQ(next.next_answer(), taken(1));
    EXPECT_EQ(next.next_answer(), taken(2));
    EXPECT_EQ(old.end(), static_cast<int>(errc::already_exists));
    EXPECT_EQ(messages.all(), (std::vector<delivered>{{"one", 1, false}, {"two", 2, false}}));
}

TEST_P(delivery_test, ids_older_than_the_window_are_refused) {
    server_options options;
    options.delivery.window = 10;
    start(options);
    raw_sender sender(port, 0);
    sender.send(100, "hundred");
    EXPECT_EQ(sender.next_answer(), taken(100));
    sender.send(90, "ninety");
    sender.send(91, "ninety-one");
    EXPECT_EQ(sender.next_answer(), refused(90, errc::delivery_expired));
    EXPECT_EQ(sender.next_answer(), taken(91)) << "the connection goes on";
    EXPECT_EQ(messages.all(),
              (std::vector<delivered>{{"hundred", 100, false}, {"ninety-one", 91, false}}));
    EXPECT_EQ(totals().messages_refused, 1U);
}

TEST_P(delivery_test, what_a_forgotten_sender_has_sent_here_is_refused) {
    server_options options;
    options.delivery.max_senders = 1;
    start(options);
    raw_sender sender(port, 0);
    sender.send(1, "one");
    EXPECT_EQ(sender.next_answer(), taken(1));
    sender.peer.close();
    ASSERT_TRUE(eventually([&] { return server->session_count() == 0; }));
    raw_sender other(port, 0, 0, delivery_id{9});
    other.send(1, "other");
    EXPECT_EQ(other.next_answer(), taken(1));
    other.peer.close();
    ASSERT_TRUE(eventually([&] { return server->session_count() == 0; }));
    raw_sender again(port, 3, 1);
    again.send(1, "one");
    again.send(2, "two");
    EXPECT_EQ(again.next_answer(), refused(1, errc::delivery_forgotten));
    EXPECT_EQ(again.next_answer(), taken(2));
    EXPECT_EQ(messages.size(), 3U);
    EXPECT_TRUE(messages.at(2).may_be_resent);
}

TEST_P(delivery_test, a_client_hears_of_each_message) {
    start();
    const auto sends = std::make_shared<delivery_sender>();
    client_options options;
    options.delivery = sends;
    options.callback_pool = pool;
    messaging_client client("client", options);
    collector<answer> answers;
    (void)client.set_acknowledged_callback([&](std::uint64_t id, std::error_code error) {
        answers.add({id, error.value()});
    });
    for (int turn = 0; turn < 2; ++turn) {
        ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", port)));
        const auto session = client.get_session().value();
        EXPECT_TRUE(is_ok(session->send_with_id("first", 1)));
        event_counter handed;
        EXPECT_TRUE(is_ok(session->send_with_id(pattern(100'000), 2, [&](const VoidResult& sent) {
            EXPECT_TRUE(is_ok(sent));
            handed.add();
        })));
        EXPECT_TRUE(handed.wait_for(1));
        ASSERT_TRUE(answers.wait_for(2));
        EXPECT_EQ(answers.all(), (std::vector<answer>{{1, 0}, {2, 0}}));
        answers.clear();
        (void)client.stop_client();
    }
    EXPECT_EQ(sends->last_sent(), 2U);
    EXPECT_EQ(messages.size(), 2U);
    EXPECT_EQ(client.metrics().totals.messages_acknowledged, 4U);
    EXPECT_EQ(totals().messages_acknowledged, 2U);
    EXPECT_EQ(totals().messages_repeated, 2U);
}

TEST_P(delivery_test, a_restarted_server_says_what_may_have_been_delivered) {
    start();
    const auto sends = std::make_shared<delivery_sender>();
    client_options options;
    options.delivery = sends;
    messaging_client client("client", options);
    event_counter answers;
    (void)client.set_acknowledged_callback([&] { answers.add(); });
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", port)));
    EXPECT_TRUE(is_ok(client.get_session().value()->send_with_id("one", 1)));
    ASSERT_TRUE(answers.wait_for(1));
    (void)client.stop_client();
    ASSERT_TRUE(is_ok(server->stop_server()));
    ASSERT_TRUE(is_ok(server->start_server(0)));
    ASSERT_TRUE(is_ok(client.start_client("127.0.0.1", server->local_port())));
    EXPECT_TRUE(is_ok(client.get_session().value()->send_with_id("one", 1)));
    EXPECT_TRUE(is_ok(client.get_session().value()->send_with_id("two", 2)));
    ASSERT_TRUE(answers.wait_for(3));
    EXPECT_EQ(messages.all(),
              (std::vector<delivered>{{"one", 1, false}, {"one", 1, true}, {"two", 2, false}}));
}

INSTANTIATE_TEST_SUITE_P(ways, delivery_test,
                         testing::Values(way_name{"callback", way::callback},
                                         way_name{"pool", way::pool},
                                         way_name{"pull_one", way::pull_one},
                                         way_name{"pull_all", way::pull_all}),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace loopback
