#include "lifecycle/awaited.h"
#include "lifecycle/restartable.h"
#include "lifecycle/run.h"
#include "resilience/pool_clients.h"
#include "resilience/pool_core.h"
#include "utils/failure.h"
#include "utils/process.h"

#include <network_system/resilience/connection_pool.h>

#include <utility>

namespace network_system::inline v0_1::resilience {
namespace {

[[nodiscard]] pool_options options_of(std::string host, std::uint16_t port, std::size_t size) {
    pool_options options;
    options.server = {std::move(host), port};
    options.min_size = size;
    options.max_size = size;
    return options;
}

[[nodiscard]] std::shared_ptr<pool_core> make_core(const pool_options& options,
                                                   pool_callbacks&& callbacks) {
    return std::make_shared<pool_core>(options, validate(options),
                                       make_client_world(options, std::move(callbacks)));
}

}  // namespace

core::messaging_client* lease::client() const noexcept {
    return entry_ != nullptr ? entry_->connection->framed() : nullptr;
}

core::messaging_ws_client* lease::websocket() const noexcept {
    return entry_ != nullptr ? entry_->connection->websocket() : nullptr;
}

void lease::give_back(condition how) noexcept {
    pool_entry& entry = *std::exchange(entry_, nullptr);
    auto session = std::move(session_);
    auto core = std::move(core_);
    if (core->belongs_here()) {
        core->give_back(entry, how == condition::reusable);
    } else {
        // It is the parent's.
        detail::keep_for_ever(std::move(session));
        detail::keep_for_ever(std::move(core));
    }
}

connection_pool::connection_pool(std::string host, std::uint16_t port, std::size_t size)
    : connection_pool(options_of(std::move(host), port, size)) {}

connection_pool::connection_pool(const pool_options& options, pool_callbacks callbacks)
    : core_(make_core(options, std::move(callbacks))) {}

connection_pool::~connection_pool() {
    if (core_->belongs_here()) {
        core_->shut_down();
    } else {
        detail::keep_for_ever(core_);
    }
}

VoidResult connection_pool::initialize() {
    return detail::within_memory([&]() -> VoidResult {
        if (!core_->may_block()) {
            return detail::failure(errc::would_block,
                                   "initialize blocks; on an I/O thread pass a handler",
                                   pool_core::source);
        }
        const auto answer = std::make_shared<core::awaited<std::monostate>>();
        const auto begun =
            initialize([answer](VoidResult result) { answer->give(std::move(result)); });
        if (!begun) {
            return begun.error();
        }
        if (auto result = answer->wait_until(core_->initialized_by())) {
            return *std::move(result);
        }
        return detail::failure(errc::connection_timeout,
                               "initialize had no answer in time; is the io_context running, and "
                               "no callback blocking it",
                               pool_core::source);
    });
}

VoidResult connection_pool::initialize(initialize_handler&& handler,
                                       session::operation_id operation) {
    return core_->initialize(handler, operation);
}

Result<lease> connection_pool::acquire() {
    return core_->acquire(core_->options().acquire_timeout);
}

Result<lease> connection_pool::acquire(std::chrono::milliseconds timeout) {
    return core_->acquire(timeout);
}

Result<lease> connection_pool::try_acquire() {
    return core_->acquire(std::chrono::milliseconds{0});
}

VoidResult connection_pool::acquire(acquire_handler&& handler, session::operation_id operation) {
    return core_->acquire(handler, operation);
}

bool connection_pool::cancel(session::operation_id operation) {
    return core_->cancel(operation);
}

discardable_result connection_pool::shutdown() {
    if (!core_->belongs_here()) {
        return core::made_before_fork(pool_core::source);
    }
    core_->shut_down();
    return ok();
}

std::size_t connection_pool::active_count() const {
    return metrics().active;
}

std::size_t connection_pool::pool_size() const {
    return metrics().size;
}

std::size_t connection_pool::idle_count() const {
    return metrics().idle;
}

pool_metrics connection_pool::metrics() const {
    return core_->metrics();
}

const server_address& connection_pool::server() const noexcept {
    return core_->options().server;
}

}  // namespace network_system::resilience
