// Whether the options of a client make sense.
#include "client/engine.h"
#include "client/proxy.h"
#include "utils/option_checks.h"

#include <fmt/format.h>

#include <array>

namespace network_system::inline v0_1::core {

namespace {

constexpr std::array reconnect_ranges{
    detail::range<&reconnect_options::initial_delay>("initial_delay", 1),
    detail::range<&reconnect_options::stable_after>("stable_after", 0),
    detail::range<&reconnect_options::retry_start_for>("retry_start_for", 0),
};

void check_reconnection(detail::option_checks& all, const reconnect_options& again) {
    constexpr std::string_view where = "reconnect.";
    all.ranges(again, reconnect_ranges, where);
    all.ascending(where, "initial_delay", again.initial_delay.count(), "max_delay",
                  again.max_delay.count(), " ms");
    all.must(again.factor >= 1,
             fmt::format("reconnect.factor must be at least 1, not {}", again.factor));
}

}  // namespace

VoidResult validate(const client_options& options, bool is_secure, std::string_view source) {
    static constexpr std::array connect_ranges{
        detail::range<&connect_options::connect_timeout>("connect_timeout", 1)};
    detail::option_checks all(source);
    check_bind(all, options);
    check_stream(all, options, is_secure);
    check_proxy(all, options.proxy);
    all.ranges(static_cast<const connect_options&>(options), connect_ranges);
    check_reconnection(all, options.reconnect);
    check_session(all, options.session, "session.");
    all.must(!options.delivery || options.session.frames == framing::message,
             "delivery needs session.frames to be framing::message");
    return std::move(all).result();
}

}  // namespace network_system::core
