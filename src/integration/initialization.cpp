#include <network_system/network_system.h>

#include <atomic>
#include <utility>

namespace network_system::inline v0_1 {
namespace {

std::atomic<bool> is_set_up{false};

}  // namespace

discardable_result initialize(initialization with) {
    using namespace integration;
    if (with.logger) {
        logger_integration_manager::instance().set_logger(std::move(with.logger));
    }
    if (with.thread_pool) {
        thread_integration_manager::instance().set_thread_pool(std::move(with.thread_pool));
    }
    if (with.container) {
        container_manager::instance().set_default_container(std::move(with.container));
    }
    is_set_up = true;
    return ok();
}

void shutdown() {
    using namespace integration;
    if (!is_set_up.exchange(false)) {
        return;
    }
    auto& log = logger_integration_manager::instance();
    log.flush();
    log.set_logger(nullptr);
    thread_integration_manager::instance().set_thread_pool(nullptr);
    container_manager::instance().set_default_container(nullptr);
}

bool is_initialized() noexcept {
    return is_set_up;
}

}  // namespace network_system
