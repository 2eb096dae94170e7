#include "os/cpus.h"

#include "support/scratch_directory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace network_system::inline v0_1::runtime::cpus {
namespace {

TEST(cpus, are_read_from_what_the_kernel_writes) {
    EXPECT_EQ(parse("0"), list{0});
    EXPECT_EQ(parse("0-3,8,10-11\n"), (list{0, 1, 2, 3, 8, 10, 11}));
    EXPECT_EQ(parse("3,1,1-2"), (list{1, 2, 3}));
    EXPECT_EQ(parse(""), list{});
    EXPECT_EQ(parse("\n"), list{}) << "a node with memory only";
    EXPECT_EQ(parse("8191"), list{8'191});
}

TEST(cpus, are_not_read_from_anything_else) {
    for (const char* wrong : {"a", "1,", ",1", "1-", "-1", "3-1", "1 2", "1--2", "8192",
                              "0-99999999999", "1,,2", "1-2-3", "0x1"}) {
        EXPECT_EQ(parse(wrong), std::nullopt) << wrong;
    }
}

TEST(cpus, are_written_as_the_kernel_does) {
    for (const char* each : {"", "0", "0-3", "0-3,8,10-11", "1,3,5"}) {
        EXPECT_EQ(to_text(parse(each).value()), each);
    }
}

TEST(cpus, that_are_common_to_two_lists) {
    EXPECT_EQ(common_to(list{0, 1, 2, 5}, list{1, 5, 7}), (list{1, 5}));
    EXPECT_EQ(common_to(list{}, list{1}), list{});
}

class nodes_of : public ::testing::Test {
protected:
    void add(const std::string& name, const std::string& cpus) {
        const auto directory = std::filesystem::path(where_.file("nodes")) / name;
        std::filesystem::create_directories(directory);
        std::ofstream(directory / "cpulist") << cpus;
    }
    [[nodiscard]] std::vector<list> read() const { return nodes(where_.file("nodes")); }

private:
    const loopback::scratch_directory where_;
};

TEST_F(nodes_of, a_machine_are_in_order) {
    add("node10", "20-21\n");
    add("node0", "0-1\n");
    add("node2", "8\n");
    add("power", "3\n");
    add("node1x", "4\n");
    add("node3", "nonsense\n");
    EXPECT_EQ(read(), (std::vector<list>{{0, 1}, {8}, {20, 21}}));
}

TEST_F(nodes_of, a_machine_that_tells_nothing) {
    EXPECT_TRUE(read().empty());
}

#ifdef __linux__

TEST(cpus, are_where_a_thread_runs_afterwards) {
    const list all = allowed();
    ASSERT_FALSE(all.empty());
    std::thread([&] {
        EXPECT_FALSE(run_on(std::vector{all.back()}));
        EXPECT_EQ(static_cast<unsigned>(::sched_getcpu()), all.back());
        EXPECT_EQ(allowed(), all) << "of the process, not of this thread";
        EXPECT_TRUE(run_on(list{8'191}));
        EXPECT_TRUE(run_on(list{}));
    }).join();
}

#endif

}  // namespace
}  // namespace network_system::runtime::cpus
