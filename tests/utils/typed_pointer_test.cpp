#include <network_system/utils/typed_pointer.h>

#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace network_system::inline v0_1 {
namespace {

struct base {};
struct derived : base {};

TEST(typed_pointer, is_null_by_default) {
    EXPECT_EQ(typed_pointer().get(), nullptr);
    EXPECT_EQ(typed_pointer(nullptr).as<int>(), nullptr);
}

TEST(typed_pointer, gives_the_type_it_was_made_with_and_no_other) {
    const auto number = std::make_shared<int>(7);
    const typed_pointer pointer = number;
    EXPECT_EQ(pointer.as<int>(), number);
    EXPECT_EQ(pointer.as<const int>(), number);
    EXPECT_EQ(pointer.as<unsigned>(), nullptr);
    EXPECT_EQ(pointer.as<void>(), nullptr);
    EXPECT_EQ(pointer.get(), number);
}

TEST(typed_pointer, does_not_know_the_bases_of_a_class) {
    const typed_pointer pointer = std::make_shared<derived>();
    EXPECT_EQ(pointer.as<base>(), nullptr);
    EXPECT_NE(pointer.as<derived>(), nullptr);
    EXPECT_NE(typed_pointer(std::shared_ptr<base>(pointer.as<derived>())).as<base>(), nullptr);
}

TEST(typed_pointer, of_a_pointer_to_void_has_no_other_type) {
    const typed_pointer pointer = std::shared_ptr<void>(std::make_shared<int>(7));
    EXPECT_EQ(pointer.as<int>(), nullptr);
    EXPECT_NE(pointer.as<void>(), nullptr);
}

TEST(typed_pointer, takes_a_unique_pointer_over) {
    auto number = std::make_unique<int>(7);
    const int* const where = number.get();
    const typed_pointer pointer = std::move(number);
    EXPECT_EQ(pointer.as<int>().get(), where);
}

TEST(typed_pointer, shares_ownership) {
    const auto number = std::make_shared<int>(7);
    typed_pointer pointer = number;
    EXPECT_EQ(number.use_count(), 2);
    pointer = nullptr;
    EXPECT_EQ(number.use_count(), 1);
}

}  // namespace
}  // namespace network_system
