// Subscriptions, and what the listener of another node's is told of them; sessions are stand-ins.
#include "server/topics.h"

#include "support/fake_session.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace network_system::inline v0_1::core {
namespace {

using session::fake;

class recording_listener final : public topics_listener {
public:
    void on_wanted(std::string_view topic) noexcept override { record("+", topic); }
    void on_unwanted(std::string_view topic) noexcept override { record("-", topic); }
    void on_published(std::string_view topic, message_kind type,
                      std::span<const std::uint8_t> data) noexcept override {
        record(type == message_kind::text ? "text to " : "binary to ", topic);
        published.emplace_back(data.begin(), data.end());
    }
    [[nodiscard]] std::vector<std::string> take() {
        const std::lock_guard lock(mutex);
        return std::exchange(heard, {});
    }

    std::mutex mutex;
    std::vector<std::string> heard;
    std::vector<std::string> published;
    /// Runs in the middle of being told.
    std::function<void()> when_told;

private:
    void record(std::string what, std::string_view topic) {
        {
            const std::lock_guard lock(mutex);
            heard.push_back(std::move(what.append(topic)));
        }
        if (const auto now = std::exchange(when_told, nullptr)) {
            now();
        }
    }
};

class node_topics : public ::testing::Test {
protected:
    using heard = std::vector<std::string>;

    node_topics() { all.set_listener(listener); }

    std::shared_ptr<recording_listener> listener = std::make_shared<recording_listener>();
    topics all{0};
    const std::shared_ptr<session::fake_session> one = fake("one");
    const std::shared_ptr<session::fake_session> two = fake("two");
};

TEST_F(node_topics, are_wanted_from_the_first_subscriber_to_the_last) {
    EXPECT_EQ(all.subscribe(one, "news"), topics::outcome::done);
    EXPECT_EQ(listener->take(), heard{"+news"});
    EXPECT_EQ(all.subscribe(two, "news"), topics::outcome::done);
    EXPECT_EQ(all.subscribe(two, "news"), topics::outcome::unchanged);
    EXPECT_EQ(all.unsubscribe(one, "news"), topics::outcome::done);
    EXPECT_EQ(listener->take(), heard{}) << "there is always somebody";
    EXPECT_EQ(all.unsubscribe(two, "news"), topics::outcome::done);
    EXPECT_EQ(all.unsubscribe(two, "news"), topics::outcome::unchanged);
    EXPECT_EQ(listener->take(), heard{"-news"});
    EXPECT_EQ(all.topic_count(), 0U);
    EXPECT_EQ(all.subscribe(one, "news"), topics::outcome::done);
    EXPECT_EQ(listener->take(), heard{"+news"}) << "and again";
}

TEST_F(node_topics, of_a_session_that_is_gone_are_not_wanted_any_more) {
    all.subscribe(one, "a");
    all.subscribe(one, "b");
    all.subscribe(one, "c");
    all.subscribe(two, "b");
    (void)listener->take();
    all.remove(*one);
    EXPECT_EQ(listener->take(), (heard{"-a", "-c"}));
    EXPECT_EQ(all.topic_count(), 1U);
    EXPECT_EQ(all.subscribers("b")->size(), 1U);
}

TEST_F(node_topics, tell_what_is_published_also_when_nobody_subscribes_here) {
    all.subscribe(one, "news");
    (void)listener->take();
    const std::string text = "hello";
    const std::span data(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    EXPECT_EQ(all.publish("news", message_kind::text, data)->size(), 1U);
    EXPECT_EQ(all.publish("weather", message_kind::binary, data)->size(), 0U);
    EXPECT_EQ(listener->take(), (heard{"text to news", "binary to weather"}));
    EXPECT_EQ(listener->published.front(), "hello");
}

TEST_F(node_topics, a_refused_subscription_wants_nothing) {
    topics limited{1};
    limited.set_listener(listener);
    EXPECT_EQ(limited.subscribe(one, "a"), topics::outcome::done);
    EXPECT_EQ(limited.subscribe(one, "b"), topics::outcome::over_limit);
    EXPECT_EQ(listener->take(), heard{"+a"});
    EXPECT_EQ(limited.topic_count(), 1U);
}

TEST_F(node_topics, the_listener_may_change_them) {
    listener->when_told = [this] { all.subscribe(two, "more"); };
    all.subscribe(one, "news");
    EXPECT_EQ(listener->take(), (heard{"+news", "+more"}));
}

TEST_F(node_topics, the_listener_hears_of_the_end_that_comes_while_it_is_told_of_the_beginning) {
    listener->when_told = [this] { all.unsubscribe(one, "news"); };
    all.subscribe(one, "news");
    EXPECT_EQ(listener->take(), (heard{"+news", "-news"}));
    EXPECT_EQ(all.topic_count(), 0U);
    listener->when_told = [this] {
        all.unsubscribe(one, "news");
        all.subscribe(two, "news");
    };
    all.subscribe(one, "news");
    EXPECT_EQ(listener->take(), heard{"+news"}) << "nothing has changed since";
    EXPECT_EQ(all.topic_count(), 1U);
}

TEST_F(node_topics, many_threads_leave_no_two_beginnings_or_ends_in_a_row) {
    constexpr int rounds = 2'000;
    std::vector<std::thread> changing;
    for (int i = 0; i < 4; ++i) {
        changing.emplace_back([this, who = fake(std::to_string(i))] {
            for (int round = 0; round < rounds; ++round) {
                all.subscribe(who, "news");
                if (round % 3 == 0) {
                    all.remove(*who);
                } else {
                    all.unsubscribe(who, "news");
                }
            }
        });
    }
    for (auto& each : changing) {
        each.join();
    }
    const auto told = listener->take();
    ASSERT_FALSE(told.empty());
    for (std::size_t i = 0; i < told.size(); ++i) {
        ASSERT_EQ(told[i], i % 2 == 0 ? "+news" : "-news") << i;
    }
    EXPECT_EQ(told.back(), "-news");
    EXPECT_EQ(all.topic_count(), 0U);
}

TEST(topics, deliver_in_the_order_of_subscribing_without_a_listener_too) {
    topics all{0};
    const auto one = fake("one");
    const auto two = fake("two");
    all.subscribe(two, "news");
    all.subscribe(one, "news");
    const auto members = all.subscribers("news");
    ASSERT_EQ(members->size(), 2U);
    EXPECT_EQ(members->front(), two);
    EXPECT_EQ(all.subscribers("news"), members) << "shared while nothing changes";
    all.unsubscribe(two, "news");
    EXPECT_EQ(all.subscribers("news")->size(), 1U);
    all.remove(*one);
    EXPECT_EQ(all.topic_count(), 0U);
    EXPECT_TRUE(all.subscribers("news")->empty());
}

}  // namespace
}  // namespace network_system::core
