#pragma once

#include "protocol/proxy/tunnel.h"

#include <network_system/utils/endpoint.h>
#include <network_system/utils/result_types.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::protocol {

/// CONNECT of SOCKS 5 (RFC 1928), with user name and password (RFC 1929) or without.
///
///     greeting --method--> authenticating --> connecting --> open
///                 +---- no authentication -------^
class socks5_connect final : public tunnel_request {
public:
    /// Where the tunnel leads: a name, which the proxy resolves, or else a numeric address.
    struct target {
        std::string_view name;
        endpoint address;
        std::uint16_t port = 0;
    };

    /// Error: `invalid_argument`, which names the option of a proxy, but no value of it.
    [[nodiscard]] static Result<std::unique_ptr<socks5_connect>> to(const target& where,
                                                                    const proxy_credentials& who);

    [[nodiscard]] std::size_t wanted() const noexcept override;
    std::size_t consume(bytes_view data) override;

private:
    enum class stage : std::uint8_t { greeting, authenticating, connecting };

    socks5_connect() = default;

    void check_answer();
    void check_method();
    void check_authentication();
    void check_reply();
    void connect();

    stage stage_ = stage::greeting;
    bool has_user_ = false;
    // Sent when it is their turn.
    std::vector<std::uint8_t> credentials_;
    std::vector<std::uint8_t> request_;
    // Of the present answer.
    std::vector<std::uint8_t> answer_;
};

}  // namespace network_system::protocol
