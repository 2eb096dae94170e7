// The write queue next to a model: a string of bytes and the positions at which messages end.
#include "transport/write_queue.h"

#include "support/bytes.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::transport {
namespace {

using namespace network_system::testing;
using runtime::io_slice;

/// A queue, and what should be in it.
class modelled_queue {
public:
    explicit modelled_queue(runtime::block_pool* pool = nullptr) : queue(pool) {}

    enum class way { copied, owned, shared };

    /// Queues one message made of a small header and `size` bytes.
    void send(way how, std::size_t size, bool with_completion) {
        const byte_string header = pattern(5, total);
        const byte_string payload = pattern(size, total + 5);
        const std::size_t id = ends.size();
        write_callback done;
        if (with_completion && how != way::shared) {
            done = [this, id](VoidResult) { completed.push_back(id); };
            expected.push_back(id);
        }
        switch (how) {
            case way::copied:
                queue.append(header);
                queue.append(payload);
                queue.end_message(std::move(done));
                break;
            case way::owned:
                queue.append(header);
                queue.append_owned_message(byte_string(payload), std::move(done));
                break;
            case way::shared:
                queue.append_shared(std::make_shared<const byte_string>(concat({header, payload})));
                break;
        }
        bytes += header;
        bytes += payload;
        total += header.size() + payload.size();
        ends.push_back(total);
    }

    /// What prepare() shows has to be the front of the model.
    void check_prepared(std::size_t slice_count) const {
        std::vector<io_slice> slices(slice_count);
        const auto gathered = queue.prepare(slices);
        ASSERT_LE(gathered.slices, slice_count);
        byte_string shown;
        for (std::size_t i = 0; i < gathered.slices; ++i) {
            ASSERT_GT(slices[i].size(), 0U) << "an empty slice";
            shown.insert(shown.end(), slices[i].data(), slices[i].data() + slices[i].size());
        }
        ASSERT_EQ(shown.size(), gathered.bytes);
        ASSERT_LE(shown.size(), bytes.size());
        ASSERT_TRUE(std::equal(shown.begin(), shown.end(), bytes.begin()));
        ASSERT_EQ(gathered.bytes == 0, bytes.empty());
    }

    void commit(std::size_t count) {
        queue.commit(count);
        bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
        written += count;
    }

    void check_counts() {
        std::uint64_t done = 0;
        while (done < ends.size() && ends[done] <= written) {
            ++done;
        }
        ASSERT_EQ(queue.bytes(), bytes.size());
        ASSERT_EQ(queue.empty(), bytes.empty());
        ASSERT_EQ(queue.messages_queued(), ends.size());
        ASSERT_EQ(queue.messages_written(), done);
        while (queue.has_completed()) {
            queue.take_completed()(ok());
        }
        ASSERT_FALSE(queue.take_completed());
        std::vector<std::size_t> due;
        for (const std::size_t id : expected) {
            if (id < done) {
                due.push_back(id);
            }
        }
        ASSERT_EQ(completed, due);
    }

    write_queue queue;
    byte_string bytes;
    std::size_t total = 0;
    std::size_t written = 0;
    std::vector<std::size_t> ends;
    std::vector<std::size_t> expected;
    std::vector<std::size_t> completed;
};

using way = modelled_queue::way;

TEST(write_queue, starts_empty) {
    write_queue queue(nullptr);
    std::array<io_slice, 4> slices;
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.prepare(slices).slices, 0U);
    EXPECT_FALSE(queue.has_completed());
    EXPECT_FALSE(queue.take_completed());
    EXPECT_FALSE(queue.take_any());
    EXPECT_EQ(queue.discard(), 0U);
}

TEST(write_queue, small_messages_share_a_slice) {
    modelled_queue model;
    for (int i = 0; i < 20; ++i) {
        model.send(way::copied, 64, false);
    }
    std::array<io_slice, 16> slices;
    EXPECT_EQ(model.queue.prepare(slices).slices, 1U);
    model.check_prepared(16);
}

TEST(write_queue, partial_commits_at_every_byte) {
    const auto fill = [](modelled_queue& model) {
        model.send(way::copied, 10, true);
        model.send(way::shared, 20, false);
        model.send(way::owned, 3000, true);
        model.send(way::copied, 1, false);
        model.send(way::owned, 15, true);
        model.send(way::shared, 2500, false);
        model.send(way::shared, 2500, false);
        model.send(way::owned, 2500, true);
        model.send(way::copied, 7, true);
    };
    modelled_queue whole;
    fill(whole);
    for (std::size_t at = 0; at <= whole.bytes.size(); ++at) {
        modelled_queue model;
        fill(model);
        model.commit(at);
        model.check_counts();
        model.check_prepared(16);
        model.send(way::copied, 9, true);
        model.check_prepared(16);
        model.commit(model.bytes.size());
        model.check_counts();
        ASSERT_FALSE(::testing::Test::HasFatalFailure()) << at;
    }
}

TEST(write_queue, byte_by_byte) {
    modelled_queue model;
    for (const std::size_t size : {1U, 50U, 2048U, 2049U, 17'000U}) {
        model.send(way::copied, size, true);
        model.send(way::owned, size, true);
        model.send(way::shared, size, false);
    }
    while (!model.bytes.empty()) {
        model.commit(1);
        model.check_counts();
        ASSERT_FALSE(::testing::Test::HasFatalFailure()) << model.written;
    }
}

TEST(write_queue, chunk_boundaries) {
    // Messages whose ends fall on every position around the end of a chunk, where the bytes from
    // the front meet the marks from the back.
    for (std::size_t first = write_chunk::capacity - 40; first < write_chunk::capacity + 40;
         ++first) {
        modelled_queue model;
        model.send(way::copied, first, true);
        for (int i = 0; i < 12; ++i) {
            model.send(way::copied, 1, true);
        }
        model.check_prepared(16);
        const std::size_t edge = model.bytes.size() - 30;
        model.commit(edge);
        model.check_counts();
        while (!model.bytes.empty()) {
            model.commit(1);
            model.check_counts();
        }
        ASSERT_FALSE(::testing::Test::HasFatalFailure()) << first;
    }
}

TEST(write_queue, a_chunk_full_of_marks) {
    modelled_queue model;
    for (int i = 0; i < 10'000; ++i) {
        model.send(way::copied, 1, i % 100 == 0);
    }
    model.check_prepared(16);
    while (!model.bytes.empty()) {
        model.commit(std::min<std::size_t>(model.bytes.size(), 777));
        model.check_counts();
        ASSERT_FALSE(::testing::Test::HasFatalFailure());
    }
}

TEST(write_queue, few_slices_show_the_front) {
    modelled_queue model;
    for (int i = 0; i < 6; ++i) {
        model.send(way::owned, 3000, true);
        model.send(way::copied, 20, false);
    }
    for (std::size_t slices = 1; slices < 20; ++slices) {
        model.check_prepared(slices);
    }
    std::array<io_slice, 1> none;
    EXPECT_EQ(model.queue.prepare(std::span(none).first(0)).bytes, 0U);
}

TEST(write_queue, large_owned_bytes_are_not_copied) {
    write_queue queue(nullptr);
    byte_string data = pattern(50'000);
    const std::uint8_t* const address = data.data();
    queue.append_owned_message(std::move(data), {});
    std::array<io_slice, 4> slices;
    const auto gathered = queue.prepare(slices);
    EXPECT_EQ(gathered.slices, 1U);
    EXPECT_EQ(gathered.bytes, 50'000U);
    EXPECT_EQ(slices[0].data(), address);
}

TEST(write_queue, shared_frames_are_let_go_once_written) {
    write_queue one(nullptr);
    write_queue other(nullptr);
    const auto frame = std::make_shared<const byte_string>(pattern(5000));
    one.append_shared(frame);
    other.append_shared(frame);
    EXPECT_EQ(frame.use_count(), 3);
    one.commit(4999);
    EXPECT_EQ(frame.use_count(), 3);
    one.commit(1);
    EXPECT_EQ(frame.use_count(), 2);
    EXPECT_EQ(other.discard(), 1U);
    EXPECT_EQ(frame.use_count(), 1);
}

TEST(write_queue, a_message_written_past_the_queue_is_counted) {
    write_queue queue(nullptr);
    int done = 0;
    queue.end_written_message([&](VoidResult) { ++done; });
    EXPECT_EQ(queue.messages_queued(), 1U);
    EXPECT_EQ(queue.messages_written(), 1U);
    ASSERT_TRUE(queue.has_completed());
    queue.take_completed()(ok());
    EXPECT_EQ(done, 1);
    EXPECT_FALSE(queue.has_completed());
}

TEST(write_queue, bytes_that_belong_to_no_message_are_not_counted) {
    modelled_queue model;
    const byte_string control = pattern(13);
    model.queue.append(control);
    EXPECT_EQ(model.queue.bytes(), 13U);
    EXPECT_EQ(model.queue.messages_queued(), 0U);
    EXPECT_EQ(model.queue.discard(), 0U);
    EXPECT_EQ(model.queue.bytes(), 0U);
}

TEST(write_queue, splice_keeps_order_counts_and_completions) {
    for (std::size_t before = 0; before < 3; ++before) {
        for (std::size_t after = 0; after < 3; ++after) {
            for (const std::size_t committed : {std::size_t{0}, std::size_t{3}}) {
                std::vector<int> order;
                const auto record = [&order](int id) {
                    return [&order, id](VoidResult) { order.push_back(id); };
                };
                runtime::block_pool pool;
                write_queue main(&pool);
                write_queue other(nullptr);
                byte_string expected;
                int id = 0;
                const auto add = [&](write_queue& to, std::size_t size) {
                    const byte_string bytes = pattern(size, static_cast<std::size_t>(id));
                    to.append(bytes);
                    to.end_message(record(id++));
                    return bytes;
                };
                for (std::size_t i = 0; i < before; ++i) {
                    expected += add(main, 10);
                }
                if (before > 0) {
                    main.commit(committed);
                    expected.erase(expected.begin(),
                                   expected.begin() + static_cast<std::ptrdiff_t>(committed));
                }
                for (std::size_t i = 0; i < after; ++i) {
                    expected += add(other, 5000);
                }
                main.splice(other);
                EXPECT_TRUE(other.empty());
                EXPECT_EQ(other.messages_queued(), 0U);
                EXPECT_FALSE(other.take_any());
                expected += add(main, 4);
                expected += add(other, 6);
                main.splice(other);
                ASSERT_EQ(main.bytes(), expected.size());
                EXPECT_EQ(main.messages_queued(), before + after + 2);

                while (!main.empty()) {
                    std::array<io_slice, 2> slices;
                    const auto gathered = main.prepare(slices);
                    ASSERT_TRUE(std::equal(slices[0].data(), slices[0].data() + slices[0].size(),
                                           expected.begin()));
                    const std::size_t part = std::min<std::size_t>(gathered.bytes, 7);
                    main.commit(part);
                    expected.erase(expected.begin(),
                                   expected.begin() + static_cast<std::ptrdiff_t>(part));
                    while (main.has_completed()) {
                        main.take_completed()(ok());
                    }
                }
                ASSERT_EQ(order.size(), before + after + 2);
                EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
                EXPECT_EQ(main.messages_written(), before + after + 2);
            }
        }
    }
}

TEST(write_queue, what_comes_one_by_one_shares_its_chunks) {
    constexpr int messages = 600;
    modelled_queue main;
    modelled_queue sender;
    main.send(modelled_queue::way::owned, 5000, false);
    for (int i = 0; i < messages; ++i) {
        sender.total = main.total;
        sender.bytes.clear();
        sender.ends.clear();
        sender.send(i % 3 == 0 ? modelled_queue::way::shared : modelled_queue::way::copied, 20,
                    false);
        if (i % 2 == 0) {
            sender.send(modelled_queue::way::copied, 30, false);
        }
        main.queue.splice(sender.queue);
        EXPECT_TRUE(sender.queue.empty());
        main.bytes += sender.bytes;
        main.total = sender.total;
        main.ends.insert(main.ends.end(), sender.ends.begin(), sender.ends.end());
    }
    std::array<io_slice, 100> slices;
    // The first message's two, one that is shared, and chunks that are half full at least.
    EXPECT_LE(main.queue.prepare(slices).slices, 3 + 2 * main.bytes.size() / write_chunk::capacity);
    while (!main.bytes.empty()) {
        main.check_prepared(3);
        main.commit(std::min<std::size_t>(7, main.bytes.size()));
        main.check_counts();
    }
}

TEST(write_queue, discard_counts_what_was_not_written_completely) {
    modelled_queue probe;
    const auto fill = [](modelled_queue& model) {
        model.send(way::copied, 10, true);
        model.send(way::owned, 3000, true);
        model.send(way::shared, 3000, false);
        model.send(way::copied, 10, true);
    };
    fill(probe);
    for (std::size_t at = 0; at <= probe.bytes.size(); ++at) {
        modelled_queue model;
        fill(model);
        model.commit(at);
        std::uint64_t lost = 0;
        for (const std::size_t end : model.ends) {
            lost += end > at ? 1 : 0;
        }
        ASSERT_EQ(model.queue.discard(), lost) << at;
        ASSERT_TRUE(model.queue.empty());
        ASSERT_EQ(model.queue.discard(), 0U) << "counted twice";
        // Every callback is still there, in order, once.
        while (auto done = model.queue.take_any()) {
            done(ok());
        }
        ASSERT_EQ(model.completed, (std::vector<std::size_t>{0, 1, 3}));
    }
}

TEST(write_queue, seeded_lives) {
    for (unsigned seed = 0; seed < 100; ++seed) {
        std::mt19937 random(seed);
        runtime::block_pool pool;
        modelled_queue model(&pool);
        for (int step = 0; step < 300; ++step) {
            const std::size_t choice = pick(random, 0, 5);
            if (choice < 3) {
                const std::size_t size =
                    pick(random, 0, 4) == 0 ? pick(random, 1, 40'000) : pick(random, 1, 200);
                model.send(static_cast<way>(choice), size, pick(random, 0, 1) == 0);
            } else if (!model.bytes.empty()) {
                model.commit(pick(random, 1, model.bytes.size()));
            }
            model.check_counts();
            model.check_prepared(pick(random, 1, 16));
            ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "seed " << seed;
        }
    }
}

}  // namespace
}  // namespace network_system::transport
