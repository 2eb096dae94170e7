#pragma once

#include "lifecycle/io_threads.h"
#include "runtime/environment.h"
#include "runtime/io_pool.h"
#include "runtime/loop.h"

#include <network_system/utils/result_types.h>

#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::core {

/// Where a client runs: chosen once, and again only when the options name another place. The
/// callbacks of two runs on two loops could overlap.
///
/// Thread-safety: every member may be called from any thread.
class client_loop {
public:
    struct place {
        std::shared_ptr<runtime::io_pool> pool;
        std::shared_ptr<runtime::loop> loop;
    };

    /// Error: that of `make_client_pool`.
    template <typename Options>
    [[nodiscard]] Result<place> choose(const Options& options, std::string_view source) {
        const std::lock_guard lock(mutex_);
        if (chosen_.pool && chosen_.pool->belongs_here() && options.io_context == context_ &&
            environment_of(options) == environment_) {
            return chosen_;
        }
        auto made = make_client_pool(options, source);
        if (!made) {
            return made.error();
        }
        chosen_.pool = std::move(made).value();
        chosen_.loop = chosen_.pool->next_loop();
        context_ = options.io_context;
        environment_ = environment_of(options);
        return chosen_;
    }

    /// Whether the calling thread runs callbacks, of this client or of others, or what this client
    /// runs on: it must not wait for the client.
    template <typename Options>
    [[nodiscard]] bool is_needed_from(const Options& options, std::string_view source) {
        if (runtime::loop::is_on_io_thread() || environment_of(options)) {
            return true;
        }
        if constexpr (requires { options.callback_pool; }) {
            if (options.callback_pool && options.callback_pool->runs_here()) {
                return true;
            }
        }
        if (options.io_context == nullptr) {
            return false;
        }
        // Without a loop no thread can be inside one of its batches; but this one may be running
        // the io_context, so that a loop is made.
        const auto chosen = choose(options, source);
        return chosen && chosen.value().loop->context_runs_here();
    }

private:
    template <typename Options>
    [[nodiscard]] static std::shared_ptr<runtime::environment> environment_of(
        const Options& options) {
        if constexpr (requires { options.environment; }) {
            return options.environment;
        } else {
            return nullptr;
        }
    }

    std::mutex mutex_;
    place chosen_;
    // What it was chosen for.
    asio::io_context* context_ = nullptr;
    std::shared_ptr<runtime::environment> environment_;
};

}  // namespace network_system::core
