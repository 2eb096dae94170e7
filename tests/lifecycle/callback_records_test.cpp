#include "lifecycle/callbacks/records.h"
#include "support/bytes.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace network_system::inline v0_1::core {
namespace {

using kind = callback_records::kind;
using testing::byte_string;

byte_string filled(std::size_t size) {
    byte_string data(size);
    for (std::size_t i = 0; i < size; ++i) {
        data[i] = static_cast<std::uint8_t>(i * 7 + size);
    }
    return data;
}

void expect_next(callback_records& records, kind what, std::uint64_t id, std::size_t size) {
    const auto next = records.next();
    ASSERT_TRUE(next);
    EXPECT_EQ(next->what, what);
    EXPECT_EQ(next->id, id);
    EXPECT_EQ(byte_string(next->data.begin(), next->data.end()), filled(size));
}

TEST(callback_records, come_out_as_they_went_in) {
    callback_records records;
    EXPECT_EQ(records.capacity(), 0U) << "nothing costs nothing";
    EXPECT_FALSE(records.next());
    const std::vector<std::size_t> sizes{0, 1, 64, 4096, 100'000, 3};
    records.add(kind::open, 0, {});
    for (const std::size_t size : sizes) {
        records.add(kind::binary, 0, filled(size));
        records.add(kind::request, size + 1, filled(size));
    }
    records.add(kind::writable, 0, {});
    expect_next(records, kind::open, 0, 0);
    for (const std::size_t size : sizes) {
        expect_next(records, kind::binary, 0, size);
        expect_next(records, kind::request, size + 1, size);
    }
    EXPECT_TRUE(records.has_next());
    expect_next(records, kind::writable, 0, 0);
    EXPECT_FALSE(records.has_next());
    EXPECT_FALSE(records.next());
    EXPECT_FALSE(records.empty()) << "read is not forgotten";
    const std::size_t capacity = records.capacity();
    records.clear();
    EXPECT_TRUE(records.empty());
    EXPECT_EQ(records.capacity(), capacity);
    records.add(kind::binary, 0, filled(2));
    expect_next(records, kind::binary, 0, 2);
}

TEST(callback_records, are_added_behind_others) {
    callback_records first;
    callback_records second;
    first.add_all(second);
    EXPECT_TRUE(first.empty());
    second.add(kind::binary, 0, filled(10));
    first.add_all(second);
    first.add(kind::binary, 0, filled(5000));
    second.clear();
    second.add(kind::binary, 0, filled(20));
    first.add_all(second);
    for (const std::size_t size : {10U, 5000U, 20U}) {
        expect_next(first, kind::binary, 0, size);
    }
    EXPECT_FALSE(first.next());
}

TEST(spare_records, keep_memory_within_bounds) {
    spare_records spare;
    EXPECT_EQ(spare.take().capacity(), 0U);
    callback_records small;
    small.add(kind::binary, 0, filled(100));
    const std::size_t capacity = small.capacity();
    spare.give(std::move(small));
    callback_records large;
    large.add(kind::binary, 0, filled(1'000'000));
    spare.give(std::move(large));
    spare.give({});
    const callback_records again = spare.take();
    EXPECT_EQ(again.capacity(), capacity);
    EXPECT_TRUE(again.empty());
    EXPECT_EQ(spare.take().capacity(), 0U) << "the large one was not kept";
    for (int i = 0; i < 1000; ++i) {
        callback_records one;
        one.add(kind::binary, 0, filled(1));
        spare.give(std::move(one));
    }
    std::size_t kept = 0;
    while (spare.take().capacity() > 0) {
        ++kept;
    }
    EXPECT_EQ(kept, 256U);
}

}  // namespace
}  // namespace network_system::core
