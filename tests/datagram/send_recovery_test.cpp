// Whose failure an error of a send is: the datagram's, or that of one that was sent before.
#include "os/send_recovery.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

namespace network_system::inline v0_1::runtime {
namespace {

using verdict = send_recovery::verdict;

constexpr int taken = 0;

/// What the system answers a call, and what follows.
struct step {
    int error;
    verdict follows;
    int earlier;
};

struct recovery_case {
    const char* name;
    std::vector<step> steps;
};

class recovery_test : public ::testing::TestWithParam<recovery_case> {};

TEST_P(recovery_test, blames_whom_it_concerns) {
    send_recovery recovery(false);
    const outgoing_datagram datagram;
    for (std::size_t i = 0; i < GetParam().steps.size(); ++i) {
        const step& each = GetParam().steps[i];
        datagram_send_result result;
        if (each.error == taken) {
            EXPECT_EQ(recovery.on_success(datagram, 1, result), each.earlier != 0) << "step " << i;
        } else {
            const std::error_code error(each.error, std::system_category());
            EXPECT_EQ(recovery.on_failure(datagram, error, result), each.follows) << "step " << i;
        }
        EXPECT_EQ(result.earlier.value(), each.earlier) << "step " << i;
        EXPECT_EQ(result.without_source, 0U);
    }
}

INSTANTIATE_TEST_SUITE_P(
    all, recovery_test,
    ::testing::Values(
        recovery_case{"nothing", {{taken, {}, 0}, {taken, {}, 0}}},
        recovery_case{"prohibited", {{EHOSTUNREACH, verdict::again, 0}, {taken, {}, EHOSTUNREACH}}},
        recovery_case{"fragmentation_needed",
                      {{EMSGSIZE, verdict::again, 0}, {taken, {}, EMSGSIZE}}},
        recovery_case{"no_protocol", {{ENOPROTOOPT, verdict::again, 0}, {taken, {}, ENOPROTOOPT}}},
        recovery_case{"v6_prohibited", {{EACCES, verdict::again, 0}, {taken, {}, EACCES}}},
        recovery_case{"parameter_problem", {{EPROTO, verdict::again, 0}, {taken, {}, EPROTO}}},
        recovery_case{"unknown_host", {{EHOSTDOWN, verdict::again, 0}, {taken, {}, EHOSTDOWN}}},
        recovery_case{"isolated_host", {{ENONET, verdict::again, 0}, {taken, {}, ENONET}}},
        // A datagram that is too large is so the second time, too.
        recovery_case{"own",
                      {{EMSGSIZE, verdict::again, 0}, {EMSGSIZE, verdict::own, 0}, {taken, {}, 0}}},
        recovery_case{"own_twice",
                      {{EMSGSIZE, verdict::again, 0},
                       {EMSGSIZE, verdict::own, 0},
                       {EMSGSIZE, verdict::again, 0},
                       {EMSGSIZE, verdict::own, 0}}},
        recovery_case{"earlier_then_own",
                      {{EHOSTUNREACH, verdict::again, 0},
                       {EMSGSIZE, verdict::tell, EHOSTUNREACH},
                       {EMSGSIZE, verdict::own, 0}}},
        recovery_case{"two_earlier",
                      {{EHOSTUNREACH, verdict::again, 0},
                       {ENOPROTOOPT, verdict::tell, EHOSTUNREACH},
                       {taken, {}, ENOPROTOOPT}}},
        // Nobody but the peer refuses, and it has not been asked.
        recovery_case{"refused",
                      {{ECONNREFUSED, verdict::tell, ECONNREFUSED},
                       {ECONNREFUSED, verdict::tell, ECONNREFUSED},
                       {taken, {}, 0}}},
        // What no network says.
        recovery_case{"no_buffers", {{ENOBUFS, verdict::own, 0}}},
        recovery_case{"not_permitted", {{EPERM, verdict::own, 0}}},
        recovery_case{"earlier_then_no_buffers",
                      {{EHOSTUNREACH, verdict::again, 0}, {ENOBUFS, verdict::own, 0}}},
        recovery_case{"invalid", {{EINVAL, verdict::own, 0}}}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(send_recovery, without_a_connection_an_error_is_the_datagrams) {
    const datagram_address peer{{}, 16};
    const outgoing_datagram datagram{&peer, {}};
    const std::error_code error(EHOSTUNREACH, std::system_category());
    datagram_send_result result;
    send_recovery free_one(false);
    EXPECT_EQ(free_one.on_failure(datagram, error, result), verdict::own);
    send_recovery connected(true);
    EXPECT_EQ(connected.on_failure(datagram, error, result), verdict::again)
        << "with an address, on a connected socket";
}

TEST(send_recovery, refusals_come_to_an_end) {
    send_recovery recovery(true);
    const std::error_code error(ECONNREFUSED, std::system_category());
    int told = 0;
    datagram_send_result result;
    while (told < 1000 && recovery.on_failure({}, error, result) == verdict::tell) {
        ++told;
    }
    EXPECT_EQ(told, 64);
}

TEST(send_recovery, leaves_a_source_out_once_that_is_gone) {
    const datagram_address peer{{}, 16};
    const datagram_source source{{1}, 0};
    const outgoing_datagram datagram{&peer, {}, &source};
    for (const int code : {EINVAL, ENETUNREACH, EADDRNOTAVAIL, ENODEV}) {
        const std::error_code error(code, std::system_category());
        send_recovery recovery(false);
        recovery.begin();
        datagram_send_result result;
        EXPECT_FALSE(recovery.leaves_source_out());
        EXPECT_EQ(recovery.on_failure(datagram, error, result), verdict::again);
        EXPECT_TRUE(recovery.leaves_source_out());
        EXPECT_TRUE(recovery.on_success(datagram, 3, result));
        EXPECT_EQ(result.without_source, 3U);
        EXPECT_EQ(result.source_gone, &peer);
        EXPECT_FALSE(recovery.leaves_source_out()) << "of that datagram only";
        // Where it was not the source, it is the datagram's.
        EXPECT_EQ(recovery.on_failure(datagram, error, result), verdict::again);
        EXPECT_EQ(recovery.on_failure(datagram, error, result), verdict::own);
        EXPECT_FALSE(recovery.leaves_source_out());
    }
    datagram_send_result result;
    send_recovery recovery(false);
    EXPECT_EQ(recovery.on_failure(datagram, {EMSGSIZE, std::system_category()}, result),
              verdict::own);
}

}  // namespace
}  // namespace network_system::runtime
