#pragma once

#include "os/address_network.h"
#include "server/proxy_reception.h"

#include <network_system/core/options.h>
#include <network_system/utils/result_types.h>

#include <memory>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace network_system::inline v0_1::core {

/// The proxies that a server believes, and their connections that have not said yet whose they are.
///
/// Thread-safety: `trusts` from any thread; the rest on the acceptor's loop.
class proxy_gateway {
public:
    /// Of options that passed the check; unknown networks are trusted by nobody.
    explicit proxy_gateway(const proxy_protocol_options& options);

    /// What is wrong with the options, or ok.
    [[nodiscard]] static VoidResult check(const proxy_protocol_options& options,
                                          std::string_view source);

    [[nodiscard]] bool trusts(const endpoint& peer) const noexcept;
    /// Reads the connection's header; `done` answers on the same loop.
    void receive(const std::shared_ptr<runtime::loop>& where, runtime::unique_socket socket,
                 const endpoint& proxy, proxy_reception::handler done);
    /// Ends every reception; those whose header has arrived complete get as far as that.
    void cancel_all();

private:
    std::chrono::milliseconds timeout_;
    std::vector<runtime::address_network> trusted_;
    std::unordered_set<std::shared_ptr<proxy_reception>> pending_;
};

}  // namespace network_system::core
