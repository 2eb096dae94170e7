#include "runtime/resolver.h"

#include "stepped_loop.h"
#include "support/scripted_names.h"

#include <netdb.h>

namespace network_system::inline v0_1::runtime {
namespace {

using namespace network_system::testing;

class resolving : public ::testing::Test {
protected:
    void ask(const std::string& host, std::uint16_t port = 80) {
        const std::size_t before = answers.size();
        asked = resolve(loop.get(), host, port, [this](resolve_result result) {
            EXPECT_TRUE(loop->runs_here());
            answers.push_back(std::move(result));
        });
        EXPECT_TRUE(answers.size() == before) << "never from inside the call";
    }
    [[nodiscard]] bool is_answered(std::size_t count = 1) {
        return loop.run_until([&] { return answers.size() >= count; });
    }

    stepped_epoll loop;
    std::shared_ptr<name_question> asked;
    std::vector<resolve_result> answers;
};

TEST_F(resolving, answers_numeric_addresses_without_the_systems_resolver) {
    for (const char* address : {"192.0.2.1", "2001:db8::1", "::1"}) {
        answers.clear();
        ask(address, 4711);
        EXPECT_TRUE(loop.comes_to_rest()) << "no thread to wait for";
        ASSERT_EQ(answers.size(), 1U);
        EXPECT_EQ(answers[0].endpoints,
                  std::vector<endpoint>{sockets::parse_address(address, 4711)});
        EXPECT_EQ(answers[0].endpoints[0].address(), address);
        EXPECT_TRUE(answers[0].error.empty());
    }
}

TEST_F(resolving, says_which_interface_there_is_not) {
    ask("fe80::1%nowhere7");
    EXPECT_TRUE(loop.comes_to_rest()) << "no thread to wait for";
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_TRUE(answers[0].endpoints.empty());
    EXPECT_EQ(answers[0].error, "there is no network interface 'nowhere7'");
}

TEST_F(resolving, finds_the_loopback_by_its_name) {
    ask("localhost", 81);
    ASSERT_TRUE(is_answered());
    ASSERT_FALSE(answers[0].endpoints.empty()) << answers[0].error;
    for (const endpoint& found : answers[0].endpoints) {
        EXPECT_TRUE(found.address() == "127.0.0.1" || found.address() == "::1")
            << found.to_string();
        EXPECT_EQ(found.port(), 81);
    }
}

TEST_F(resolving, keeps_the_order_and_names_each_address_once) {
    const scripted_name name("several.test", {"127.0.0.3", "127.0.0.1", "127.0.0.3", "127.0.0.2"});
    ask(name.text());
    ASSERT_TRUE(is_answered());
    std::vector<std::string> found;
    for (const endpoint& each : answers[0].endpoints) {
        found.push_back(each.address());
    }
    EXPECT_EQ(found, (std::vector<std::string>{"127.0.0.3", "127.0.0.1", "127.0.0.2"}));
}

TEST_F(resolving, says_why_there_is_nothing) {
    const scripted_name name("nothing.test", {});
    ask(name.text());
    ASSERT_TRUE(is_answered());
    EXPECT_TRUE(answers[0].endpoints.empty());
    EXPECT_EQ(answers[0].error, ::gai_strerror(EAI_NONAME));
}

TEST_F(resolving, says_what_the_system_said_and_not_that_it_was_the_system) {
    scripted_name name("broken.test", {});
    name.fail_with(EAI_SYSTEM, EMFILE);
    ask(name.text());
    ASSERT_TRUE(is_answered());
    EXPECT_EQ(answers[0].error, std::error_code(EMFILE, std::system_category()).message());
}

struct asking_case {
    const char* name;
    int status;
    int times;
};

TEST_F(resolving, asks_again_only_for_what_may_have_an_address_of_another_family) {
    for (const asking_case& each : {
             asking_case{"no-such.test", EAI_NONAME, 1},
             asking_case{"silent.test", EAI_AGAIN, 1},
             asking_case{"broken.test", EAI_SYSTEM, 1},
             asking_case{"refused.test", EAI_FAIL, 1},
             asking_case{"only6.test", EAI_NODATA, 2},
             asking_case{"only4.test", EAI_ADDRFAMILY, 2},
             asking_case{"localhost", EAI_NONAME, 2},
             asking_case{"app.localhost", EAI_NONAME, 2},
             asking_case{"notlocalhost", EAI_NONAME, 1},
         }) {
        scripted_name name(each.name, {});
        name.fail_with(each.status);
        answers.clear();
        ask(name.text());
        ASSERT_TRUE(is_answered());
        EXPECT_TRUE(answers[0].endpoints.empty());
        EXPECT_EQ(name.asked(), each.times) << each.name << ": " << answers[0].error;
    }
}

TEST_F(resolving, holds_up_neither_the_loop_nor_other_names) {
    scripted_name slow("slow.test", {"127.0.0.1"});
    const scripted_name quick("quick.test", {"127.0.0.2"});
    slow.hold();
    ask(slow.text());
    slow.wait_until_asked();
    EXPECT_TRUE(loop.comes_to_rest());
    ask(quick.text());
    ASSERT_TRUE(is_answered());
    EXPECT_EQ(answers[0].endpoints.at(0).address(), "127.0.0.2");
    slow.release_self();
    ASSERT_TRUE(is_answered(2));
    EXPECT_EQ(answers[1].endpoints.at(0).address(), "127.0.0.1");
}

TEST_F(resolving, is_forgotten_when_the_loop_ends) {
    scripted_name slow("slow.test", {"127.0.0.1"});
    slow.hold();
    auto held = std::make_shared<int>(0);
    const std::weak_ptr<int> watched = held;
    asked = resolve(loop.get(), slow.text(), 80, [held](resolve_result) { ++*held; });
    held.reset();
    slow.wait_until_asked();
    loop->shutdown();  // waits for nobody
    slow.release_self();
    EXPECT_TRUE(loopback::eventually([&] { return watched.expired(); }))
        << "what the answer holds is freed";
    EXPECT_TRUE(answers.empty());
}

TEST_F(resolving, frees_what_the_answer_holds_when_it_is_withdrawn) {
    scripted_name slow("slow.test", {"127.0.0.1"});
    slow.hold();
    auto held = std::make_shared<int>(0);
    const std::weak_ptr<int> watched = held;
    asked = resolve(loop.get(), slow.text(), 80, [held](resolve_result) { ++*held; });
    held.reset();
    slow.wait_until_asked();
    withdraw(asked);
    EXPECT_TRUE(watched.expired()) << "at once, while the system still looks";
    withdraw(asked);
    slow.release_self();
}

TEST_F(resolving, takes_a_bounded_number_of_threads) {
    scripted_name slow("slow.test", {"127.0.0.1"});
    const scripted_name next("next.test", {"127.0.0.2"});
    const scripted_name withdrawn("withdrawn.test", {"127.0.0.3"});
    slow.hold();
    for (std::size_t i = 0; i < max_resolver_threads; ++i) {
        ask(slow.text());
    }
    slow.wait_until_asked(static_cast<int>(max_resolver_threads));
    ask(withdrawn.text());
    const auto given_up = asked;
    ask(next.text());
    ask("192.0.2.1");
    EXPECT_TRUE(loop.comes_to_rest());
    ASSERT_EQ(answers.size(), 1U) << "numeric addresses need no thread";
    EXPECT_EQ(next.asked(), 0);
    withdraw(given_up);
    slow.release_self();
    ASSERT_TRUE(is_answered(1 + max_resolver_threads + 1));
    EXPECT_EQ(next.asked(), 1);
    EXPECT_EQ(withdrawn.asked(), 0) << "it left the queue";
}

}  // namespace
}  // namespace network_system::runtime
