#include "support/heard_log.h"
#include "support/loopback.h"

#include <network_system/integration/logger_integration.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace network_system::inline v0_1::integration {
namespace {

/// A logger that remembers.
class heard_logger final : public logger_interface {
public:
    explicit heard_logger(log_level from = log_level::trace) : from_(from) {}

    void log(const log_record& record) override {
        const std::lock_guard lock(mutex_);
        lines_.push_back(describe(record));
        files_.emplace_back(record.location.file);
    }
    [[nodiscard]] bool is_enabled(log_level level) const noexcept override {
        return level >= from_;
    }
    void flush() override { ++flushed; }

    [[nodiscard]] std::vector<std::string> lines() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }
    [[nodiscard]] std::vector<std::string> files() const {
        const std::lock_guard lock(mutex_);
        return files_;
    }

    int flushed = 0;

private:
    const log_level from_;
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
    std::vector<std::string> files_;
};

class logger_integration : public ::testing::Test {
protected:
    ~logger_integration() override {
        manager_.set_logger(nullptr);
        manager_.set_level(log_level::warning);
    }
    std::shared_ptr<heard_logger> install(log_level from = log_level::trace) {
        auto made = std::make_shared<heard_logger>(from);
        manager_.set_logger(made);
        manager_.set_level(log_level::info);
        return made;
    }

    logger_integration_manager& manager_ = logger_integration_manager::instance();
};

TEST_F(logger_integration, gives_the_librarys_lines_to_the_logger) {
    const auto logger = install();
    EXPECT_EQ(manager_.get_logger(), logger);
    loopback::test_server server;
    (void)server.start();
    EXPECT_TRUE(loopback::is_ok(server.server.stop_server()));
    const auto lines = logger->lines();
    EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [](const std::string& each) {
        return each.starts_with("messaging_server(test-server): listening");
    }));
    EXPECT_EQ(logger->files().front(), "") << "the library's have no place";
}

TEST_F(logger_integration, formats_the_applications_lines) {
    const auto logger = install();
    NETWORK_LOG_INFO("{} of {}", 1, "two");
    NETWORK_LOG_WARN("plain");
    const std::string text = "{not a format}";
    NETWORK_LOG_ERROR(text);
    NETWORK_LOG_ERROR(std::string("temporary"));
    manager_.log(log_level::info, "by hand");
    EXPECT_EQ(logger->lines(),
              (std::vector<std::string>{"application: 1 of two", "application: plain",
                                        "application: {not a format}", "application: temporary",
                                        "application: by hand"}));
    EXPECT_NE(logger->files().front().find("logger_integration_test.cpp"), std::string::npos);
}

TEST_F(logger_integration, evaluates_nothing_that_is_not_written) {
    const auto logger = install();
    int evaluated = 0;
    NETWORK_LOG_DEBUG("{}", ++evaluated);
    NETWORK_LOG_TRACE("{}", ++evaluated);
    EXPECT_EQ(evaluated, 0);
    NETWORK_LOG_INFO("{}", ++evaluated);
    EXPECT_EQ(evaluated, 1);
    manager_.set_level(log_level::off);
    NETWORK_LOG_ERROR("{}", ++evaluated);
    EXPECT_EQ(evaluated, 1);
    EXPECT_EQ(logger->lines().size(), 1U);
}

TEST_F(logger_integration, asks_the_logger_too) {
    const auto logger = install(log_level::error);
    NETWORK_LOG_WARN("no");
    NETWORK_LOG_ERROR("yes");
    EXPECT_EQ(logger->lines(), std::vector<std::string>{"application: yes"});
}

TEST_F(logger_integration, is_one_statement) {
    const auto logger = install();
    if (logger->lines().empty())
        NETWORK_LOG_INFO("then");
    else
        NETWORK_LOG_INFO("else");
    EXPECT_EQ(logger->lines().size(), 1U);
}

TEST_F(logger_integration, lets_a_logger_go_when_another_takes_its_place) {
    auto first = install();
    const std::weak_ptr<heard_logger> gone = first;
    first.reset();
    const auto second = install();
    EXPECT_TRUE(gone.expired());
    manager_.flush();
    EXPECT_EQ(second->flushed, 1);
    manager_.set_logger(nullptr);
    EXPECT_EQ(manager_.get_logger(), nullptr);
    manager_.flush();
}

/// A logger that is broken.
class throwing_logger final : public logger_interface {
public:
    void log(const log_record&) override { throw std::runtime_error("broken logger"); }
    [[nodiscard]] bool is_enabled(log_level) const noexcept override { return true; }
    void flush() override {}
};

TEST_F(logger_integration, survives_a_logger_that_throws) {
    manager_.set_logger(std::make_shared<throwing_logger>());
    manager_.set_level(log_level::debug);
    ::testing::internal::CaptureStderr();
    {
        loopback::test_server server;
        loopback::test_client client;
        EXPECT_TRUE(loopback::is_ok(client.connect(server.start())));
        EXPECT_TRUE(loopback::is_ok(client.client.send_packet("hello")));
        EXPECT_TRUE(client.received.wait_for(1));
    }
    NETWORK_LOG_ERROR("x");
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("broken logger"), std::string::npos);
}

TEST_F(logger_integration, gives_one_server_a_logger_of_its_own) {
    const auto of_process = install();
    const auto of_server = std::make_shared<heard_logger>();
    core::server_options options;
    options.log = make_log_output(of_server);
    loopback::test_server server(options);
    (void)server.start();
    EXPECT_TRUE(loopback::is_ok(server.server.stop_server()));
    EXPECT_FALSE(of_server->lines().empty());
    EXPECT_TRUE(of_process->lines().empty());
}

}  // namespace
}  // namespace network_system::integration
