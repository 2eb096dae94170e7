#include "utils/host.h"

#include <network_system/utils/endpoint.h>

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#endif

#include <algorithm>
#include <compare>
#include <cstddef>
#include <new>
#include <tuple>
#include <utility>

namespace network_system::inline v0_1 {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

/// A peer chooses its path: it must not be able to write a log line of its own.
std::string printable(const std::string& path) {
    std::string text;
    for (const char each : path) {
        const auto byte = static_cast<unsigned char>(each);
        if (byte < 0x20 || byte == 0x7F) {
            constexpr const char* digits = "0123456789abcdef";
            text += {'\\', 'x', digits[byte >> 4U], digits[byte & 0xFU]};
        } else {
            text += each;
        }
    }
    return text;
}

}  // namespace

endpoint::endpoint(family kind, const address_bytes& bytes, std::uint16_t port,
                   std::uint32_t scope_id) noexcept
    : bytes_{}, scope_id_(kind == family::ipv6 ? scope_id : 0), port_(port),
      kind_(kind == family::unix_domain ? family::unspecified : kind) {  // bytes are no path
    if (kind == family::ipv6 &&
        std::equal(mapped_prefix.begin(), mapped_prefix.end(), bytes.begin())) {
        kind_ = family::ipv4;
        scope_id_ = 0;
        std::copy(bytes.begin() + 12, bytes.end(), bytes_.begin());
    } else {
        std::copy_n(bytes.begin(), kind == family::ipv4 ? 4 : 16, bytes_.begin());
    }
}

endpoint::endpoint(const endpoint& other) noexcept
    : bytes_{}, scope_id_(other.scope_id_), port_(other.port_), kind_(other.kind_) {
    if (kind_ == family::unix_domain) {
        ::new (static_cast<void*>(&path_)) shared_path(other.path_);
    } else {
        bytes_ = other.bytes_;
    }
}

endpoint& endpoint::operator=(const endpoint& other) noexcept {
    if (this != &other) {
        release();
        ::new (static_cast<void*>(this)) endpoint(other);
    }
    return *this;
}

endpoint::endpoint(std::string_view host, std::uint16_t port)
    : endpoint(parse(host, port).value()) {}

Result<endpoint> endpoint::parse(std::string_view text) {
    return detail::host::parse_endpoint(text);
}

Result<endpoint> endpoint::parse(std::string_view host, std::uint16_t port) {
    return detail::host::parse(host).and_then(
        [port](const detail::host& parsed) { return parsed.with_port(port); });
}

endpoint endpoint::unix_domain(std::string path) {
    endpoint made;
    made.kind_ = family::unix_domain;
    ::new (static_cast<void*>(&made.path_)) shared_path;
    if (!path.empty()) {
        made.path_ = std::make_shared<const std::string>(std::move(path));
    }
    return made;
}

const endpoint::address_bytes& endpoint::bytes() const noexcept {
    static constexpr address_bytes none{};
    return kind_ == family::unix_domain ? none : bytes_;
}

namespace {

const std::string& no_path() noexcept {
    // Never destroyed: endpoints may still be looked at while the process exits.
    alignas(std::string) static std::byte storage[sizeof(std::string)];
    static const auto* const none = ::new (static_cast<void*>(storage)) std::string;
    return *none;
}
// See utils/process.h.
[[maybe_unused]] const std::string& no_path_at_load = no_path();

}  // namespace

const std::string& endpoint::path() const noexcept {
    return kind_ == family::unix_domain && path_ ? *path_ : no_path();
}

std::strong_ordering operator<=>(const endpoint& one, const endpoint& other) noexcept {
    if (const auto order = std::tie(one.bytes(), one.scope_id_, one.port_, one.kind_) <=>
                           std::tie(other.bytes(), other.scope_id_, other.port_, other.kind_);
        std::is_neq(order)) {
        return order;
    }
    return one.path() <=> other.path();
}

std::string endpoint::address() const {
    if (kind_ == family::unspecified || kind_ == family::unix_domain) {
        return path();
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
    if (kind_ == family::unix_domain) {
        return "unix:" + printable(path());
    }
    const std::string port = std::to_string(port_);
    return kind_ == family::ipv6 ? "[" + address() + "]:" + port : address() + ":" + port;
}

}  // namespace network_system
