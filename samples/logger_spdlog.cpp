// The library's lines and the program's own in one log of spdlog's.
#include "sample.h"

#include <network_system/core/messaging_server.h>
#include <network_system/integration/logger_integration.h>
#include <network_system/integration/spdlog_logger.h>

#include <spdlog/sinks/ostream_sink.h>

#include <iostream>
#include <memory>
#include <sstream>
#include <string>

using namespace network_system;
using integration::logger_integration_manager;
using integration::spdlog_logger;

namespace {

void show() {
    std::ostringstream written;
    const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(written);
    const auto logger = std::make_shared<spdlog::logger>("server", sink);
    logger->set_pattern("[%l] %v");

    // [readme:logger_spdlog]
    auto& log = logger_integration_manager::instance();
    log.set_logger(std::make_shared<spdlog_logger>(logger));
    log.set_level(log_level::info);

    core::messaging_server server("chat");
    if (auto started = server.start_server(0); !started) {
        NETWORK_LOG_ERROR("cannot start: {}", started.error().message);
    }
    NETWORK_LOG_INFO("chat is open on port {}", server.local_port());
    // [/readme:logger_spdlog]

    sample::require(server.stop_server(), "stop_server");
    log.set_logger(nullptr);
    std::cout << written.str();
    sample::expect(written.str().find("[info] messaging_server(chat): listening") !=
                       std::string::npos,
                   "the library's lines are there");
    sample::expect(written.str().find("[info] application: chat is open on port") !=
                       std::string::npos,
                   "and the program's");
}

}  // namespace

int main() {
    return sample::run(show);
}
