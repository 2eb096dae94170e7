#pragma once

#include "support/eventually.h"
#include "support/raw_peer.h"
#include "support/sanitizers.h"
#ifdef NETWORK_TEST_STREAM_CHOICE
#include "support/stream_choice.h"
#endif

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/utils/log.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace loopback {

using network_system::errc;
using network_system::framing;
using network_system::Result;
using network_system::send_policy;
using network_system::VoidResult;
using network_system::core::client_options;
#ifdef NETWORK_TEST_STREAM_CHOICE
using messaging_client = network_system::testing::client_over_choice;
using messaging_server = network_system::testing::server_over_choice;
#else
using network_system::core::messaging_client;
using network_system::core::messaging_server;
#endif
using network_system::core::readiness;
using network_system::core::server_options;
using session_ptr = messaging_server::session_ptr;

using namespace std::chrono_literals;

using network_system::testing::is_sanitized;

/// Work that is to take a comparable time under a sanitizer.
[[nodiscard]] constexpr std::size_t scaled(std::size_t amount) {
    return is_sanitized ? (amount + 7) / 8 : amount;
}

/// Beyond a documented bound this much is the machine's, not the library's.
inline constexpr std::chrono::milliseconds slack{is_sanitized ? 8000 : 2500};

// The library warns about each of the bad peers below.
inline const bool is_quiet = [] {
    network_system::set_log_level(network_system::log_level::off);
    return true;
}();

/// A number that threads raise and others wait for.
class event_counter {
public:
    void add(std::size_t more = 1) {
        const std::lock_guard lock(mutex_);
        count_ += more;
        changed_.notify_all();  // under the lock: who waited may destroy this at once
    }
    [[nodiscard]] std::size_t count() const {
        const std::lock_guard lock(mutex_);
        return count_;
    }
    [[nodiscard]] bool wait_for(std::size_t wanted,
                                std::chrono::milliseconds limit = patience) const {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, limit, [&] { return count_ >= wanted; });
    }

private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::size_t count_ = 0;
};

/// Values that threads add and others wait for.
template <typename T>
class collector {
public:
    void add(T value) {
        const std::lock_guard lock(mutex_);
        values_.push_back(std::move(value));
        changed_.notify_all();
    }
    [[nodiscard]] std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return values_.size();
    }
    [[nodiscard]] std::vector<T> all() const {
        const std::lock_guard lock(mutex_);
        return values_;
    }
    [[nodiscard]] T at(std::size_t index) const {
        const std::lock_guard lock(mutex_);
        return values_.at(index);
    }
    void clear() {
        const std::lock_guard lock(mutex_);
        values_.clear();
    }
    [[nodiscard]] bool wait_for(std::size_t wanted,
                                std::chrono::milliseconds limit = patience) const {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, limit, [&] { return values_.size() >= wanted; });
    }

private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::vector<T> values_;
};

/// Who is inside a callback, and whether anybody still may be.
class watchman {
public:
    void enter() {
        EXPECT_FALSE(is_closed_) << "a callback after stop";
        ++inside_;
    }
    void leave() { --inside_; }
    void pass() {
        enter();
        // Now and then: on a busy machine each of them takes as long as all others want to run.
        if (passes_++ % 8 == 0) {
            std::this_thread::yield();
        }
        leave();
        passed_.add();
    }
    void close() {
        is_closed_ = true;
        EXPECT_EQ(inside_, 0) << "a callback was running when stop returned";
    }
    [[nodiscard]] bool wait_for(std::size_t count) const { return passed_.wait_for(count); }

private:
    std::atomic<bool> is_closed_{false};
    std::atomic<int> inside_{0};
    std::atomic<unsigned> passes_{0};
    event_counter passed_;
};

template <typename T>
[[nodiscard]] testing::AssertionResult is_ok(const Result<T>& result) {
    if (result.is_ok()) {
        return testing::AssertionSuccess();
    }
    return testing::AssertionFailure()
           << "error " << result.error().code << ": " << result.error().message;
}

template <typename T>
[[nodiscard]] testing::AssertionResult fails_with(const Result<T>& result, errc expected) {
    if (result.is_ok()) {
        return testing::AssertionFailure() << "succeeded";
    }
    const auto& info = result.error();
    if (info.code != static_cast<int>(expected)) {
        return testing::AssertionFailure() << "error " << info.code << ": " << info.message;
    }
    if (info.message.empty()) {
        return testing::AssertionFailure() << "an error without a message";
    }
    return testing::AssertionSuccess();
}

[[nodiscard]] inline bytes copy_of(std::span<const std::uint8_t> data) {
    return {data.begin(), data.end()};
}

[[nodiscard]] inline std::string text_of(std::span<const std::uint8_t> data) {
    return {data.begin(), data.end()};
}

/// Bytes that differ for every seed and position.
[[nodiscard]] inline bytes pattern(std::size_t size, std::uint32_t seed = 1) {
    bytes data(size);
    std::uint32_t state = seed * 2654435761U + 1;
    for (auto& each : data) {
        state = state * 1664525U + 1013904223U;
        each = static_cast<std::uint8_t>(state >> 24U);
    }
    return data;
}

struct recorded_error {
    bool has_session;
    std::error_code code;
};

/// A server that records what happens to it; echoes unless `on_receive` is set.
template <typename Server>
class recording_server {
public:
    /// What follows the name.
    template <typename... Arguments>
    explicit recording_server(Arguments&&... arguments)
        : server("test-server", std::forward<Arguments>(arguments)...) {
        (void)server.set_connection_callback([this](const session_ptr& session) {
            sessions.add(session);
            if (on_connect) {
                on_connect(session);
            }
        });
        (void)server.set_disconnection_callback([this](const std::string& id) {
            if (on_disconnect) {
                on_disconnect(id);
            }
            closed.add(id);
        });
        (void)server.set_receive_callback(
            [this](const session_ptr& session, std::span<const std::uint8_t> data) {
                if (on_receive) {
                    on_receive(session, data);
                } else {
                    // A peer may leave before it has its answer.
                    const auto echoed = session->send_packet(data);
                    EXPECT_TRUE(fails_with(echoed, errc::connection_closed) || is_ok(echoed));
                }
                received.add();
            });
        (void)server.set_error_callback([this](const session_ptr& session, std::error_code code) {
            if (on_error) {
                on_error(session, code);
            }
            errors.add({session != nullptr, code});
        });
        (void)server.set_writable_callback([this](const session_ptr& session) {
            if (on_writable) {
                on_writable(session);
            }
            writable.add();
        });
    }

    std::uint16_t start() {
        EXPECT_TRUE(is_ok(server.start_server(0)));
        return server.local_port();
    }

    std::function<void(const session_ptr&)> on_connect;
    std::function<void(const std::string&)> on_disconnect;
    std::function<void(const session_ptr&, std::span<const std::uint8_t>)> on_receive;
    std::function<void(const session_ptr&, std::error_code)> on_error;
    std::function<void(const session_ptr&)> on_writable;

    collector<session_ptr> sessions;
    collector<std::string> closed;
    collector<recorded_error> errors;
    event_counter received;
    event_counter writable;

    Server server;
};

/// A client that records what happens to it.
template <typename Client>
class recording_client {
public:
    /// What follows the name.
    template <typename... Arguments>
    explicit recording_client(Arguments&&... arguments)
        : client("test-client", std::forward<Arguments>(arguments)...) {
        (void)client.set_connected_callback([this] {
            if (on_connect) {
                on_connect();
            }
            connected.add();
        });
        (void)client.set_disconnected_callback([this] {
            if (on_disconnect) {
                on_disconnect();
            }
            disconnected.add();
        });
        (void)client.set_receive_callback([this](std::span<const std::uint8_t> data) {
            if (on_receive) {
                on_receive(data);
            }
            received.add(copy_of(data));
        });
        (void)client.set_error_callback([this](std::error_code code) {
            if (on_error) {
                on_error(code);
            }
            errors.add(code);
        });
        (void)client.set_writable_callback([this] {
            if (on_writable) {
                on_writable();
            }
            writable.add();
        });
    }

    [[nodiscard]] VoidResult connect(std::uint16_t port) {
        return client.start_client("127.0.0.1", port);
    }

    /// Sends, and waits for one more message.
    [[nodiscard]] testing::AssertionResult exchange(std::span<const std::uint8_t> data) {
        const std::size_t before = received.size();
        if (auto sent = is_ok(client.send_packet(data)); !sent) {
            return sent;
        }
        if (!received.wait_for(before + 1)) {
            return testing::AssertionFailure() << "no answer";
        }
        return received.at(before) == copy_of(data)
                   ? testing::AssertionSuccess()
                   : testing::AssertionFailure() << "another answer";
    }
    [[nodiscard]] testing::AssertionResult exchange(std::string_view text) {
        return exchange(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
    }

    std::function<void()> on_connect;
    std::function<void()> on_disconnect;
    std::function<void(std::span<const std::uint8_t>)> on_receive;
    std::function<void(std::error_code)> on_error;
    std::function<void()> on_writable;

    event_counter connected;
    event_counter disconnected;
    collector<bytes> received;
    collector<std::error_code> errors;
    event_counter writable;

    Client client;
};

class test_server : public recording_server<messaging_server> {
public:
    explicit test_server(server_options options = {}) : recording_server(std::move(options)) {}
};

class test_client : public recording_client<messaging_client> {
public:
    explicit test_client(client_options options = {}) : recording_client(std::move(options)) {}
};

/// Both ways a loop learns that sockets are ready.
class BothReadiness : public testing::TestWithParam<readiness> {
protected:
    [[nodiscard]] static server_options for_server() {
        server_options options;
        options.readiness_method = GetParam();
        return options;
    }
    [[nodiscard]] static client_options for_client() {
        client_options options;
        options.readiness_method = GetParam();
        return options;
    }
};

[[nodiscard]] inline std::string readiness_name(readiness method) {
    return method == readiness::automatic ? "automatic" : "per_socket";
}

[[nodiscard]] inline auto both_methods() {
    return testing::Values(readiness::automatic, readiness::per_socket);
}

[[nodiscard]] inline std::string method_of(const testing::TestParamInfo<readiness>& info) {
    return readiness_name(info.param);
}

}  // namespace loopback
