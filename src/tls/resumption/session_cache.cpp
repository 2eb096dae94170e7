#include "tls/resumption/session_cache.h"

#include "tls/resumption/session_origin.h"
#include "utils/on_exception.h"

#include <openssl/ssl.h>

#include <utility>

namespace network_system::inline v0_1::transport {

void tls_session_deleter::operator()(ssl_session_st* session) const noexcept {
    SSL_SESSION_free(session);
}

void tls_session_cache::put(const std::string& key, tls_session session) {
    const std::lock_guard lock(mutex_);
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
        found->second->second = std::move(session);
        entries_.splice(entries_.begin(), entries_, found->second);
        return;
    }
    entries_.emplace_front(key, std::move(session));
    const detail::on_exception undo([this] { entries_.pop_front(); });
    by_key_.emplace(entries_.front().first, entries_.begin());
    if (entries_.size() > capacity) {
        by_key_.erase(entries_.back().first);
        entries_.pop_back();
    }
}

tls_session tls_session_cache::take(const std::string& key, runtime::wall_time now) {
    const std::lock_guard lock(mutex_);
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) {
        return {};
    }
    const auto place = found->second;
    SSL_SESSION* const session = place->second.get();
    const auto origin = origin_of(session);
    const bool holds = origin && origin->holds_at(now);
    if (holds && SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION &&
        SSL_SESSION_up_ref(session) == 1) {
        entries_.splice(entries_.begin(), entries_, place);
        return tls_session(session);
    }
    tls_session taken = holds ? std::move(place->second) : tls_session();
    by_key_.erase(found);
    entries_.erase(place);
    return taken;
}

void tls_session_cache::forget(const std::string& key) {
    const std::lock_guard lock(mutex_);
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
        const auto place = found->second;
        by_key_.erase(found);
        entries_.erase(place);
    }
}

std::size_t tls_session_cache::size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

}  // namespace network_system::transport
