#include "tls/resumption/session_origin.h"

#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace network_system::inline v0_1::transport {
namespace {

// Before it: the form of what follows.
constexpr char form = 1;
constexpr std::size_t fixed_size = 1 + 2 * sizeof(std::int64_t);

void append(std::string& to, runtime::wall_time when) {
    const std::int64_t seconds =
        std::chrono::floor<std::chrono::seconds>(when).time_since_epoch().count();
    std::array<char, sizeof seconds> bytes;
    std::memcpy(bytes.data(), &seconds, bytes.size());
    to.append(bytes.data(), bytes.size());
}

runtime::wall_time time_in(std::string_view bytes) {
    std::int64_t seconds = 0;
    std::memcpy(&seconds, bytes.data(), sizeof seconds);
    return runtime::wall_time{std::chrono::seconds{seconds}};
}

}  // namespace

std::optional<tls_session_origin> origin_of(ssl_session_st* session) {
    void* data = nullptr;
    std::size_t size = 0;
    if (SSL_SESSION_get0_ticket_appdata(session, &data, &size) != 1 || size < fixed_size) {
        return std::nullopt;
    }
    const std::string_view bytes(static_cast<const char*>(data), size);
    if (bytes.front() != form) {
        return std::nullopt;
    }
    return tls_session_origin{time_in(bytes.substr(1)),
                              time_in(bytes.substr(1 + sizeof(std::int64_t))),
                              std::string(bytes.substr(fixed_size))};
}

bool set_origin(ssl_session_st* session, const tls_session_origin& origin) {
    std::string bytes(1, form);
    append(bytes, origin.since);
    append(bytes, origin.until);
    bytes += origin.server_name;
    return SSL_SESSION_set1_ticket_appdata(session, bytes.data(), bytes.size()) == 1;
}

}  // namespace network_system::transport
