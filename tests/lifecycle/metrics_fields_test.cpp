// Each struct of metrics is described completely, and sums and texts are made of the description.
#include <network_system/core/ws_metrics_fields.h>

#include <gtest/gtest.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>

namespace network_system::inline v0_1 {
namespace {

/// Converts to whatever a member is.
struct any_member {
    template <typename T>
    operator T() const;
};

template <typename T, std::size_t... I>
constexpr bool can_be_made_of(std::index_sequence<I...>) {
    return requires { T{((void)I, any_member{})...}; };
}

/// How many members an aggregate has; a base counts as one.
template <typename T, std::size_t Most = 64>
constexpr std::size_t count_members() {
    if constexpr (can_be_made_of<T>(std::make_index_sequence<Most>{})) {
        return Most;
    } else {
        return count_members<T, Most - 1>();
    }
}

template <typename T>
class described : public ::testing::Test {};

using all_metrics =
    ::testing::Types<session::session_metrics, tls_metrics, core::server_metrics,
                     core::client_metrics, core::ws_server_metrics, datagram_metrics>;
TYPED_TEST_SUITE(described, all_metrics);

TYPED_TEST(described, no_member_is_missing) {
    using table = metrics_table<TypeParam>;
    constexpr std::size_t described_members =
        table::fields.size() + std::tuple_size_v<std::remove_const_t<decltype(table::parts)>> +
        (std::is_void_v<typename table::base> ? 0 : 1);
    EXPECT_EQ(described_members, count_members<TypeParam>());
}

TYPED_TEST(described, each_row_is_of_a_member_of_its_own) {
    std::set<std::string_view> names;
    for (const auto& each : metrics_table<TypeParam>::fields) {
        EXPECT_TRUE(names.insert(each.name).second) << each.name << " is there twice";
        EXPECT_FALSE(each.help.empty()) << each.name;
        EXPECT_EQ(each.kind == metric_kind::property || !each.unit.empty(), true) << each.name;
        TypeParam changed{};
        each.set(changed, 1);
        for (const auto& other : metrics_table<TypeParam>::fields) {
            EXPECT_EQ(other.get(changed), other.name == each.name ? 1U : 0U)
                << each.name << " and " << other.name;
        }
    }
}

TEST(metrics, sums_and_differences_go_through_parts_and_bases) {
    core::ws_server_metrics one;
    one.handshakes = 2;
    one.connections_active = 3;
    one.totals.bytes_sent = 10;
    one.tls.resumptions = 1;
    core::ws_server_metrics sum = one;
    add(sum, one);
    EXPECT_EQ(sum.handshakes, 4U);
    EXPECT_EQ(sum.connections_active, 6U);
    EXPECT_EQ(sum.totals.bytes_sent, 20U);
    EXPECT_EQ(sum.tls.resumptions, 2U);
    const auto grown = difference(sum, one);
    EXPECT_EQ(grown.handshakes, 2U);
    EXPECT_EQ(grown.connections_active, 6U) << "how many there are now";
    EXPECT_EQ(grown.totals.bytes_sent, 10U);
}

TEST(metrics, a_counter_of_an_object_that_was_started_again_counts_from_its_start) {
    session::session_metrics before;
    before.bytes_sent = 100;
    session::session_metrics after;
    after.bytes_sent = 7;
    EXPECT_EQ(difference(after, before).bytes_sent, 7U);
}

TEST(metrics, a_property_is_not_added) {
    datagram_metrics one;
    one.has_receive_offload = true;
    one.receive_buffer_size = 4096;
    datagram_metrics sum = one;
    add(sum, one);
    EXPECT_TRUE(sum.has_receive_offload);
    EXPECT_EQ(sum.receive_buffer_size, 4096U);
}

TEST(metrics, json_has_parts_as_objects) {
    core::client_metrics one;
    one.connects = 3;
    one.totals.bytes_sent = 1234;
    const std::string json = to_json(one);
    EXPECT_EQ(json.rfind(R"({"connects":3,"connect_failures":0,)", 0), 0U) << json;
    EXPECT_NE(json.find(R"("totals":{"messages_sent":0,)"), std::string::npos) << json;
    EXPECT_NE(json.find(R"("bytes_sent":1234)"), std::string::npos) << json;
    EXPECT_TRUE(json.ends_with(R"("truncations":0}})")) << json;
}

TEST(metrics, text_has_a_line_for_each_with_its_path_and_unit) {
    core::client_metrics one;
    one.totals.bytes_sent = 1234;
    const std::string text = to_text(one);
    EXPECT_EQ(text.rfind("connects 0 connections\n", 0), 0U) << text;
    EXPECT_NE(text.find("\ntotals.bytes_sent 1234 bytes\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\ntls.handshakes 0 handshakes\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace network_system
