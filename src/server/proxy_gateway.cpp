#include "server/proxy_gateway.h"

#include "utils/failure.h"
#include "utils/option_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace network_system::inline v0_1::core {

proxy_gateway::proxy_gateway(const proxy_protocol_options& options)
    : timeout_(options.header_timeout) {
    for (const std::string& each : options.trusted) {
        if (const auto network = runtime::address_network::parse(each)) {
            trusted_.push_back(*network);
        }
    }
}

VoidResult proxy_gateway::check(const proxy_protocol_options& options, std::string_view source) {
    static constexpr std::array ranges{
        detail::range<&proxy_protocol_options::header_timeout>("header_timeout", 1)};
    detail::option_checks all(source);
    all.ranges(options, ranges, "proxy_protocol.");
    for (const std::string& each : options.trusted) {
        all.must(runtime::address_network::parse(each).has_value(),
                 fmt::format("proxy_protocol.trusted: '{}' is neither an address nor a network, "
                             "such as 10.0.0.0/8",
                             each));
    }
    return std::move(all).result();
}

bool proxy_gateway::trusts(const endpoint& peer) const noexcept {
    return std::any_of(trusted_.begin(), trusted_.end(),
                       [&](const auto& each) { return each.contains(peer); });
}

void proxy_gateway::receive(const std::shared_ptr<runtime::loop>& where,
                            runtime::unique_socket socket, const endpoint& proxy,
                            proxy_reception::handler done) {
    const auto added = *pending_.insert(std::make_shared<proxy_reception>(where, proxy)).first;
    added->start(std::move(socket), runtime::after(where->now(), timeout_),
                 [this, key = added.get(), done = std::move(done)](proxy_outcome outcome) {
                     pending_.erase(key->shared_from_this());
                     done(std::move(outcome));
                 });
}

void proxy_gateway::cancel_all() {
    while (!pending_.empty()) {
        const auto each = *pending_.begin();
        each->cancel();
    }
}

}  // namespace network_system::core
