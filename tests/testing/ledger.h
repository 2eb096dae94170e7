// What the two ends of each connection have been handed, given and told, and whether it adds up.
#pragma once

#include <network_system/session/messaging_session.h>
#include <network_system/utils/error_codes.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace network_system::inline v0_1::testing {

using session_ptr = std::shared_ptr<session::messaging_session>;

/// A message that says which it is, in as many bytes as it has, and that is wrong when a part of it
/// is missing.
inline std::vector<std::uint8_t> make_message(std::uint64_t id, std::size_t size) {
    std::vector<std::uint8_t> message(size);
    for (std::size_t i = 0; i < size; i += sizeof id) {
        const std::uint64_t word = id + i * 0x9E3779B97F4A7C15U;
        std::memcpy(message.data() + i, &word, std::min(sizeof word, size - i));
    }
    return message;
}

/// The size and the contents of a message, short.
struct digest {
    std::size_t size;
    std::size_t hash;

    static digest of(std::span<const std::uint8_t> data) {
        return {data.size(), std::hash<std::string_view>{}(
                                 {reinterpret_cast<const char*>(data.data()), data.size()})};
    }
    friend bool operator==(const digest&, const digest&) = default;
};

/// Something that is to be answered once.
struct answer_count {
    bool was_accepted = false;
    int answers = 0;
    /// `cancel` has answered that it is.
    bool was_cancelled = false;
};

/// One end of a connection.
struct connection_end {
    enum class outcome : std::uint8_t { pending, handed_over, lost };
    struct sent_message {
        digest what;
        /// Whether a broadcast was queued is not known for each receiver.
        bool is_broadcast;
        /// Nothing tells whether it was handed over.
        bool has_no_completion;
        outcome how = outcome::pending;
        answer_count completion{};
    };

    session_ptr session;
    std::vector<std::shared_ptr<sent_message>> sent;
    std::vector<digest> received;
    // Requests, pings, receives and stops.
    std::vector<std::shared_ptr<answer_count>> questions;
    std::uint64_t requests = 0;
    std::uint64_t responses = 0;
    // Requests that have reached the handler. Those that come when the session is about to close
    // the library answers itself.
    std::uint64_t asked = 0;
    // Responses that the library gives in place of the handler.
    std::uint64_t settled = 0;
    bool is_closed = false;
    std::error_code error;
    // Its server or client was destroyed first: no callbacks, completions included.
    bool is_silenced = false;
    bool is_conflating = false;

    [[nodiscard]] std::uint64_t next_id() const noexcept { return sent.size() + 1; }
};

/// Whether what arrived is what was handed over, in order: a prefix of it, or all.
inline std::string compare(const connection_end& sender, const connection_end& receiver,
                           bool must_be_all) {
    std::size_t next = 0;
    for (std::size_t i = 0; i < sender.sent.size(); ++i) {
        const auto& each = *sender.sent[i];
        const bool is_over = next == receiver.received.size();
        const bool is_it = !is_over && receiver.received[next] == each.what;
        const bool was_handed = each.how == connection_end::outcome::handed_over;
        const bool is_unknown =
            each.has_no_completion || (sender.is_silenced && each.completion.answers == 0);
        if (is_it && (was_handed || is_unknown)) {
            ++next;
        } else if (was_handed && (!is_over || must_be_all)) {
            return "message " + std::to_string(i) + " of " + std::to_string(each.what.size) +
                   " bytes was handed over, but the peer received " +
                   (is_over ? "no more" : "another in its place");
        }
    }
    return next == receiver.received.size() ? std::string()
                                            : "the peer received what was not handed over";
}

/// The same where newer messages take the places of older ones: no order, but nothing else.
inline std::string compare_unordered(const connection_end& sender, const connection_end& receiver) {
    auto received = receiver.received;
    for (const auto& each : sender.sent) {
        const auto found = std::find(received.begin(), received.end(), each->what);
        if (found != received.end() && each->how != connection_end::outcome::lost) {
            received.erase(found);
        }
    }
    return received.empty() ? std::string() : "the peer received what was not handed over";
}

/// Whether the stream ended without a goodbye, as far as the end knows.
inline bool was_cut_off(const connection_end& end) {
    return end.error == errc::connection_closed || end.error == errc::connection_truncated;
}

/// Everything that design and documentation say of an end that is closed.
inline std::string check_end(const connection_end& end, const connection_end& peer) {
    if (!end.session) {
        return {};
    }
    const session::session_metrics counts = end.session->metrics();
    const auto say = [&](const std::string& what) {
        return "session " + end.session->local_endpoint().to_string() + " to " +
               end.session->remote_endpoint().to_string() + ": " + what;
    };
    if (counts.queued_bytes != 0) {
        return say(std::to_string(counts.queued_bytes) + " bytes are queued after the end");
    }
    if (!end.is_closed && !end.is_silenced) {
        return say("no callback told that it is closed");
    }
    std::uint64_t accepted = end.requests + end.responses;
    std::uint64_t broadcasts = 0;
    for (const auto& each : end.sent) {
        const answer_count& done = each->completion;
        broadcasts += each->is_broadcast ? 1 : 0;
        accepted += done.was_accepted ? 1 : 0;
        if (each->has_no_completion) {
            continue;
        }
        const int least = done.was_accepted && !end.is_silenced ? 1 : 0;
        if (done.answers < least || done.answers > (done.was_accepted ? 1 : 0)) {
            return say("a completion ran " + std::to_string(done.answers) + " times");
        }
    }
    const std::uint64_t accounted = counts.messages_sent + counts.messages_dropped;
    const std::uint64_t not_taken = counts.requests_received - end.asked;
    if (accounted < accepted || accounted > accepted + broadcasts + end.settled + not_taken) {
        return say(std::to_string(accepted) + " messages were accepted, " +
                   std::to_string(counts.messages_sent) + " sent and " +
                   std::to_string(counts.messages_dropped) + " dropped");
    }
    for (const auto& each : end.questions) {
        const int least = each->was_accepted && !end.is_silenced ? 1 : 0;
        if (each->answers < least || each->answers > (each->was_accepted ? 1 : 0)) {
            return say("a question was answered " + std::to_string(each->answers) + " times");
        }
    }
    // What a side received after it had begun to close it discarded.
    const bool must_be_all = end.is_closed && peer.is_closed && !end.error && !peer.error &&
                             peer.session && !peer.is_silenced && !end.is_silenced &&
                             peer.session->metrics().bytes_discarded == 0 &&
                             peer.session->metrics().messages_unread == 0;
    const std::string wrong =
        end.is_conflating ? compare_unordered(end, peer) : compare(end, peer, must_be_all);
    return wrong.empty() ? wrong : say(wrong);
}

/// All connections of a scenario by the address of the client, which none has twice.
class ledger {
public:
    struct connection {
        connection_end client;
        connection_end server;
    };

    [[nodiscard]] connection& at(const endpoint& client) {
        return connections_[client.to_string()];
    }
    [[nodiscard]] connection_end& client_end(const session_ptr& session) {
        return enter(at(session->local_endpoint()).client, session);
    }
    [[nodiscard]] connection_end& server_end(const session_ptr& session) {
        return enter(at(session->remote_endpoint()).server, session);
    }
    /// What is wrong, or nothing.
    [[nodiscard]] std::string check(bool had_resets) const {
        for (const auto& [address, each] : connections_) {
            const auto ended_well = [](const connection_end& end) {
                return end.is_closed && !end.error;
            };
            if (!had_resets && ((ended_well(each.client) && was_cut_off(each.server)) ||
                                (ended_well(each.server) && was_cut_off(each.client)))) {
                return "the connection of " + address +
                       " was closed in order, and its other end does not know";
            }
            for (const bool is_client : {true, false}) {
                const auto wrong = is_client ? check_end(each.client, each.server)
                                             : check_end(each.server, each.client);
                if (!wrong.empty()) {
                    return (is_client ? "client " : "server ") + wrong;
                }
            }
        }
        return {};
    }
    [[nodiscard]] std::string check_released() const {
        for (const auto& [address, each] : connections_) {
            for (const auto* end : {&each.client, &each.server}) {
                if (end->session && end->session.use_count() != 1) {
                    return "the session of " + address + " is still in use";
                }
            }
        }
        return {};
    }
    template <typename Visit>
    void for_each(const Visit& visit) {
        for (auto& [address, each] : connections_) {
            visit(each);
        }
    }

private:
    static connection_end& enter(connection_end& end, const session_ptr& session) {
        end.session = session;
        return end;
    }

    std::map<std::string, connection> connections_;
};

}  // namespace network_system::testing
