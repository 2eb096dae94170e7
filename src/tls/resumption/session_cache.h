#pragma once

#include "runtime/time_source.h"

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

struct ssl_session_st;

namespace network_system::inline v0_1::transport {

struct tls_session_deleter {
    void operator()(ssl_session_st* session) const noexcept;
};
using tls_session = std::unique_ptr<ssl_session_st, tls_session_deleter>;

/// The sessions that clients may resume, one for each server and configuration, which the key names
/// both; those used least recently are forgotten.
///
/// Thread-safety: every member may be called from any thread.
class tls_session_cache {
public:
    static constexpr std::size_t capacity = 2048;

    void put(const std::string& key, tls_session session);
    /// A session to offer; empty when there is none whose origin holds. One of TLS 1.3 is given out
    /// once: offered twice, it would let an observer link the two connections (RFC 8446, appendix
    /// C.4).
    [[nodiscard]] tls_session take(const std::string& key, runtime::wall_time now);
    void forget(const std::string& key);
    [[nodiscard]] std::size_t size() const;

private:
    using entry = std::pair<std::string, tls_session>;

    mutable std::mutex mutex_;
    // The one used last is in front.
    std::list<entry> entries_;
    // The keys are those of the entries, which stay where they are.
    std::unordered_map<std::string_view, std::list<entry>::iterator> by_key_;
};

}  // namespace network_system::transport
