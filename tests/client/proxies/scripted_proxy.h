// A proxy that a test plays itself, and options of clients that use it.
#pragma once

#include "support/loopback.h"

#include <network_system/core/proxy_options.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace loopback {

using network_system::core::proxy_kind;
using network_system::core::proxy_options;

[[nodiscard]] inline bytes bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}
[[nodiscard]] inline std::string text_of(const bytes& data) {
    return {data.begin(), data.end()};
}
[[nodiscard]] inline bytes joined(bytes one, const bytes& other) {
    one.insert(one.end(), other.begin(), other.end());
    return one;
}

[[nodiscard]] inline proxy_options proxy_at(std::uint16_t port,
                                            proxy_kind kind = proxy_kind::http_connect) {
    proxy_options proxy;
    proxy.kind = kind;
    proxy.host = "127.0.0.1";
    proxy.port = port;
    return proxy;
}

/// Reads one request of HTTP; what there is of it when the client ends.
[[nodiscard]] inline std::string receive_head(raw_peer& client) {
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
        const bytes more = client.receive_some(1);
        if (more.empty()) {
            break;
        }
        head.push_back(static_cast<char>(more.front()));
    }
    return head;
}

inline const std::string consent = "HTTP/1.1 200 Connection established\r\n\r\n";

/// The socket of a proxy that is connected to, and a client on its way through it.
class tunnel_test : public BothReadiness {
protected:
    [[nodiscard]] client_options through(proxy_options proxy) const {
        client_options options = for_client();
        options.proxy = std::move(proxy);
        return options;
    }
    [[nodiscard]] client_options through_proxy(proxy_kind kind = proxy_kind::http_connect) const {
        return through(proxy_at(listener_.port(), kind));
    }
    /// Begins a start; `started_` gets its result.
    void start(test_client& client, const std::string& host = "target.example",
               std::uint16_t port = 443) {
        ASSERT_TRUE(is_ok(client.client.start_client(
            host, port, [this](VoidResult result) { started_.add(std::move(result)); })));
    }
    /// Whether the start has failed like this, with all of `words` in its message.
    [[nodiscard]] testing::AssertionResult has_failed(
        errc code, std::initializer_list<std::string_view> words) const {
        if (!started_.wait_for(1)) {
            return testing::AssertionFailure() << "no result";
        }
        const VoidResult result = started_.at(0);
        auto failed = fails_with(result, code);
        if (!failed) {
            return failed;
        }
        for (const std::string_view each : words) {
            if (result.error().message.find(each) == std::string::npos) {
                return testing::AssertionFailure() << result.error().message;
            }
        }
        return testing::AssertionSuccess();
    }

    raw_listener listener_;
    collector<VoidResult> started_;
};

}  // namespace loopback
