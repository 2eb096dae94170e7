// The admission of what is sent, over a queue that is only a number of bytes.
#include "session/sending/message_outbox.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace network_system::inline v0_1::session {
namespace {

struct counted_queue {
    explicit counted_queue(const void*) {}
    [[nodiscard]] std::size_t bytes() const noexcept { return size; }
    void splice(counted_queue& other) noexcept { size += std::exchange(other.size, 0); }

    std::size_t size = 0;
};

class counted_outbox final : public outbox<counted_queue> {
public:
    using outbox::outbox;
};

constexpr std::size_t high_mark = 100;
constexpr std::size_t low_mark = 40;

class outbox_test : public ::testing::Test {
protected:
    /// As another thread.
    admission send(std::size_t bytes) {
        const auto held = box.acquire();
        const auto answer = box.admit(held, bytes, high_mark);
        if (answer == admission::granted) {
            box.append(
                held, [&] { box.pending(held).size += bytes; }, [&] { ++announced; });
        } else if (answer == admission::full) {
            (void)box.record_refused();
        }
        return answer;
    }
    void take() {
        box.take(box.acquire(), own);
        box.publish_own(own.bytes());
    }
    void write(std::size_t bytes) {
        own.size -= bytes;
        box.publish_own(own.bytes());
    }

    counted_outbox box;
    counted_queue own{nullptr};
    int announced = 0;
};

TEST_F(outbox_test, grants_up_to_the_high_watermark) {
    struct row {
        std::size_t own;
        std::size_t remote;
        std::size_t bytes;
        admission expected;
    };
    constexpr row rows[] = {
        {0, 0, 100, admission::granted}, {0, 0, 5000, admission::granted},
        {1, 0, 99, admission::granted},  {1, 0, 100, admission::full},
        {0, 1, 99, admission::granted},  {0, 1, 100, admission::full},
        {50, 49, 1, admission::granted}, {50, 49, 2, admission::full},
        {500, 0, 1, admission::full},
    };
    for (const row& each : rows) {
        counted_outbox fresh;
        fresh.publish_own(each.own);
        const auto held = fresh.acquire();
        fresh.append(
            held, [&] { fresh.pending(held).size = each.remote; }, [] {});
        EXPECT_EQ(fresh.admit(held, each.bytes, high_mark), each.expected)
            << each.own << " + " << each.remote << " + " << each.bytes;
    }
}

TEST_F(outbox_test, the_loop_is_told_once_until_it_takes_over) {
    EXPECT_EQ(send(10), admission::granted);
    EXPECT_EQ(send(10), admission::granted);
    EXPECT_EQ(announced, 1);
    EXPECT_EQ(box.queued_bytes(), 20U);
    take();
    EXPECT_EQ(box.remote_bytes(), 0U);
    EXPECT_EQ(box.queued_bytes(), 20U);
    EXPECT_EQ(send(10), admission::granted);
    EXPECT_EQ(announced, 2);
}

TEST_F(outbox_test, is_told_again_when_nobody_could_be_told) {
    EXPECT_EQ(send(10), admission::granted);
    box.take_back_announcement(box.acquire());
    EXPECT_EQ(send(10), admission::granted);
    EXPECT_EQ(announced, 2);
}

TEST_F(outbox_test, a_closed_one_takes_nothing) {
    box.close();
    EXPECT_EQ(send(1), admission::closed);
}

TEST_F(outbox_test, who_was_refused_is_told_at_the_low_watermark_and_once) {
    EXPECT_FALSE(box.is_room_wanted());
    EXPECT_EQ(send(100), admission::granted);
    EXPECT_EQ(send(1), admission::full);
    EXPECT_FALSE(box.record_refused()) << "only the first has to be followed by a look";
    take();
    EXPECT_TRUE(box.is_room_wanted());
    EXPECT_FALSE(box.take_refused(low_mark));
    write(59);
    EXPECT_FALSE(box.take_refused(low_mark));
    write(1);
    EXPECT_TRUE(box.take_refused(low_mark));
    EXPECT_FALSE(box.is_room_wanted());
    EXPECT_FALSE(box.take_refused(low_mark));
}

TEST_F(outbox_test, who_waits_is_called_when_there_is_room) {
    EXPECT_EQ(send(100), admission::granted);
    take();
    admission answer = admission::full;
    std::thread sender([&] {
        auto held = box.acquire();
        (void)box.expect_sender(held);
        answer = box.wait_for_room(held, 50, high_mark,
                                   std::chrono::steady_clock::now() + std::chrono::seconds{60});
    });
    while (!box.is_room_wanted()) {
        std::this_thread::yield();
    }
    write(50);
    while (box.is_room_wanted()) {
        box.call_senders(high_mark);
        std::this_thread::yield();
    }
    sender.join();
    EXPECT_EQ(answer, admission::granted);
}

TEST_F(outbox_test, who_waits_hears_of_the_end) {
    EXPECT_EQ(send(100), admission::granted);
    admission answer = admission::full;
    std::thread sender([&] {
        auto held = box.acquire();
        (void)box.expect_sender(held);
        answer = box.wait_for_room(held, 50, high_mark, sender_bell::time_point::max());
    });
    while (!box.is_room_wanted()) {
        std::this_thread::yield();
    }
    box.close();
    sender.join();
    EXPECT_EQ(answer, admission::closed);
}

class backlog_test : public ::testing::Test {
protected:
    admission put(send_policy policy, std::size_t size, const std::string& key = {}) {
        backlog::entry entry;
        entry.owned.resize(size);
        entry.key = key;
        return box.supersede(box.acquire(), entry, policy, high_mark, [] {});
    }
    std::uint64_t superseded() { return box.take_superseded(box.acquire()).messages; }

    message_outbox box{nullptr, true};
};

TEST_F(backlog_test, the_oldest_give_way_to_what_would_not_fit) {
    EXPECT_EQ(put(send_policy::drop_oldest, 40), admission::granted);
    EXPECT_EQ(put(send_policy::drop_oldest, 40), admission::granted);
    EXPECT_EQ(put(send_policy::drop_oldest, 60), admission::granted);
    EXPECT_EQ(superseded(), 1U);
    EXPECT_EQ(box.queued_bytes(), 100U);
    box.publish_own(50);  // what the loop has taken cannot give way any more
    EXPECT_EQ(put(send_policy::drop_oldest, 60), admission::full);
}

TEST_F(backlog_test, a_message_takes_the_place_of_the_one_of_its_key) {
    EXPECT_EQ(put(send_policy::conflate, 60, "a"), admission::granted);
    EXPECT_EQ(put(send_policy::conflate, 30, "b"), admission::granted);
    EXPECT_EQ(put(send_policy::conflate, 70, "a"), admission::granted);
    EXPECT_EQ(superseded(), 1U);
    EXPECT_EQ(box.queued_bytes(), 100U);
    EXPECT_EQ(put(send_policy::conflate, 1, "c"), admission::full);
    EXPECT_EQ(put(send_policy::conflate, 71, "a"), admission::full);
    EXPECT_EQ(superseded(), 0U);
}

TEST_F(backlog_test, the_loop_takes_no_more_than_it_needs) {
    EXPECT_EQ(put(send_policy::drop_oldest, 30), admission::granted);
    EXPECT_EQ(put(send_policy::drop_oldest, 30), admission::granted);
    transport::write_queue own(nullptr);
    box.take(box.acquire(), own, 1);
    EXPECT_EQ(own.bytes(), 30U);
    EXPECT_EQ(box.remote_bytes(), 30U);
    box.take(box.acquire(), own, 1000);
    EXPECT_EQ(own.bytes(), 60U);
    EXPECT_EQ(own.messages_queued(), 2U);
}

}  // namespace
}  // namespace network_system::session
