#include "datagram/source_memory.h"

#include <algorithm>
#include <cstring>

namespace network_system::inline v0_1::session {
namespace {

constexpr std::size_t peer_words = 3;

}  // namespace

bool source_memory::slot::read(content& into) const noexcept {
    const auto before = version.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < into.size(); ++i) {
        // Acquired, so that the look at the version below stays behind it.
        into[i] = words[i].load(std::memory_order_acquire);
    }
    return before % 2 == 0 && version.load(std::memory_order_relaxed) == before;
}

void source_memory::slot::write(const content& from) noexcept {
    auto before = version.load(std::memory_order_relaxed);
    if (before % 2 != 0 ||
        !version.compare_exchange_strong(before, before + 1, std::memory_order_acquire)) {
        return;
    }
    for (std::size_t i = 0; i < from.size(); ++i) {
        // Released: who sees the word sees that somebody writes.
        words[i].store(from[i], std::memory_order_release);
    }
    version.store(before + 2, std::memory_order_release);
}

source_memory::content source_memory::content_of(const endpoint& peer,
                                                 const runtime::datagram_source& source) noexcept {
    content all{};
    std::memcpy(all.data(), peer.bytes().data(), 16);
    // Never 0: an entry of zeros is empty.
    all[2] = std::uint64_t{peer.scope_id()} << 32U | std::uint64_t{peer.port()} << 8U |
             static_cast<std::uint64_t>(peer.kind());
    std::memcpy(all.data() + peer_words, source.address.data(), source.address.size());
    all[5] = source.interface_index;
    return all;
}

bool source_memory::has_same_peer(const content& one, const content& other) noexcept {
    return std::equal(one.begin(), one.begin() + peer_words, other.begin());
}

void source_memory::record(const endpoint& peer, const runtime::datagram_source& source) noexcept {
    const content wanted = content_of(peer, source);
    set& places = sets_[hash_(peer) % set_count];
    slot* place = nullptr;
    for (slot& each : places) {
        content there;
        if (!each.read(there)) {
            continue;
        }
        if (has_same_peer(there, wanted)) {
            if (there != wanted) {
                each.write(wanted);
            }
            return;
        }
        if (there == content{} && place == nullptr) {
            place = &each;
        }
    }
    if (place == nullptr) {
        place = &places[next_victim_.fetch_add(1, std::memory_order_relaxed) % ways];
    }
    place->write(wanted);
}

runtime::datagram_source source_memory::find(const endpoint& peer) const noexcept {
    const content wanted = content_of(peer, {});
    for (const slot& each : sets_[hash_(peer) % set_count]) {
        content there;
        if (each.read(there) && has_same_peer(there, wanted)) {
            runtime::datagram_source source;
            std::memcpy(source.address.data(), there.data() + peer_words, source.address.size());
            source.interface_index = static_cast<std::uint32_t>(there[5]);
            return source;
        }
    }
    return {};
}

}  // namespace network_system::session
