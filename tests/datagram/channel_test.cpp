// A channel whose system calls say what they are told to: each answer of the system is reported or
// counted, and nothing is lost on the way.
#include "datagram/channel.h"

#include "datagram/support.h"
#include "runtime/io_pool.h"

#include <deque>

namespace udp {
namespace {

using network_system::runtime::datagram_io;
using network_system::runtime::datagram_receive_result;
using network_system::runtime::datagram_send_result;
using network_system::runtime::incoming_datagrams;
using network_system::runtime::outgoing_datagram;
using network_system::session::datagram_channel;
using network_system::session::datagram_setup;
namespace runtime = network_system::runtime;

/// What the next sends answer; when none is left, everything is taken.
struct script {
    std::deque<datagram_send_result> sends;
    /// What every receive fails with; 0 = there is nothing.
    int receive_error = 0;
    std::atomic<int> receives{0};
    std::vector<bytes> taken;
};

class scripted_io final : public datagram_io {
public:
    explicit scripted_io(std::shared_ptr<script> plan) : plan_(std::move(plan)) {}

    std::size_t memory_size() const noexcept override { return 1; }
    datagram_receive_result receive(runtime::socket_handle, std::span<std::uint8_t>) override {
        ++plan_->receives;
        return {{}, {plan_->receive_error, std::system_category()}, plan_->receive_error != 0};
    }
    datagram_send_result send(runtime::socket_handle,
                              std::span<const outgoing_datagram> what) override {
        datagram_send_result result{what.size(), {}, false, 1};
        if (!plan_->sends.empty()) {
            result = plan_->sends.front();
            plan_->sends.pop_front();
            result.sent = std::min(result.sent, what.size());
        }
        for (std::size_t i = 0; i < result.sent; ++i) {
            plan_->taken.push_back(copy_of(what[i].bytes));
        }
        return result;
    }
    std::uint64_t kernel_drops(runtime::socket_handle) noexcept override { return 0; }
    bool has_segmentation() const noexcept override { return false; }
    bool has_coalescing() const noexcept override { return false; }

private:
    std::shared_ptr<script> plan_;
};

class test_host final : public network_system::session::datagram_host,
                        public std::enable_shared_from_this<test_host> {
public:
    const std::string& name() const noexcept override { return name_; }
    const std::shared_ptr<runtime::callback_gate>& gate() const noexcept override { return gate_; }
    std::shared_ptr<void> keep_alive() override { return shared_from_this(); }
    void on_datagram(byte_view, const endpoint&) override {}
    void on_error(std::error_code code) override { errors.add(code); }
    void on_writable() override { writable.add(); }
    void on_new_peer(const endpoint&) override {}
    void on_peer_expired(const endpoint&) override {}
    void on_callback_exception(std::string_view) noexcept override {}
    void on_channel_gone(runtime::loop&) noexcept override { gone.add(); }

    std::shared_ptr<datagram_channel> channel;
    collector<std::error_code> errors;
    event_counter writable;
    event_counter gone;

private:
    const std::string name_ = "scripted";
    const std::shared_ptr<runtime::callback_gate> gate_ =
        std::make_shared<runtime::callback_gate>();
};

class scripted_channel : public testing::Test {
protected:
    scripted_channel() {
        std::error_code error;
        auto socket = runtime::sockets::open_datagram(loopback_v4(0), {}, error);
        EXPECT_FALSE(error);
        datagram_setup setup;
        setup.config.high_watermark = 10 * 164;
        setup.config.low_watermark = 0;
        setup.drain_timeout = 100ms;
        host->channel = std::make_shared<datagram_channel>(
            loop(), *host, std::move(socket), std::make_unique<scripted_io>(plan), setup);
        on_loop([this] { EXPECT_FALSE(host->channel->start()); });
    }
    ~scripted_channel() override {
        on_loop([this] { host->channel->close(); });
        EXPECT_TRUE(host->gone.wait_for(1));
        pool.stop();
        host->channel.reset();
    }

    [[nodiscard]] const std::shared_ptr<runtime::loop>& loop() const {
        return pool.loops().front();
    }
    template <typename Work>
    void on_loop(Work work) {
        event_counter done;
        loop()->post([&] {
            work();
            done.add();
        });
        EXPECT_TRUE(done.wait_for(1));
    }
    [[nodiscard]] VoidResult send(std::size_t size, int number) {
        network_system::session::send_callback done = [this, number](VoidResult result) {
            results.add({number, result.is_ok() ? 0 : result.error().code});
        };
        return host->channel->send(loopback_v4(9), pattern(size), done);
    }
    [[nodiscard]] datagram_metrics metrics() const { return host->channel->metrics(); }
    static datagram_send_result failure(std::errc code, std::size_t sent = 0) {
        return {sent, {static_cast<int>(code), std::system_category()}, false, 1};
    }
    /// The network has said this of an earlier datagram.
    static datagram_send_result told(int error, std::size_t sent = 0) {
        datagram_send_result result{sent, {}, false, 1};
        result.earlier = {error, std::system_category()};
        return result;
    }
    static datagram_send_result blocked(std::size_t sent) { return {sent, {}, true, 1}; }

    struct outcome {
        int number;
        int code;
        friend bool operator==(const outcome&, const outcome&) = default;
    };

    runtime::io_pool pool{1, runtime::io_threads::settings{}};
    std::shared_ptr<script> plan = std::make_shared<script>();
    std::shared_ptr<test_host> host = std::make_shared<test_host>();
    collector<outcome> results;
};

TEST_F(scripted_channel, a_full_socket_is_waited_for) {
    plan->sends = {blocked(2), blocked(1)};
    on_loop([this] {
        for (int i = 0; i < 5; ++i) {
            EXPECT_TRUE(is_ok(send(100, i)));
        }
    });
    ASSERT_TRUE(results.wait_for(5));
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(results.at(static_cast<std::size_t>(i)), (outcome{i, 0})) << "in order";
    }
    EXPECT_EQ(metrics().send_stalls, 2U);
    EXPECT_EQ(metrics().datagrams_sent, 5U);
    EXPECT_EQ(plan->taken.size(), 5U);
}

struct failing_case {
    std::errc cause;
    errc code;
    std::uint64_t datagram_metrics::*counter;
};

TEST_F(scripted_channel, each_failure_has_its_counter_and_hurts_one_datagram) {
    const std::array cases{
        failing_case{std::errc::message_size, errc::message_too_large,
                     &datagram_metrics::failed_too_large},
        failing_case{std::errc::no_buffer_space, errc::send_failed,
                     &datagram_metrics::failed_no_buffers},
        failing_case{std::errc::not_enough_memory, errc::send_failed,
                     &datagram_metrics::failed_no_buffers},
        failing_case{std::errc::network_unreachable, errc::send_failed,
                     &datagram_metrics::failed_unreachable},
        failing_case{std::errc::host_unreachable, errc::send_failed,
                     &datagram_metrics::failed_unreachable},
        failing_case{std::errc::permission_denied, errc::send_failed,
                     &datagram_metrics::failed_not_permitted},
        failing_case{std::errc::operation_not_permitted, errc::send_failed,
                     &datagram_metrics::failed_not_permitted},
        failing_case{std::errc::io_error, errc::send_failed, &datagram_metrics::send_failures},
    };
    std::uint64_t failures = 0;
    for (const auto& each : cases) {
        const auto before = metrics();
        results.clear();
        on_loop([&] {
            plan->sends = {failure(each.cause, 1)};
            for (int i = 0; i < 3; ++i) {
                EXPECT_TRUE(is_ok(send(100, i)));
            }
        });
        ASSERT_TRUE(results.wait_for(3));
        EXPECT_EQ(results.at(0), (outcome{0, 0}));
        EXPECT_EQ(results.at(1), (outcome{1, static_cast<int>(each.code)}));
        EXPECT_EQ(results.at(2), (outcome{2, 0}));
        const auto after = metrics();
        EXPECT_EQ(after.*each.counter, before.*each.counter + 1);
        EXPECT_EQ(after.send_failures, ++failures);
        ASSERT_TRUE(host->errors.wait_for(failures));
        EXPECT_EQ(host->errors.at(failures - 1), each.code);
    }
}

TEST_F(scripted_channel, a_refusal_of_an_earlier_datagram_costs_no_other) {
    plan->sends = {told(ECONNREFUSED), told(ECONNREFUSED, 1)};
    on_loop([this] {
        EXPECT_TRUE(is_ok(send(100, 0)));
        EXPECT_TRUE(is_ok(send(100, 1)));
    });
    ASSERT_TRUE(results.wait_for(2));
    EXPECT_EQ(results.at(0), (outcome{0, 0}));
    EXPECT_EQ(results.at(1), (outcome{1, 0}));
    EXPECT_EQ(metrics().refusals, 2U);
    EXPECT_EQ(metrics().send_failures, 0U);
    EXPECT_TRUE(host->errors.wait_for(1));
}

TEST_F(scripted_channel, what_the_network_says_of_earlier_ones_is_reported) {
    plan->sends = {told(EHOSTUNREACH, 1), told(EMSGSIZE), told(EACCES, 1)};
    on_loop([this] {
        for (int i = 0; i < 3; ++i) {
            EXPECT_TRUE(is_ok(send(6, i)));
        }
    });
    ASSERT_TRUE(results.wait_for(3));
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(results.at(static_cast<std::size_t>(i)), (outcome{i, 0}));
    }
    ASSERT_TRUE(host->errors.wait_for(2));
    EXPECT_EQ(host->errors.at(0), errc::send_failed);
    EXPECT_EQ(host->errors.at(1), errc::message_too_large);
    EXPECT_EQ(metrics().datagrams_undelivered, 3U);
    EXPECT_EQ(metrics().send_failures, 0U);
    EXPECT_EQ(metrics().datagrams_sent, 3U);
}

TEST_F(scripted_channel, a_socket_that_cannot_be_read_is_left_alone_for_a_while) {
    on_loop([this] { plan->receive_error = EBADF; });
    const raw_socket peer;
    peer.send(pattern(1), host->channel->local().port());  // it stays readable
    ASSERT_TRUE(host->errors.wait_for(1));
    EXPECT_EQ(host->errors.at(0), errc::receive_failed);
    // The loop looks at its sockets before each.
    for (int i = 0; i < 100; ++i) {
        on_loop([] {});
    }
    EXPECT_LT(plan->receives, 50) << "the rests grow";
    EXPECT_EQ(metrics().receive_errors, static_cast<std::uint64_t>(plan->receives.load()));
    ASSERT_TRUE(host->errors.wait_for(2)) << "it is tried again";
    on_loop([this] { plan->receive_error = 0; });
}

TEST_F(scripted_channel, what_is_not_sent_by_the_deadline_is_dropped_and_said) {
    for (int i = 0; i < 1000; ++i) {
        plan->sends.push_back(blocked(0));
    }
    on_loop([this] {
        for (int i = 0; i < 3; ++i) {
            EXPECT_TRUE(is_ok(send(100, i)));
        }
        host->channel->close();
        EXPECT_TRUE(fails_with(send(100, 3), errc::connection_closed));
        // A socket that never has room.
        plan->sends.resize(1'000'000, blocked(0));
    });
    ASSERT_TRUE(host->gone.wait_for(1));
    ASSERT_TRUE(results.wait_for(3));
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(results.at(i),
                  (outcome{static_cast<int>(i), static_cast<int>(errc::connection_closed)}));
    }
    EXPECT_EQ(metrics().datagrams_dropped, 3U);
    EXPECT_EQ(metrics().datagrams_sent, 0U);
    EXPECT_EQ(metrics().queued_bytes, 0U);
}

}  // namespace
}  // namespace udp
