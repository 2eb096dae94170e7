// A server that speaks something else than its client, and what a start that meets it has to say.
#pragma once

#include "support/loopback.h"

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string_view>
#include <thread>
#include <vector>

namespace loopback {

struct other_server {
    /// Of the test.
    const char* name;
    std::string_view says;
    bool then_closes;
    errc error;
    /// Parts of the message.
    std::vector<std::string_view> words;

    friend void PrintTo(const other_server& other, std::ostream* out) { *out << other.name; }
};

/// Lets `connect(port, timeout)` meet the server, which speaks once `hear(peer)` has returned.
template <typename Hear, typename Connect>
void expect_description_of(const other_server& other, const Hear& hear, const Connect& connect) {
    SCOPED_TRACE(other.name);
    const raw_listener listener;
    std::thread speaking([&] {
        raw_peer peer = listener.accept();
        hear(peer);
        (void)peer.send(bytes(other.says.begin(), other.says.end()));
        if (!other.then_closes) {
            (void)peer.drain();
        }
    });
    const VoidResult started =
        connect(listener.port(), other.error == errc::connection_timeout ? 200ms : 10'000ms);
    speaking.join();
    ASSERT_TRUE(fails_with(started, other.error));
    for (const std::string_view each : other.words) {
        EXPECT_NE(started.error().message.find(each), std::string::npos)
            << each << " is not in: " << started.error().message;
    }
}

}  // namespace loopback
