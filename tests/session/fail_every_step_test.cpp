// A whole conversation of a client and a server, with a failure at step 0, 1, 2 … until it runs
// through: whatever fails when, the books of both sides balance.
#include "session_fixture.h"

#include <algorithm>
#include <string>
#include <vector>

namespace network_system::session {
namespace {

using namespace network_system::testing;

/// One of the two, and what it has sent.
class speaker {
public:
    speaker(manual_loop& where, session_role role, const std::shared_ptr<fault_plan>& faults) {
        script->faults = faults;
        session_config config;
        config.ping_interval = config.idle_timeout = milliseconds{0};
        session_setup setup;
        setup.role = role;
        setup.config = std::make_shared<const session_config>(config);
        setup.drain_timeout = milliseconds{1000};
        setup.hello_deadline = where.now() + milliseconds{1000};
        session = std::make_shared<framed_session>(
            std::make_shared<transport::stream_transport<scripted_stream>>(where.get(),
                                                                           scripted_stream(script)),
            host, setup);
    }

    /// Sends by one of the ways, in turn.
    void send(const byte_string& message) {
        const std::size_t id = outcomes.size();
        outcomes.emplace_back();
        sent.push_back(message);
        const auto note = [this, id](VoidResult result) { outcomes[id].push_back(result.is_ok()); };
        const VoidResult result = id % 2 == 0 ? session->send_packet(byte_span(message), note)
                                              : session->send_packet(byte_string(message), note);
        if (!result) {
            outcomes.pop_back();
            sent.pop_back();
        }
    }

    /// What holds after every run.
    void check(const speaker& other) const {
        ASSERT_EQ(host->closed, 1);
        ASSERT_EQ(host->gone, 1);
        ASSERT_EQ(script->attached, script->detached);
        std::size_t good = 0;
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            ASSERT_EQ(outcomes[i].size(), 1U) << "completions of message " << i;
            if (outcomes[i].front()) {
                ASSERT_EQ(good++, i) << "a later message succeeded after a lost one";
            }
        }
        ASSERT_EQ(host->totals.messages_sent, good);
        ASSERT_EQ(host->totals.messages_dropped, outcomes.size() - good);
        ASSERT_EQ(host->totals.queued_bytes, 0U);
        ASSERT_EQ(host->totals.messages_received, host->messages.size());
        // Received is a prefix of what was handed over, which is a prefix of what was sent.
        ASSERT_LE(host->messages.size(), other.host->totals.messages_sent);
        ASSERT_TRUE(std::equal(host->messages.begin(), host->messages.end(), other.sent.begin()));
        ASSERT_EQ(host->totals.bytes_sent, script->written.size());
        ASSERT_TRUE(host->exceptions.empty());
    }

    std::shared_ptr<stream_script> script = std::make_shared<stream_script>();
    std::shared_ptr<recording_host> host = std::make_shared<recording_host>();
    std::shared_ptr<framed_session> session;
    std::vector<byte_string> sent;
    std::vector<std::vector<bool>> outcomes;
};

struct conditions {
    std::size_t read_limit;
    std::size_t write_limit;
    std::vector<std::size_t> sizes;
};

/// The server greets; the client asks; the server answers each message with two; when all answers
/// are there, the client pings, and closes when the pong has come.
class conversation {
public:
    conversation(const conditions& how, std::size_t fail_at) : how_(how) {
        faults_->fail_at = fail_at;
        stream_script::wire(*client_.script, *server_.script);
        for (const speaker* each : {&client_, &server_}) {
            each->script->read_limit = how.read_limit;
            each->script->write_limit = how.write_limit;
        }
        server_.host->when_open = [this] { server_.send(pattern(9, 9)); };
        server_.host->when_message = [this](const session_ptr&, byte_span data) {
            server_.send(to_bytes(data));
            server_.send(pattern(data.size(), 7));
        };
        client_.host->when_open = [this] { ask(); };
        client_.host->when_message = [this](const session_ptr&, byte_span) {
            finish_if_complete();
        };
    }

    void run() {
        loop_.in_batch([this] {
            server_.session->start();
            client_.session->start();
        });
        loop_.run();
        // The deadlines of the hello and of the drain.
        loop_.advance(milliseconds{5000});
    }

    void check() {
        client_.check(server_);
        server_.check(client_);
        ASSERT_EQ(loop_.poller().size(), 0U);
        ASSERT_FALSE(loop_.requests().wake_at) << "a deadline was left behind";
        ASSERT_LE(pongs_, 1);
        if (ran_through()) {
            for (const speaker* each : {&client_, &server_}) {
                EXPECT_EQ(each->host->reason, std::error_code{}) << each->host->reason.message();
                EXPECT_EQ(each->host->totals.messages_dropped, 0U);
            }
            EXPECT_EQ(pongs_, 1);
            EXPECT_EQ(client_.sent.size(), how_.sizes.size());
            EXPECT_EQ(server_.host->messages, client_.sent);
            EXPECT_EQ(client_.host->messages, server_.sent);
        } else {
            EXPECT_TRUE(client_.host->reason || server_.host->reason) << "the failure is not told";
        }
    }
    [[nodiscard]] bool ran_through() const { return !faults_->has_struck(); }

private:
    void ask() {
        for (const std::size_t size : how_.sizes) {
            client_.send(pattern(size, size));
        }
    }
    void finish_if_complete() {
        if (client_.host->messages.size() < 1 + 2 * how_.sizes.size()) {
            return;
        }
        (void)client_.session->ping([this](const Result<std::chrono::microseconds>& answer) {
            ++pongs_;
            if (answer) {
                (void)client_.session->stop_session();
            }
        });
    }

    conditions how_;
    manual_loop loop_;
    std::shared_ptr<fault_plan> faults_ = std::make_shared<fault_plan>();
    speaker client_{loop_, session_role::client, faults_};
    speaker server_{loop_, session_role::server, faults_};
    int pongs_ = 0;
};

class session_fail_every_step : public ::testing::TestWithParam<conditions> {
protected:
    session_fail_every_step() { set_log_level(log_level::off); }
    ~session_fail_every_step() override { set_log_level(log_level::warning); }
};

TEST_P(session_fail_every_step, the_books_balance) {
    bool ran_through = false;
    for (std::size_t step = 0; !ran_through; ++step) {
        SCOPED_TRACE(step);
        conversation whole(GetParam(), step);
        whole.run();
        whole.check();
        if (HasFailure()) {
            return;
        }
        ran_through = whole.ran_through();
        ASSERT_TRUE(!ran_through || step > 10) << "too short to mean anything";
    }
}

// The small limits split every frame; the large messages are written past the queue and read into
// their place.
const std::vector<std::size_t> small{1, 40, 12};
const std::vector<std::size_t> large{20'000, 3, 13'000, 70'000};

std::vector<conditions> all_conditions() {
    std::vector<conditions> all;
    for (const std::size_t read :
         {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, unlimited}) {
        for (const std::size_t write :
             {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, unlimited}) {
            all.push_back({read, write, small});
        }
    }
    for (const std::size_t read : {std::size_t{6000}, unlimited}) {
        for (const std::size_t write : {std::size_t{5000}, std::size_t{16'000}, unlimited}) {
            all.push_back({read, write, large});
        }
    }
    return all;
}

std::string name_of(const ::testing::TestParamInfo<conditions>& info) {
    const auto limit = [](std::size_t value) {
        return value == unlimited ? std::string("all") : std::to_string(value);
    };
    return "read_" + limit(info.param.read_limit) + "_write_" + limit(info.param.write_limit) +
           (info.param.sizes == large ? "_large" : "_small");
}

INSTANTIATE_TEST_SUITE_P(limits, session_fail_every_step, ::testing::ValuesIn(all_conditions()),
                         name_of);

}  // namespace
}  // namespace network_system::session
