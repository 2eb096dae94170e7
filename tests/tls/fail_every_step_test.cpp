// The conversation of the session tests over TLS: whatever the stream below splits or breaks, and
// when, the books of both sides balance.
#include "support/every_step.h"
#include "support/scripted_settings.h"
#include "tls/versions.h"
#include "transport/stream_transport_impl.h"

namespace network_system::inline v0_1::transport {

template class stream_transport<network_system::testing::scripted_tls>;

}  // namespace network_system::transport

namespace network_system::inline v0_1::session {
namespace {

using core::tls_version;

struct tls_conditions {
    conditions how;
    tls_version version;
};

std::ostream& operator<<(std::ostream& to, const tls_conditions& each) {
    return to << each.how << '_' << network_system::testing::name_of_version(each.version);
}

using tls_fail_every_step = every_step_test<tls_conditions>;

TEST_P(tls_fail_every_step, the_books_balance) {
    const auto server = make_settings(connection_role::server, GetParam().version);
    const auto client = make_settings(connection_role::client, GetParam().version);
    fail_at_every_step(
        GetParam().how,
        [&](std::shared_ptr<runtime::loop> where, scripted_stream stream, connection_role role) {
            return make_scripted_tls(std::move(where), std::move(stream),
                                     role == connection_role::server ? server : client);
        },
        [](const conversation& whole) {
            for (const speaker* each : {&whole.client(), &whole.server()}) {
                ASSERT_TRUE(each->script->written.empty() || !each->host->was_open ||
                            each->host->totals.bytes_sent < each->script->written.size());
            }
        });
    // Each attempt has been counted once, on both sides.
    for (const auto& each : {server, client}) {
        const tls_metrics counted = each->counters->read();
        EXPECT_GT(counted.handshakes, 0U);
        EXPECT_GT(counted.disconnects, 0U);
        EXPECT_EQ(counted.timeouts, 0U);
        EXPECT_EQ(counted.verification_failures, 0U);
    }
}

const std::vector<std::size_t> small{1, 40, 12};

std::vector<tls_conditions> all_conditions() {
    std::vector<tls_conditions> all;
    for (const auto version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
        for (const conditions& how :
             all_limits({300, unlimited}, {450, unlimited}, small) +
                 all_limits({unlimited}, {5000, 16'000, unlimited}, large_messages)) {
            all.push_back({how, version});
        }
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(limits, tls_fail_every_step, ::testing::ValuesIn(all_conditions()),
                         ::testing::PrintToStringParamName());

// Every size of piece, in both directions, without failures.
class tls_every_split : public ::testing::TestWithParam<tls_version> {};

TEST_P(tls_every_split, nothing_is_lost) {
    const auto server = make_settings(connection_role::server, GetParam());
    const auto client = make_settings(connection_role::client, GetParam());
    for (std::size_t limit = 1; limit < 64; limit += limit < 8 ? 1 : 7) {
        SCOPED_TRACE(limit);
        conversation whole({limit, limit + 1, small}, unlimited,
                           [&](std::shared_ptr<runtime::loop> where, scripted_stream stream,
                               connection_role role) {
                               return make_scripted_tls(std::move(where), std::move(stream),
                                                        role == connection_role::server ? server
                                                                                        : client);
                           });
        whole.run();
        whole.check();
        ASSERT_FALSE(HasFailure());
    }
}

INSTANTIATE_TEST_SUITE_P(versions, tls_every_split, network_system::testing::both_versions(),
                         network_system::testing::version_of);

}  // namespace
}  // namespace network_system::session
