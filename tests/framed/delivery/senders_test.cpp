// Who is remembered of those that send messages with ids, and what becomes of messages while one
// connection takes the place of another.
#include "framed/delivery/senders.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

namespace network_system::inline v0_1::delivery {
namespace {

using namespace std::chrono_literals;
using outcome = senders::outcome;
using enum claim_answer;

class heard_receiver final : public receiver {
public:
    void acknowledge_later(std::uint64_t id) noexcept override { acknowledged.push_back(id); }
    void end_later(std::error_code reason) noexcept override { ended = reason; }

    std::vector<std::uint64_t> acknowledged;
    std::error_code ended;
};

delivery_id id_of(std::uint8_t number) {
    delivery_id id{};
    id[0] = number;
    return id;
}

class delivery_senders : public ::testing::Test {
protected:
    struct connection {
        delivery_id id{};
        std::shared_ptr<heard_receiver> over = std::make_shared<heard_receiver>();
        senders::joining joined = {};
    };

    connection join(std::uint8_t number, std::uint64_t sent_here_up_to = 0,
                    std::string_view certificate = {}) {
        connection made{id_of(number)};
        made.joined = all->join(made.id, certificate, sent_here_up_to, made.over, now);
        return made;
    }
    void leave(const connection& gone) {
        all->leave(gone.id, gone.joined.who, gone.joined.of, now);
    }
    static claim_answer claim(const connection& by, std::uint64_t id) {
        return by.joined.who->claim(by.joined.of, id);
    }
    static void take(const connection& by, std::uint64_t id) {
        ASSERT_EQ(claim(by, id), fresh);
        EXPECT_TRUE(by.joined.who->finish(by.joined.of, id).is_own);
    }
    void remember(std::size_t most, std::chrono::milliseconds forget_after = 10s) {
        all = std::make_unique<senders>(senders::limits{most, 100, forget_after}, 77);
    }

    runtime::steady_time now{1h};
    std::unique_ptr<senders> all =
        std::make_unique<senders>(senders::limits{3, 100, 10s}, std::uint64_t{77});
};

TEST_F(delivery_senders, one_is_remembered_over_its_connections) {
    const auto first = join(1);
    ASSERT_EQ(first.joined.answer, outcome::joined);
    take(first, 5);
    leave(first);
    now += 9s;
    const auto second = join(1, 5);
    EXPECT_EQ(second.joined.former, nullptr);
    EXPECT_EQ(claim(second, 5), duplicate);
    EXPECT_EQ(all->count(), 1U);
}

TEST_F(delivery_senders, one_that_is_away_for_long_is_forgotten) {
    const auto first = join(1);
    take(first, 5);
    leave(first);
    now += 10s;
    const auto second = join(1, 5);
    EXPECT_EQ(claim(second, 5), forgotten);
    EXPECT_EQ(claim(second, 6), fresh);
}

TEST_F(delivery_senders, one_with_a_connection_is_not_forgotten) {
    const auto first = join(1);
    take(first, 5);
    now += 1000h;
    (void)join(2);
    const auto second = join(1, 5);
    EXPECT_EQ(claim(second, 5), duplicate);
}

TEST_F(delivery_senders, without_a_time_nobody_is_forgotten_for_it) {
    remember(3, 0ms);
    const auto first = join(1);
    take(first, 5);
    leave(first);
    now += 10'000h;
    EXPECT_EQ(claim(join(1, 5), 5), duplicate);
}

TEST_F(delivery_senders, newcomers_take_the_place_of_who_is_away_for_longest) {
    const auto connected = join(1);
    take(connected, 1);
    const auto older = join(2);
    take(older, 1);
    const auto newer = join(3);
    take(newer, 1);
    leave(older);
    leave(newer);
    for (std::uint8_t attacker = 100; attacker < 200; ++attacker) {
        const auto made = join(attacker);
        ASSERT_EQ(made.joined.answer, outcome::joined);
        if (attacker == 100) {
            EXPECT_EQ(claim(join(3, 1), 1), duplicate) << "only the older one had to go";
            leave(join(3));
        }
        leave(made);
    }
    EXPECT_EQ(all->count(), 3U);
    EXPECT_EQ(claim(connected, 1), duplicate);
    EXPECT_EQ(claim(join(2, 1), 1), forgotten);
}

TEST_F(delivery_senders, with_all_connected_a_newcomer_is_turned_away) {
    const auto first = join(1);
    (void)join(2);
    (void)join(3);
    EXPECT_EQ(join(4).joined.answer, outcome::full);
    EXPECT_EQ(join(1).joined.answer, outcome::joined) << "no newcomer";
    leave(first);
    EXPECT_EQ(join(4).joined.answer, outcome::full) << "its place was taken by its next connection";
}

TEST_F(delivery_senders, who_was_never_known_may_send_what_it_has_sent_before) {
    EXPECT_EQ(claim(join(1, 100), 5), fresh) << "the first connection has brought nothing";
}

TEST_F(delivery_senders, of_whom_it_cannot_know_it_takes_nothing_twice) {
    remember(1);
    for (std::uint8_t each = 1; each <= 3; ++each) {
        const auto made = join(each);
        take(made, 1);
        leave(made);
    }
    // 1 and 2 were forgotten, of whom one is remembered as that.
    const auto unknown = join(50, 9);
    EXPECT_EQ(claim(unknown, 9), forgotten);
    EXPECT_EQ(claim(unknown, 10), fresh);
    leave(unknown);
    EXPECT_EQ(claim(join(51, 0), 1), fresh) << "it has sent nothing here";
}

TEST_F(delivery_senders, a_sender_belongs_to_its_certificate) {
    leave(join(1, 0, "aa"));
    EXPECT_EQ(join(1, 0, "bb").joined.answer, outcome::other_certificate);
    EXPECT_EQ(join(1).joined.answer, outcome::other_certificate);
    EXPECT_EQ(join(1, 0, "aa").joined.answer, outcome::joined);
    leave(join(2));
    EXPECT_EQ(join(2, 0, "aa").joined.answer, outcome::other_certificate);
}

TEST_F(delivery_senders, the_latest_connection_takes_the_place_of_the_former) {
    const auto old = join(1);
    take(old, 1);
    const auto next = join(1, 9);
    EXPECT_EQ(next.joined.former, old.over);
    EXPECT_EQ(claim(old, 2), superseded) << "what it has received and not delivered comes again";
    EXPECT_EQ(old.joined.who->look_up(old.joined.of, 1), superseded);
    EXPECT_EQ(claim(next, 2), fresh);
    leave(old);
    now += 11s;
    (void)join(2);
    EXPECT_EQ(claim(next, 1), duplicate) << "the end of the old one is not the sender's";
}

TEST_F(delivery_senders, what_the_former_connection_finishes_the_latest_acknowledges) {
    const auto old = join(1);
    ASSERT_EQ(claim(old, 1), fresh);
    const auto next = join(1, 1);
    EXPECT_EQ(claim(next, 1), in_progress);
    const auto finished = old.joined.who->finish(old.joined.of, 1);
    EXPECT_FALSE(finished.is_own);
    EXPECT_EQ(finished.other, next.over);
    EXPECT_EQ(claim(next, 1), duplicate);
}

TEST_F(delivery_senders, what_the_former_connection_gives_up_comes_again) {
    const auto old = join(1);
    ASSERT_EQ(claim(old, 1), fresh);
    ASSERT_EQ(claim(old, 2), fresh);
    const auto next = join(1, 2);
    EXPECT_EQ(claim(next, 1), in_progress);
    EXPECT_EQ(old.joined.who->abandon(old.joined.of, 1), next.over)
        << "the message was dropped there: another connection has to bring it";
    EXPECT_EQ(old.joined.who->abandon(old.joined.of, 2), nullptr) << "it has not arrived there yet";
    EXPECT_EQ(claim(next, 2), fresh);
}

TEST_F(delivery_senders, a_connection_that_gives_up_its_own_ends_anyway) {
    const auto only = join(1);
    ASSERT_EQ(claim(only, 1), fresh);
    EXPECT_EQ(claim(only, 1), in_progress);
    EXPECT_EQ(only.joined.who->abandon(only.joined.of, 1), nullptr);
}

TEST_F(delivery_senders, after_the_end_of_a_connection_its_messages_are_still_its_own) {
    const auto only = join(1);
    leave(only);
    ASSERT_EQ(claim(only, 1), fresh) << "a callback pool is at it";
    EXPECT_TRUE(only.joined.who->finish(only.joined.of, 1).is_own);
    EXPECT_EQ(claim(join(1, 1), 1), duplicate);
}

}  // namespace
}  // namespace network_system::delivery
