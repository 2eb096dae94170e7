// The queue of datagrams, without sockets: order, bytes, blocks.
#include "datagram/queue.h"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <random>
#include <vector>

namespace network_system::inline v0_1::transport {
namespace {

using bytes = std::vector<std::uint8_t>;

runtime::datagram_address address(std::uint8_t number) {
    runtime::datagram_address made;
    made.bytes.fill(number);
    made.length = 16;
    return made;
}

bytes content(std::size_t size, std::size_t seed) {
    bytes made(size);
    for (std::size_t i = 0; i < size; ++i) {
        made[i] = static_cast<std::uint8_t>(seed * 31 + i);
    }
    return made;
}

TEST(datagram_queue, asks_for_the_sources_of_what_came_behind_a_place) {
    datagram_queue first(nullptr);
    datagram_queue more(nullptr);
    const runtime::datagram_source known{{1}, 0};
    const runtime::datagram_source found{{2}, 7};
    first.append(address(1), content(1, 0), {});
    more.append(address(2), content(1, 0), {}, known);
    more.append(address(3), content(1, 0), {});
    more.append({}, content(1, 0), {});
    const auto before = first.end();
    first.splice(more);
    int asked = 0;
    first.find_sources(before, [&](const runtime::datagram_address& to) {
        EXPECT_EQ(to, address(3));
        ++asked;
        return found;
    });
    EXPECT_EQ(asked, 1);
    std::array<runtime::outgoing_datagram, 4> all;
    ASSERT_EQ(first.prepare(all), 4U);
    EXPECT_EQ(all[0].from, nullptr);
    EXPECT_EQ(*all[1].from, known);
    EXPECT_EQ(*all[2].from, found);
    EXPECT_EQ(all[3].from, nullptr);
    first.find_sources(datagram_queue(nullptr).end(), [&](const auto& to) {
        EXPECT_EQ(to, address(1)) << "from the beginning";
        return runtime::datagram_source{};
    });
}

TEST(datagram_queue, keeps_order_addresses_and_sizes) {
    runtime::block_pool pool;
    datagram_queue queue(&pool);
    EXPECT_TRUE(queue.empty());
    std::vector<int> done;
    const std::array<std::size_t, 6> sizes{0, 1, 1200, 20'000, 65'507, 3};
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        queue.append(i == 5 ? runtime::datagram_address{} : address(static_cast<std::uint8_t>(i)),
                     content(sizes[i], i),
                     [&done, i](VoidResult) { done.push_back(static_cast<int>(i)); });
    }
    EXPECT_EQ(queue.count(), 6U);
    EXPECT_EQ(queue.bytes(), 0U + 1 + 1200 + 20'000 + 65'507 + 3 + 6 * datagram_queue::overhead);
    std::array<runtime::outgoing_datagram, 4> few;
    EXPECT_EQ(queue.prepare(few), 4U) << "no more than there is place for";
    std::array<runtime::outgoing_datagram, 10> all;
    ASSERT_EQ(queue.prepare(all), 6U);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        EXPECT_EQ(bytes(all[i].bytes.begin(), all[i].bytes.end()), content(sizes[i], i));
        if (i == 5) {
            EXPECT_EQ(all[i].to, nullptr) << "the socket's own peer";
        } else {
            ASSERT_NE(all[i].to, nullptr);
            EXPECT_EQ(*all[i].to, address(static_cast<std::uint8_t>(i)));
        }
    }
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        EXPECT_EQ(queue.first_size(), sizes[i]);
        queue.pop()(ok());
    }
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.bytes(), 0U);
    EXPECT_EQ(done, (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

TEST(datagram_queue, what_is_destroyed_with_it_is_not_called) {
    const auto token = std::make_shared<int>();
    {
        datagram_queue queue(nullptr);
        for (int i = 0; i < 300; ++i) {
            queue.append(address(1), content(100, 1),
                         [token](VoidResult) { ADD_FAILURE() << "called"; });
        }
        EXPECT_EQ(token.use_count(), 301);
    }
    EXPECT_EQ(token.use_count(), 1);
}

/// Two queues against two deques, through appends, pops and splices at random.
TEST(datagram_queue, behaves_like_a_deque) {
    std::mt19937 random(42);
    runtime::block_pool pool;
    datagram_queue queue(&pool);
    datagram_queue other(nullptr);
    std::deque<bytes> expected;
    std::deque<bytes> expected_other;
    const auto append = [&](datagram_queue& to, std::deque<bytes>& model) {
        const std::array<std::size_t, 5> sizes{0, 7, 500, 4000, 17'000};
        const auto data = content(sizes[random() % sizes.size()], random());
        to.append(address(2), data, {});
        model.push_back(data);
    };
    for (int step = 0; step < 20'000; ++step) {
        switch (random() % 8) {
            case 0:
            case 1: append(queue, expected); break;
            case 2: append(other, expected_other); break;
            case 3:
                queue.splice(other);
                expected.insert(expected.end(), expected_other.begin(), expected_other.end());
                expected_other.clear();
                break;
            default:
                if (!expected.empty()) {
                    std::array<runtime::outgoing_datagram, 1> first;
                    ASSERT_EQ(queue.prepare(first), 1U);
                    ASSERT_EQ(bytes(first[0].bytes.begin(), first[0].bytes.end()),
                              expected.front());
                    EXPECT_FALSE(queue.pop());
                    expected.pop_front();
                }
        }
        ASSERT_EQ(queue.count(), expected.size());
        ASSERT_EQ(other.count(), expected_other.size());
        ASSERT_EQ(queue.empty(), expected.empty());
    }
}

}  // namespace
}  // namespace network_system::transport
