// The conversation of the session tests over TLS: whatever the stream below splits or breaks, and
// when, the books of both sides balance.
#include "session/conversation.h"
#include "tls/scripted_terms.h"
#include "transport/stream_transport.ipp"

namespace network_system::transport {

template class stream_transport<network_system::testing::scripted_tls>;

}  // namespace network_system::transport

namespace network_system::session {
namespace {

using core::tls_version;

struct tls_conditions {
    conditions how;
    tls_version version;
};

class tls_fail_every_step : public ::testing::TestWithParam<tls_conditions> {
protected:
    tls_fail_every_step() { set_log_level(log_level::off); }
};

TEST_P(tls_fail_every_step, the_books_balance) {
    const auto server = make_terms(tls_role::server, GetParam().version);
    const auto client = make_terms(tls_role::client, GetParam().version);
    fail_at_every_step(
        GetParam().how,
        [&](std::shared_ptr<runtime::loop> where, scripted_stream stream, session_role role) {
            return make_scripted_tls(std::move(where), std::move(stream),
                                     role == session_role::server ? server : client);
        },
        [](const conversation& whole) {
            for (const speaker* each : {&whole.client(), &whole.server()}) {
                ASSERT_TRUE(each->script->written.empty() || !each->host->was_open ||
                            each->host->totals.bytes_sent < each->script->written.size());
            }
        },
        false);  // the answer to a close_notify is for a peer that may be gone
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
const std::vector<std::size_t> large{20'000, 3, 13'000, 70'000};

std::vector<tls_conditions> all_conditions() {
    std::vector<tls_conditions> all;
    for (const auto version : {tls_version::tls_1_2, tls_version::tls_1_3}) {
        for (const std::size_t read : {std::size_t{300}, unlimited}) {
            for (const std::size_t write : {std::size_t{450}, unlimited}) {
                all.push_back({{read, write, small}, version});
            }
        }
        for (const std::size_t write : {std::size_t{5000}, std::size_t{16'000}, unlimited}) {
            all.push_back({{unlimited, write, large}, version});
        }
    }
    return all;
}

std::string name_of(const ::testing::TestParamInfo<tls_conditions>& each) {
    const auto limit = [](std::size_t value) {
        return value == unlimited ? std::string("all") : std::to_string(value);
    };
    return "read_" + limit(each.param.how.read_limit) + "_write_" +
           limit(each.param.how.write_limit) +
           (each.param.how.sizes == large ? "_large" : "_small") +
           (each.param.version == tls_version::tls_1_2 ? "_tls_1_2" : "_tls_1_3");
}

INSTANTIATE_TEST_SUITE_P(limits, tls_fail_every_step, ::testing::ValuesIn(all_conditions()),
                         name_of);

// Every size of piece, in both directions, without failures.
class tls_every_split : public ::testing::TestWithParam<tls_version> {};

TEST_P(tls_every_split, nothing_is_lost) {
    const auto server = make_terms(tls_role::server, GetParam());
    const auto client = make_terms(tls_role::client, GetParam());
    for (std::size_t limit = 1; limit < 64; limit += limit < 8 ? 1 : 7) {
        SCOPED_TRACE(limit);
        conversation whole(
            {limit, limit + 1, small}, unlimited,
            [&](std::shared_ptr<runtime::loop> where, scripted_stream stream, session_role role) {
                return make_scripted_tls(std::move(where), std::move(stream),
                                         role == session_role::server ? server : client);
            });
        whole.run();
        whole.check();
        ASSERT_FALSE(HasFailure());
    }
}

INSTANTIATE_TEST_SUITE_P(versions, tls_every_split,
                         ::testing::Values(tls_version::tls_1_2, tls_version::tls_1_3));

}  // namespace
}  // namespace network_system::session
