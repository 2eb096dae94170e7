#pragma once

#include "protocol/proxy/tunnel.h"

#include <network_system/internal/http_head.h>
#include <network_system/utils/result_types.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::protocol {

/// CONNECT of HTTP/1.1 (RFC 9110 section 9.3.6): one request, one answer, whose body there is none
/// of when it is a 2xx.
class http_connect final : public tunnel_request {
public:
    /// The proxy's answer, with informational ones before it.
    static constexpr std::size_t max_head_size = std::size_t{16} * 1024;
    static constexpr std::size_t max_fields = 100;

    /// Asks for a tunnel to `authority`, "host:port" or "[address]:port". Error:
    /// `invalid_argument`, which names the option of a proxy, but no value of it.
    [[nodiscard]] static Result<std::unique_ptr<http_connect>> to(
        std::string_view authority, const proxy_credentials& who,
        std::span<const websocket::header_field> headers);

    [[nodiscard]] std::size_t wanted() const noexcept override;
    std::size_t consume(bytes_view data) override;

private:
    /// What was sent of who asks.
    enum class sent : std::uint8_t { nothing, user, field };

    explicit http_connect(sent credentials);

    void count_end_of_head(bytes_view taken) noexcept;
    void check_head();
    void refuse(unsigned answer);
    [[nodiscard]] std::string describe_authentication() const;

    websocket::http_head_parser parser_;
    // Bytes of the present head, and how many of them are its last line break.
    std::size_t taken_ = 0;
    std::size_t ending_ = 0;
    const sent sent_;
};

}  // namespace network_system::protocol
