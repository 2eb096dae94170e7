// Which message ids count as taken: by hand, and against a set that remembers all of them.
#include "framed/delivery/window.h"

#include "utils/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace network_system::inline v0_1::delivery {
namespace {

using enum claim_answer;

/// One step on a window: what is done with an id, and for claims what is answered.
struct step {
    enum class call { claim, finish, abandon } what;
    std::uint64_t id;
    claim_answer answer = fresh;
};
constexpr auto claim = step::call::claim;
constexpr auto finish = step::call::finish;
constexpr auto abandon = step::call::abandon;

struct conversation {
    std::string name;
    std::size_t size;
    std::uint64_t forgotten_up_to;
    std::vector<step> steps;
};

const std::vector<conversation>& conversations() {
    static const std::vector<conversation> all{
        {"in_order",
         4,
         0,
         {{claim, 1},
          {finish, 1},
          {claim, 2},
          {finish, 2},
          {claim, 1, duplicate},
          {claim, 2, duplicate},
          {claim, 3}}},
        {"in_progress",
         4,
         0,
         {{claim, 1},
          {claim, 1, in_progress},
          {claim, 2},
          {claim, 1, in_progress},
          {finish, 1},
          {claim, 1, duplicate},
          {claim, 2, in_progress}}},
        {"abandoned_is_free_again",
         4,
         0,
         {{claim, 1}, {abandon, 1}, {claim, 1}, {finish, 1}, {claim, 1, duplicate}}},
        {"any_order",
         8,
         0,
         {{claim, 5},
          {claim, 3},
          {claim, 4},
          {finish, 4},
          {finish, 5},
          {finish, 3},
          {claim, 4, duplicate},
          {claim, 2},
          {finish, 2},
          {claim, 1},
          {finish, 1},
          {claim, 3, duplicate}}},
        {"the_oldest_id_of_the_window", 4, 0, {{claim, 10}, {claim, 7}, {claim, 6, expired}}},
        {"older_than_the_window_and_never_seen",
         4,
         0,
         {{claim, 100}, {finish, 100}, {claim, 96, expired}, {claim, 97}}},
        {"older_than_the_window_and_taken",
         4,
         0,
         {{claim, 1}, {finish, 1}, {claim, 100}, {claim, 1, duplicate}, {claim, 2, expired}}},
        {"in_progress_and_older_than_the_window",
         2,
         0,
         {{claim, 1}, {claim, 50}, {claim, 1, in_progress}, {finish, 1}, {claim, 1, duplicate}}},
        {"abandoned_and_older_than_the_window",
         2,
         0,
         {{claim, 1}, {claim, 50}, {abandon, 1}, {claim, 1, expired}}},
        {"forgotten",
         100,
         7,
         {{claim, 7, forgotten},
          {claim, 1, forgotten},
          {claim, 8},
          {finish, 8},
          {claim, 8, duplicate},
          {claim, 7, forgotten}}},
        {"one_id_wide",
         1,
         0,
         {{claim, 1}, {finish, 1}, {claim, 3}, {claim, 2, expired}, {claim, 1, duplicate}}},
        {"the_largest_id",
         4,
         0,
         {{claim, std::numeric_limits<std::uint64_t>::max()},
          {finish, std::numeric_limits<std::uint64_t>::max()},
          {claim, std::numeric_limits<std::uint64_t>::max(), duplicate},
          {claim, std::numeric_limits<std::uint64_t>::max() - 3},
          {claim, std::numeric_limits<std::uint64_t>::max() - 4, expired},
          {claim, 1, expired}}},
    };
    return all;
}

TEST(delivery_window, conversations) {
    for (const conversation& each : conversations()) {
        window ids(each.size, each.forgotten_up_to);
        std::size_t at = 0;
        for (const step& next : each.steps) {
            SCOPED_TRACE(each.name + ", step " + std::to_string(at++));
            switch (next.what) {
                case step::call::claim:
                    EXPECT_EQ(ids.look_up(next.id), next.answer);
                    EXPECT_EQ(ids.claim(next.id), next.answer);
                    break;
                case step::call::finish: ids.finish(next.id); break;
                case step::call::abandon: ids.abandon(next.id); break;
            }
        }
    }
}

/// What the window promises, with all the memory in the world.
class perfect_memory {
public:
    explicit perfect_memory(std::size_t size) : size_(size) {}

    /// Whether the window may answer so.
    [[nodiscard]] bool allows(std::uint64_t id, claim_answer answer) const {
        const bool is_taken = taken_.contains(id);
        const bool is_busy = busy_.contains(id);
        const bool is_old = highest_ > size_ && id <= highest_ - size_;
        switch (answer) {
            case fresh: return !is_taken && !is_busy && !is_old;
            case duplicate: return is_taken;
            case in_progress: return is_busy;
            case expired: return is_old;
            default: return false;
        }
    }
    void claim(std::uint64_t id) {
        busy_.insert(id);
        highest_ = std::max(highest_, id);
    }
    void finish(std::uint64_t id) {
        busy_.erase(id);
        taken_.insert(id);
    }
    void abandon(std::uint64_t id) { busy_.erase(id); }
    [[nodiscard]] const std::set<std::uint64_t>& busy() const { return busy_; }
    [[nodiscard]] std::uint64_t highest() const { return highest_; }

private:
    std::size_t size_;
    std::uint64_t highest_ = 0;
    std::set<std::uint64_t> taken_;
    std::set<std::uint64_t> busy_;
};

TEST(delivery_window, agrees_with_a_set_of_all_ids) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        network_system::detail::random_sequence dice(seed);
        const auto below = [&](std::uint64_t bound) { return dice.next() % bound; };
        const std::size_t size = 1 + below(seed % 2 == 0 ? 8 : 300);
        window ids(size);
        perfect_memory all(size);
        std::map<claim_answer, int> seen;
        for (int turn = 0; turn < 4'000; ++turn) {
            if (below(3) == 0 && !all.busy().empty()) {
                auto which = all.busy().begin();
                std::advance(which, static_cast<std::ptrdiff_t>(below(all.busy().size())));
                const std::uint64_t id = *which;
                if (below(4) == 0) {
                    ids.abandon(id);
                    all.abandon(id);
                } else {
                    ids.finish(id);
                    all.finish(id);
                }
                continue;
            }
            // Mostly the next, often an old one, now and then a jump.
            const std::uint64_t top = all.highest();
            const std::uint64_t id = below(20) == 0  ? top + 1 + below(2 * size)
                                     : below(2) == 0 ? top + 1
                                                     : 1 + below(top + 1);
            const claim_answer answer = ids.claim(id);
            ASSERT_TRUE(all.allows(id, answer)) << "seed " << seed << ", turn " << turn << ", id "
                                                << id << ", answer " << static_cast<int>(answer);
            ++seen[answer];
            if (answer == fresh) {
                all.claim(id);
            }
        }
        EXPECT_GE(seen.size(), 4U) << "seed " << seed;
    }
}

TEST(delivery_window, a_steady_stream_holds_two_ranges) {
    window ids(65'536);
    for (std::uint64_t id = 500; id < 200'000; ++id) {
        ASSERT_EQ(ids.claim(id), fresh);
        ids.finish(id);
    }
    EXPECT_LE(ids.memory(), 8 * sizeof(id_ranges::range))
        << "what is missing before it is no matter";
    EXPECT_EQ(ids.claim(500), duplicate) << "far older than the window, and remembered";
}

TEST(delivery_window, gaps_cost_bounded_memory_and_the_lowest_are_given_up) {
    window ids(std::size_t{1} << 40U);
    const std::uint64_t taken = 3 * window::most_gaps;
    for (std::uint64_t each = 1; each <= taken; ++each) {
        ASSERT_EQ(ids.claim(2 * each), fresh);
        ids.finish(2 * each);
    }
    EXPECT_LE(ids.memory(), 4 * window::most_gaps * sizeof(id_ranges::range));
    EXPECT_EQ(ids.claim(2), expired);
    EXPECT_EQ(ids.claim(2 * (taken - window::most_gaps)), expired);
    EXPECT_EQ(ids.claim(2 * (taken - window::most_gaps) + 2), duplicate);
    EXPECT_EQ(ids.claim(2 * (taken - window::most_gaps) + 1), fresh);
}

TEST(delivery_window, many_in_progress_give_their_memory_back) {
    window ids(1'000'000);
    for (std::uint64_t id = 1; id <= 10'000; ++id) {
        ASSERT_EQ(ids.claim(3 * id), fresh);
    }
    for (std::uint64_t id = 10'000; id >= 1; --id) {
        ids.abandon(3 * id);
    }
    EXPECT_LE(ids.memory(), 2 * window::most_gaps * sizeof(id_ranges::range));
    EXPECT_EQ(ids.claim(3), fresh);
}

}  // namespace
}  // namespace network_system::delivery
