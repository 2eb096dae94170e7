#include <network_system/utils/endpoint.h>

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#endif

#include <algorithm>

namespace network_system {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

}  // namespace

endpoint::endpoint(family kind, const address_bytes& bytes, std::uint16_t port,
                   std::uint32_t scope_id) noexcept
    : scope_id_(kind == family::ipv6 ? scope_id : 0), port_(port), kind_(kind) {
    if (kind == family::ipv6 &&
        std::equal(mapped_prefix.begin(), mapped_prefix.end(), bytes.begin())) {
        kind_ = family::ipv4;
        scope_id_ = 0;
        std::copy(bytes.begin() + 12, bytes.end(), bytes_.begin());
    } else {
        std::copy_n(bytes.begin(), kind == family::ipv4 ? 4 : 16, bytes_.begin());
    }
}

std::string endpoint::address() const {
    if (kind_ == family::unspecified) {
        return {};
    }
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(kind_ == family::ipv4 ? AF_INET : AF_INET6, bytes_.data(), text.data(),
                text.size());
    std::string answer(text.data());
    if (scope_id_ != 0) {
        answer += '%' + std::to_string(scope_id_);
    }
    return answer;
}

std::string endpoint::to_string() const {
    if (kind_ == family::unspecified) {
        return "unspecified";
    }
    const std::string port = std::to_string(port_);
    return kind_ == family::ipv6 ? "[" + address() + "]:" + port : address() + ":" + port;
}

}  // namespace network_system
