// A user's program with values, the log macros and spdlog, against the installed package.
#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/integration/container_integration.h>
#include <network_system/integration/logger_integration.h>
#include <network_system/integration/spdlog_logger.h>

#include <spdlog/sinks/stdout_sinks.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>

int main() {
    using namespace network_system;
    using namespace network_system::integration;

    auto& log = logger_integration_manager::instance();
    log.set_logger(std::make_shared<spdlog_logger>(spdlog::stdout_logger_mt("app")));
    log.set_level(log_level::info);

    core::messaging_server server("server");
    on_value<int>(server, [](const auto& session, int number) {
        static_cast<void>(send_value(session, std::to_string(number)));
    });
    if (auto started = server.start_server(0); !started) {
        NETWORK_LOG_ERROR("{}", started.error().message);
        return 1;
    }
    std::promise<std::string> answer;
    core::messaging_client client("client");
    on_value<std::string>(client, [&](std::string text) { answer.set_value(std::move(text)); });
    if (!client.start_client("127.0.0.1", server.local_port()) || !send_value(client, 42)) {
        return 2;
    }
    auto answered = answer.get_future();
    if (answered.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
        return 3;
    }
    const std::string text = answered.get();
    NETWORK_LOG_INFO("answered: {}", text);
    log.set_logger(nullptr);
    return text == "42" ? 0 : 4;
}
