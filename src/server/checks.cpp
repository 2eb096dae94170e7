// What a server is asked for: whether it makes sense, and the loops for it.
#include "server/engine.h"
#include "utils/failure.h"

namespace network_system::core {

VoidResult validate(const server_options& options, bool is_secure, std::string_view source) {
    if (auto checked = validate_environment(options, is_secure, source); checked.is_err()) {
        return checked;
    }
    if (options.io_context == nullptr && (options.io_threads == 0 || options.io_threads > 256)) {
        return detail::failure(errc::invalid_argument, "io_threads must be 1 to 256", source);
    }
    if (options.drain_timeout < std::chrono::milliseconds{0}) {
        return detail::failure(errc::invalid_argument, "drain_timeout must not be negative",
                               source);
    }
    if (options.backlog < 0) {
        return detail::failure(errc::invalid_argument, "backlog must not be negative", source);
    }
    if (options.address_prefix_v6 < 1 || options.address_prefix_v6 > 128) {
        return detail::failure(errc::invalid_argument, "address_prefix_v6 must be 1 to 128",
                               source);
    }
    if (auto checked = validate_callback_pool(options.callback_pool.get(),
                                              options.callback_queue_limit, source);
        checked.is_err()) {
        return checked;
    }
    if (auto checked = proxy_gateway::check(options.proxy_protocol, source); checked.is_err()) {
        return checked;
    }
    return validate(options.session, source);
}

Result<std::shared_ptr<runtime::io_pool>> make_pool(const server_options& options,
                                                    std::string_view source) {
    const auto method = to_runtime(options.readiness_method);
    return make_pool(
        [&] {
            if (options.environment) {
                return options.environment->make_pool(options.io_threads);
            }
            return options.io_context != nullptr
                       ? std::make_shared<runtime::io_pool>(*options.io_context, method)
                       : std::make_shared<runtime::io_pool>(options.io_threads, method);
        },
        errc::bind_failed, source);
}

}  // namespace network_system::core
