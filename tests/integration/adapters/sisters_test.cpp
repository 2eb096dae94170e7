// The adapters to the libraries of messaging_system, with stand-ins for these.
#include "support/loopback.h"

#include <network_system/core/metrics_fields.h>
#include <network_system/integration/common_system_adapter.h>
#include <network_system/integration/logger_integration.h>
#include <network_system/integration/logger_system_adapter.h>
#include <network_system/integration/thread_integration.h>
#include <network_system/integration/thread_system_adapter.h>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::integration {
namespace {

using namespace std::chrono_literals;
using common::interfaces::IJob;
using loopback::collector;
using loopback::event_counter;
using loopback::fails_with;
using loopback::is_ok;

TEST(common_system, results_convert_both_ways) {
    const auto theirs = to_common(Result<int>(7));
    EXPECT_EQ(theirs.value(), 7);
    EXPECT_EQ(from_common(theirs).value(), 7);
    EXPECT_TRUE(to_common(ok()).is_ok());
    EXPECT_TRUE(from_common(to_common(ok())).is_ok());

    const error_info ours{static_cast<int>(errc::send_failed), "no", "client", "why"};
    const auto failed = to_common(VoidResult(ours));
    ASSERT_TRUE(failed.is_err());
    EXPECT_EQ(failed.error().code, static_cast<int>(errc::send_failed));
    EXPECT_EQ(failed.error().module, "client");
    EXPECT_EQ(failed.error().details, "why");
    const auto back = from_common(failed).error();
    EXPECT_EQ(back.code, ours.code);
    EXPECT_EQ(back.message, ours.message);
    EXPECT_EQ(back.source, ours.source);
    EXPECT_EQ(back.details, ours.details);
    EXPECT_EQ(from_common(common::error_info()).code, static_cast<int>(errc::internal_error))
        << "0 is no error of ours";
}

/// A job that does `work`.
class job_of final : public IJob {
public:
    explicit job_of(std::function<common::VoidResult()> work) : work_(std::move(work)) {}
    common::VoidResult execute() override { return work_(); }

private:
    std::function<common::VoidResult()> work_;
};
std::unique_ptr<IJob> job(std::function<common::VoidResult()> work) {
    return std::make_unique<job_of>(std::move(work));
}
common::VoidResult done() {
    return common::VoidResult(std::monostate{});
}

TEST(common_system, jobs_run_on_our_pool) {
    const auto pool = std::make_shared<basic_thread_pool>(1);
    common_executor executor(pool);
    EXPECT_EQ(executor.worker_count(), 1U);
    EXPECT_TRUE(executor.is_running());
    auto ran = executor.execute(job(done));
    ASSERT_TRUE(ran.is_ok());
    ran.value().get();
    auto delayed = executor.execute_delayed(job(done), 1ms);
    ASSERT_TRUE(delayed.is_ok());
    delayed.value().get();
    auto failed = executor.execute(
        job([]() -> common::VoidResult { return common::error_info(1, "no luck"); }));
    // The only worker lets go of an exception before it does the next job; ThreadSanitizer does not
    // see the counts by which the standard library shares them.
    const auto let_go = [&] { executor.execute(job(done)).value().get(); };
    let_go();
    EXPECT_THROW(
        {
            try {
                failed.value().get();
            } catch (const std::runtime_error& error) {
                EXPECT_STREQ(error.what(), "no luck");
                throw;
            }
        },
        std::runtime_error);
    auto threw =
        executor.execute(job([]() -> common::VoidResult { throw std::logic_error("thrown"); }));
    let_go();
    EXPECT_THROW(threw.value().get(), std::logic_error);
    EXPECT_TRUE(executor.execute(nullptr).is_err());
    auto never = executor.execute_delayed(job(done), 1h);
    executor.shutdown();
    EXPECT_FALSE(executor.is_running());
    EXPECT_TRUE(executor.execute(job(done)).is_err());
    EXPECT_TRUE(pool->is_running()) << "the pool is somebody else's";
    pool->stop();
    EXPECT_THROW(never.value().get(), std::future_error) << "broken";
}

/// What both kinds of pools of others do for us.
void runs_callbacks(const std::shared_ptr<thread_pool_interface>& pool) {
    core::server_options options;
    options.callback_pool = pool;
    loopback::test_server server(options);
    collector<bool> is_there;
    server.on_receive = [&](const auto& session, std::span<const std::uint8_t> data) {
        is_there.add(pool->runs_here());
        EXPECT_TRUE(is_ok(session->send_packet(data)));
    };
    loopback::test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(is_ok(client.client.send_packet(std::to_string(i))));
    }
    ASSERT_TRUE(client.received.wait_for(100));
    EXPECT_EQ(loopback::text_of(client.received.at(99)), "99") << "in order";
    EXPECT_TRUE(is_there.at(0));
    EXPECT_FALSE(pool->runs_here());
    EXPECT_TRUE(is_ok(server.server.stop_server()));
}

void delays_without_a_worker(thread_pool_interface& pool) {
    event_counter run;
    ASSERT_TRUE(is_ok(pool.submit_delayed([&] { run.add(); }, 1h)));
    ASSERT_TRUE(is_ok(pool.submit_delayed([&] { run.add(); }, 1ms)));
    ASSERT_TRUE(is_ok(pool.submit_delayed([&] { run.add(); }, 0ms)));
    EXPECT_TRUE(run.wait_for(2)) << "the only worker does not wait for the hour";
    EXPECT_EQ(pool.pending_tasks(), 1U);
    EXPECT_TRUE(fails_with(pool.submit({}), errc::invalid_argument));
    EXPECT_TRUE(fails_with(pool.submit_delayed({}, 1ms), errc::invalid_argument));
}

TEST(common_system, executors_run_our_callbacks) {
    const auto executor = std::make_shared<common_executor>(std::make_shared<basic_thread_pool>(2));
    runs_callbacks(std::make_shared<common_executor_pool>(executor));
}

TEST(common_system, executors_get_tasks_when_their_time_has_come) {
    const auto executor = std::make_shared<common_executor>(std::make_shared<basic_thread_pool>(1));
    common_executor_pool pool(executor);
    delays_without_a_worker(pool);
    EXPECT_EQ(pool.worker_count(), 1U);
    executor->shutdown();
    EXPECT_FALSE(pool.is_running());
    EXPECT_TRUE(fails_with(pool.submit([] {}), errc::not_initialized));
}

TEST(thread_system, pools_run_our_callbacks) {
    const auto theirs = std::make_shared<kcenon::thread::thread_pool>("callbacks");
    theirs->start_with(2);
    runs_callbacks(std::make_shared<thread_system_pool>(theirs));
}

TEST(thread_system, pools_get_tasks_when_their_time_has_come) {
    const auto theirs = std::make_shared<kcenon::thread::thread_pool>();
    thread_system_pool pool(theirs);
    EXPECT_TRUE(fails_with(pool.submit([] {}), errc::not_initialized)) << "not started";
    theirs->start_with(1);
    delays_without_a_worker(pool);
    EXPECT_EQ(pool.worker_count(), 1U);
    EXPECT_EQ(pool.pool(), theirs);
    theirs->shutdown_pool();
    EXPECT_FALSE(pool.is_running());
    EXPECT_TRUE(fails_with(pool.submit([] {}), errc::not_initialized));
}

TEST(thread_system, a_pool_that_stops_early_ends_its_sessions) {
    const auto theirs = std::make_shared<kcenon::thread::thread_pool>();
    theirs->start_with(1);
    core::server_options options;
    options.callback_pool = std::make_shared<thread_system_pool>(theirs);
    loopback::test_server server(options);
    loopback::test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    theirs->shutdown_pool(true);
    (void)client.client.send_packet("nobody");
    EXPECT_TRUE(client.disconnected.wait_for(1));
    EXPECT_TRUE(is_ok(server.server.stop_server()));
    const auto now = server.server.metrics();
    EXPECT_EQ(now.connections_active, 0U);
    EXPECT_EQ(now.totals.messages_received, 0U) << "nobody has got it";
    EXPECT_LE(now.totals.messages_unread, 1U) << "it may have come too late to be counted";
}

/// What a logger of messaging_system gets.
void gets_lines(const std::shared_ptr<logger_interface>& logger) {
    auto& manager = logger_integration_manager::instance();
    manager.set_logger(logger);
    manager.set_level(log_level::trace);
    NETWORK_LOG_DEBUG("below its level");
    NETWORK_LOG_WARN("{} of {}", 1, 2);
    manager.log(log_level::error, "an error");
    manager.flush();
    manager.set_logger(nullptr);
    manager.set_level(log_level::warning);
}

TEST(logger_system, loggers_get_lines_with_their_place) {
    using level = kcenon::logger::log_level;
    const auto theirs = std::make_shared<kcenon::logger::logger>();
    gets_lines(std::make_shared<logger_system_logger>(theirs));
    const auto lines = theirs->lines();
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0].level, level::warning);
    EXPECT_EQ(lines[0].message, "application: 1 of 2");
    EXPECT_NE(lines[0].file.find("sisters_test.cpp"), std::string::npos);
    EXPECT_EQ(lines[1].level, level::error);
    EXPECT_EQ(lines[1].number, 0);
    EXPECT_EQ(theirs->flushed, 1);
    const logger_system_logger one(theirs);
    EXPECT_FALSE(one.is_enabled(log_level::off));
    EXPECT_FALSE(one.is_enabled(log_level::debug));
}

/// A logger of common_system's.
class common_lines final : public common::interfaces::ILogger {
public:
    using level = common::interfaces::log_level;

    common::VoidResult log(level of, const std::string& message) override {
        return log(of, message, "", 0, "");
    }
    common::VoidResult log(level of, const std::string& message, const std::string& file, int,
                           const std::string&) override {
        if (is_broken) {
            return common::error_info(1, "disk full");
        }
        lines.emplace_back(of, message + (file.empty() ? "" : " (with its place)"));
        return done();
    }
    common::VoidResult log(const common::interfaces::log_entry& entry) override {
        return log(entry.level, entry.message);
    }
    bool is_enabled(level of) const override { return of >= level::info; }
    common::VoidResult set_level(level) override { return done(); }
    level get_level() const override { return level::info; }
    common::VoidResult flush() override { return done(); }

    std::vector<std::pair<level, std::string>> lines;
    bool is_broken = false;
};

TEST(common_system, loggers_get_lines_with_their_place) {
    using level = common::interfaces::log_level;
    const auto theirs = std::make_shared<common_lines>();
    gets_lines(std::make_shared<common_logger>(theirs));
    EXPECT_EQ(theirs->lines, (std::vector<std::pair<level, std::string>>{
                                 {level::warning, "application: 1 of 2 (with its place)"},
                                 {level::error, "application: an error"}}));
    theirs->is_broken = true;
    ::testing::internal::CaptureStderr();
    gets_lines(std::make_shared<common_logger>(theirs));
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("disk full"), std::string::npos);
}

/// A monitor of common_system's.
class common_numbers final : public common::interfaces::IMonitor {
public:
    common::VoidResult record_metric(const std::string& name, double value) override {
        return record_metric(name, value, {});
    }
    common::VoidResult record_metric(
        const std::string& name, double value,
        const std::unordered_map<std::string, std::string>& tags) override {
        if (numbers.size() == most) {
            return common::error_info(1, "full");
        }
        numbers[name] = value;
        last_tags = tags;
        return done();
    }
    common::Result<common::interfaces::metrics_snapshot> get_metrics() override {
        return common::interfaces::metrics_snapshot();
    }
    common::Result<common::interfaces::health_check_result> check_health() override {
        return common::interfaces::health_check_result();
    }
    common::VoidResult reset() override { return done(); }

    std::map<std::string, double> numbers;
    std::unordered_map<std::string, std::string> last_tags;
    std::size_t most = 1'000;
};

TEST(common_system, monitors_get_every_number) {
    loopback::test_server server;
    loopback::test_client client;
    ASSERT_TRUE(is_ok(client.connect(server.start())));
    ASSERT_TRUE(is_ok(client.client.send_packet("hello")));
    ASSERT_TRUE(client.received.wait_for(1));
    common_numbers monitor;
    ASSERT_TRUE(is_ok(record_metrics(monitor, server.server.metrics(), {{"server", "chat"}})));
    EXPECT_EQ(monitor.numbers["connections_active"], 1);
    EXPECT_EQ(monitor.numbers["totals.messages_received"], 1);
    EXPECT_EQ(monitor.last_tags["server"], "chat");
    monitor.numbers.clear();
    monitor.most = 2;
    const auto refused = record_metrics(monitor, server.server.metrics());
    ASSERT_TRUE(refused.is_err());
    EXPECT_EQ(refused.error().message, "full");
}

TEST(common_system, servers_and_clients_can_be_monitored) {
    using common::interfaces::health_status;
    core::messaging_server server("chat");
    common_monitorable<core::messaging_server> monitored(server, "chat");
    EXPECT_EQ(monitored.get_component_name(), "chat");
    EXPECT_EQ(monitored.health_check().value().status, health_status::unhealthy);
    ASSERT_TRUE(is_ok(server.start_server(0)));
    EXPECT_EQ(monitored.health_check().value().status, health_status::healthy);
    const auto all = monitored.get_monitoring_data().value();
    EXPECT_EQ(all.source_id, "chat");
    EXPECT_EQ(all.metrics.front().name, "connections_accepted");
    const core::messaging_client client("client");
    common_monitorable<core::messaging_client> idle(client, "client");
    EXPECT_EQ(idle.health_check().value().status, health_status::unhealthy);
}

}  // namespace
}  // namespace network_system::integration
