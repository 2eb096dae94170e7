#include "transport/tls_session_cache.h"

#include <openssl/ssl.h>

#include <utility>

namespace network_system::transport {

void tls_session_deleter::operator()(ssl_session_st* session) const noexcept {
    SSL_SESSION_free(session);
}

void tls_session_cache::put(const std::string& server, tls_session session) {
    const std::lock_guard lock(mutex_);
    if (const auto found = by_server_.find(server); found != by_server_.end()) {
        found->second->second = std::move(session);
        entries_.splice(entries_.begin(), entries_, found->second);
        return;
    }
    entries_.emplace_front(server, std::move(session));
    by_server_.emplace(entries_.front().first, entries_.begin());
    if (entries_.size() > capacity) {
        by_server_.erase(entries_.back().first);
        entries_.pop_back();
    }
}

tls_session tls_session_cache::take(const std::string& server) {
    const std::lock_guard lock(mutex_);
    const auto found = by_server_.find(server);
    if (found == by_server_.end()) {
        return {};
    }
    SSL_SESSION* const session = found->second->second.get();
    if (SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION &&
        SSL_SESSION_up_ref(session) == 1) {
        entries_.splice(entries_.begin(), entries_, found->second);
        return tls_session(session);
    }
    const auto place = found->second;
    tls_session taken = std::move(place->second);
    by_server_.erase(found);
    entries_.erase(place);
    return taken;
}

void tls_session_cache::forget(const std::string& server) {
    const std::lock_guard lock(mutex_);
    if (const auto found = by_server_.find(server); found != by_server_.end()) {
        const auto place = found->second;
        by_server_.erase(found);
        entries_.erase(place);
    }
}

std::size_t tls_session_cache::size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

}  // namespace network_system::transport
