// Whether what a server is asked for makes sense.
#include "lifecycle/io_threads.h"
#include "server/engine.h"

#include <array>

namespace network_system::inline v0_1::core {

VoidResult validate(const server_options& options, bool is_secure, std::string_view source) {
    static constexpr std::array listen_ranges{
        detail::range<&listen_options::backlog>("backlog", 0),
        detail::range<&listen_options::address_prefix_v6>("address_prefix_v6", 1, 128),
    };
    static constexpr std::array delivery_ranges{
        detail::range<&delivery_options::max_senders>("max_senders", 0),
        detail::range<&delivery_options::window>("window", 1),
        detail::range<&delivery_options::forget_after>("forget_after", 0),
    };
    constexpr unsigned all_permissions = 0777;
    detail::option_checks all(source);
    check_io_threads(all, options.io_threads, options.io_thread, options);
    check_stream(all, options, is_secure);
    all.ranges(static_cast<const listen_options&>(options), listen_ranges);
    all.must(options.unix_permissions <= all_permissions,
             "unix_permissions must be 0 to 0777 (octal)");
    all.must(proxy_gateway::check(options.proxy_protocol, source));
    check_session(all, options.session, "session.");
    all.ranges(options.delivery, delivery_ranges, "delivery.");
    return std::move(all).result();
}

}  // namespace network_system::core
