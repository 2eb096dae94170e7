#pragma once

#include "lifecycle/io_threads.h"
#include "lifecycle/restartable.h"
#include "server/engine.h"
#include "transport/stream_security.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::core {

/// What the servers over streams have in common; `Engine` is a `server_engine`.
///
/// Thread-safety: every member may be called from any thread.
template <typename Engine, typename Callbacks>
class stream_server : public restartable<Engine, Callbacks> {
public:
    using base = restartable<Engine, Callbacks>;

    stream_server(std::string id, Callbacks&& callbacks)
        : base(std::move(id), std::move(callbacks),
               {errc::server_not_started, /*owns_pool=*/true, run::driven_by::own_threads}) {}

    /// Starts the next run on `where`, a port or a listener. `make(pool, transports, callbacks)`
    /// makes its engine; `security` is null for plain TCP.
    template <typename Where, typename Make>
    VoidResult start(const server_options& options, stream_security* security, Where&& where,
                     const Make& make) {
        return detail::within_memory([&]() -> VoidResult {
            if (auto checked = validate(options, security != nullptr, base::id());
                checked.is_err()) {
                return checked;
            }
            const auto refusal = [this](const Engine& last) {
                return detail::failure(errc::server_already_running,
                                       last.is_running() ? "the server is listening"
                                                         : "the server is still stopping",
                                       base::id());
            };
            // Before the lock of `begin` is taken: it may log.
            auto transports = make_transports(security, {}, 0, base::id());
            if (!transports) {
                return transports.error();
            }
            // One that cannot start is destroyed after the lock.
            std::shared_ptr<Engine> next;
            const auto make_and_start = [&](const auto& callbacks,
                                            const auto&) -> Result<std::shared_ptr<Engine>> {
                auto pool =
                    make_server_pool(options, options.io_threads, options.io_thread, base::id());
                if (!pool) {
                    return pool.error();
                }
                next = make(std::move(pool).value(), std::move(transports).value(), callbacks);
                if (security != nullptr) {
                    next->refuse_with(security->refusal(), security->refusal());
                    next->set_secure();
                }
                const auto started = next->start(std::forward<Where>(where));
                return started ? Result<std::shared_ptr<Engine>>(next) : started.error();
            };
            return base::begin(refusal, make_and_start).map([](const auto&) {
                return std::monostate{};
            });
        });
    }

    VoidResult stop_accepting() {
        return base::while_running([](Engine& engine) -> VoidResult {
            engine.stop_accepting();
            return ok();
        });
    }
    [[nodiscard]] Result<listener> share_listener() {
        return base::while_running([](Engine& engine) { return engine.share_listener(); });
    }
    [[nodiscard]] Result<std::vector<listener>> share_listeners() {
        return base::while_running([](Engine& engine) { return engine.share_listeners(); });
    }
};

}  // namespace network_system::core
