#include <network_system/utils/unique_function.h>

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1 {
namespace {

struct lifetimes {
    int alive = 0;
    int destroyed = 0;
};

/// Counts itself; `Padding` decides whether it fits in place.
template <std::size_t Padding, bool NothrowMove = true>
class counted {
public:
    explicit counted(lifetimes& counts) : counts_(&counts) { ++counts_->alive; }
    counted(counted&& other) noexcept(NothrowMove) : counts_(other.counts_) { ++counts_->alive; }
    counted(const counted&) = delete;
    ~counted() {
        --counts_->alive;
        ++counts_->destroyed;
    }
    int operator()(int value) { return value + static_cast<int>(Padding); }

private:
    lifetimes* counts_;
    std::array<char, Padding> padding_{};
};

template <typename Callable>
class stored_callable : public ::testing::Test {};
using callables =
    ::testing::Types<counted<1>, counted<24>, counted<25>, counted<400>, counted<1, false>>;
TYPED_TEST_SUITE(stored_callable, callables);

TYPED_TEST(stored_callable, is_called_moved_and_destroyed_exactly_once) {
    lifetimes counts;
    {
        unique_function<int(int)> first{TypeParam(counts)};
        EXPECT_EQ(counts.alive, 1);
        const int answer = first(1);
        unique_function<int(int)> second{std::move(first)};
        EXPECT_EQ(counts.alive, 1);
        EXPECT_FALSE(static_cast<bool>(first));
        EXPECT_TRUE(static_cast<bool>(second));
        EXPECT_EQ(second(1), answer);

        unique_function<int(int)> third{TypeParam(counts)};
        EXPECT_EQ(counts.alive, 2);
        third = std::move(second);
        EXPECT_EQ(counts.alive, 1) << "assignment destroys what was there";
        EXPECT_EQ(third(1), answer);
        auto& alias = third;
        third = std::move(alias);
        EXPECT_EQ(counts.alive, 1) << "self-assignment";
        EXPECT_EQ(third(2), answer + 1);
    }
    EXPECT_EQ(counts.alive, 0);
}

TYPED_TEST(stored_callable, is_destroyed_by_assigning_an_empty_one) {
    lifetimes counts;
    unique_function<int(int)> function{TypeParam(counts)};
    function = {};
    EXPECT_EQ(counts.alive, 0);
    EXPECT_FALSE(static_cast<bool>(function));
}

TEST(unique_function, empty_ones_are_false) {
    EXPECT_FALSE(static_cast<bool>(unique_function<void()>{}));
    EXPECT_FALSE(static_cast<bool>(unique_function<void()>{nullptr}));
    unique_function<void()> empty;
    unique_function<void()> moved{std::move(empty)};
    EXPECT_FALSE(static_cast<bool>(moved));
}

TEST(unique_function, an_empty_one_does_nothing_when_called) {
    unique_function<void()> never_set;
    never_set();
    unique_function<void()> moved_away{[] { FAIL() << "moved away"; }};
    const unique_function<void()> taken{std::move(moved_away)};
    moved_away();
}

TEST(unique_function, empty_callables_stay_empty) {
    EXPECT_FALSE(static_cast<bool>(unique_function<void()>{std::function<void()>{}}));
    std::function<void()> lvalue;
    EXPECT_FALSE(static_cast<bool>(unique_function<void()>{lvalue}));
    EXPECT_FALSE(static_cast<bool>(unique_function<void(int)>{unique_function<void(long)>{}}));
}

TEST(unique_function, a_null_function_pointer_stays_empty) {
    void (*none)() = nullptr;
    EXPECT_FALSE(static_cast<bool>(unique_function<void()>{none}));
}

TEST(unique_function, a_full_std_function_is_kept) {
    const unique_function<int()> function{std::function<int()>{[] { return 3; }}};
    ASSERT_TRUE(static_cast<bool>(function));
    EXPECT_EQ(function(), 3);
}

int plain(int value) {
    return -value;
}

TEST(unique_function, takes_functions_and_captureless_lambdas) {
    const unique_function<int(int)> by_name{plain};
    const unique_function<int(int)> by_pointer{&plain};
    const unique_function<int(int)> lambda{[](int value) { return value * 3; }};
    EXPECT_EQ(by_name(4), -4);
    EXPECT_EQ(by_pointer(4), -4);
    EXPECT_EQ(lambda(4), 12);
}

TEST(unique_function, carries_move_only_state_and_arguments) {
    auto state = std::make_unique<int>(40);
    const unique_function<int(std::unique_ptr<int>)> function{
        [state = std::move(state)](std::unique_ptr<int> more) { return *state + *more; }};
    EXPECT_EQ(function(std::make_unique<int>(2)), 42);
}

TEST(unique_function, passes_references_through) {
    std::string text = "a";
    const unique_function<std::string&(std::string&)> function{
        [](std::string& value) -> std::string& { return value += 'b'; }};
    EXPECT_EQ(&function(text), &text);
    EXPECT_EQ(text, "ab");
}

TEST(unique_function, mutable_state_survives_between_calls_and_moves) {
    unique_function<int()> counter{[count = 0]() mutable { return ++count; }};
    EXPECT_EQ(counter(), 1);
    unique_function<int()> moved{std::move(counter)};
    EXPECT_EQ(moved(), 2);
    std::vector<unique_function<int()>> many;
    many.push_back(std::move(moved));
    many.resize(100);
    EXPECT_EQ(many.front()(), 3);
}

TEST(unique_function, discards_an_answer_for_void) {
    int calls = 0;
    const unique_function<void()> function{[&] { return ++calls; }};
    function();
    EXPECT_EQ(calls, 1);
}

template <std::size_t Size>
struct sized_callable {
    void operator()() const {}
    std::array<char, Size> state{};
};

TEST(unique_function, shows_its_callable_to_whoever_knows_the_type) {
    using small = sized_callable<1>;
    using large = sized_callable<1000>;
    unique_function<void()> function{small{{'s'}}};
    ASSERT_NE(function.target<small>(), nullptr);
    EXPECT_EQ(function.target<small>()->state[0], 's');
    EXPECT_EQ(function.target<large>(), nullptr);
    function = large{{'l'}};
    ASSERT_NE(function.target<large>(), nullptr);
    EXPECT_EQ(function.target<large>()->state[0], 'l');
    EXPECT_EQ(function.target<small>(), nullptr);
    function = nullptr;
    EXPECT_EQ(function.target<small>(), nullptr);
}

}  // namespace
}  // namespace network_system
