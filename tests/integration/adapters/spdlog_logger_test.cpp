#include <network_system/config.h>

#if NETWORK_SYSTEM_WITH_SPDLOG

#include "support/loopback.h"

#include <network_system/integration/logger_integration.h>
#include <network_system/integration/spdlog_logger.h>

#include <gtest/gtest.h>

#include <spdlog/sinks/ostream_sink.h>

#include <memory>
#include <sstream>
#include <string>

namespace network_system::inline v0_1::integration {
namespace {

class spdlog_loggers : public ::testing::Test {
protected:
    spdlog_loggers() {
        logger_->set_pattern("%l %s:%! %v");
        logger_->set_level(spdlog::level::debug);
    }
    ~spdlog_loggers() override {
        manager_.set_logger(nullptr);
        manager_.set_level(log_level::warning);
    }
    void install() {
        manager_.set_logger(std::make_shared<spdlog_logger>(logger_));
        manager_.set_level(log_level::trace);
    }

    std::ostringstream text_;
    const std::shared_ptr<spdlog::logger> logger_ = std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
    logger_integration_manager& manager_ = logger_integration_manager::instance();
};

TEST_F(spdlog_loggers, get_the_lines_of_the_library) {
    install();
    loopback::test_server server;
    (void)server.start();
    EXPECT_TRUE(loopback::is_ok(server.server.stop_server()));
    manager_.set_logger(nullptr);
    EXPECT_NE(text_.str().find("info : messaging_server(test-server): listening"),
              std::string::npos)
        << text_.str();
}

TEST_F(spdlog_loggers, get_the_lines_of_the_application_with_their_place) {
    install();
    NETWORK_LOG_WARN("{} of {}", 1, 2);
    EXPECT_EQ(text_.str(), "warning spdlog_logger_test.cpp:TestBody application: 1 of 2\n");
}

TEST_F(spdlog_loggers, are_asked_for_the_level) {
    install();
    for (const auto& [level, text] : {std::pair{log_level::trace, ""},
                                      {log_level::debug, "debug"},
                                      {log_level::info, "info"},
                                      {log_level::warning, "warning"},
                                      {log_level::error, "error"}}) {
        text_.str("");
        manager_.log(level, "x");
        EXPECT_EQ(text_.str().substr(0, text_.str().find(' ')), text);
    }
    const spdlog_logger one(logger_);
    EXPECT_FALSE(one.is_enabled(log_level::trace));
    EXPECT_TRUE(one.is_enabled(log_level::debug));
}

TEST_F(spdlog_loggers, do_not_take_braces_for_formats) {
    install();
    manager_.log(log_level::info, "{} {broken");
    EXPECT_NE(text_.str().find("application: {} {broken"), std::string::npos);
}

}  // namespace
}  // namespace network_system::integration

#endif
