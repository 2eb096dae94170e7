// Loops over every kind of poller with real sockets, moved by the test one wait at a time.
#pragma once

#include "runtime/asio/epoll_poller.h"
#include "runtime/asio/poller.h"
#include "runtime/epoll/poller.h"
#include "runtime/loop.h"
#include "support/loopback.h"
#include "support/manual_loop.h"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <poll.h>

#include <algorithm>
#include <limits>

namespace network_system::inline v0_1::testing {

using runtime::interest;
using runtime::readiness_method;
using runtime::unique_socket;
using std::chrono::milliseconds;

inline constexpr interest to_read{true, false};

class stepped_loop {
public:
    stepped_loop() = default;
    stepped_loop(const stepped_loop&) = delete;
    stepped_loop& operator=(const stepped_loop&) = delete;
    virtual ~stepped_loop() = default;

    [[nodiscard]] virtual const std::shared_ptr<runtime::loop>& get() const noexcept = 0;
    [[nodiscard]] runtime::loop* operator->() const noexcept { return get().get(); }
    /// Waits at most so long for something to do, and does it; false when nothing came.
    virtual bool step(milliseconds limit) = 0;

    /// Steps until the condition holds.
    template <typename Condition>
    [[nodiscard]] bool run_until(const Condition& condition) {
        const auto deadline = std::chrono::steady_clock::now() + loopback::patience;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) {
                return false;
            }
            step(milliseconds{20});
        }
        return true;
    }
    /// Steps until nothing is due; false when that takes absurdly many.
    [[nodiscard]] bool comes_to_rest() {
        for (int steps = 0; steps < 10'000; ++steps) {
            if (!step(milliseconds{0})) {
                return true;
            }
        }
        return false;
    }
    template <typename Work>
    void in_batch(Work&& work) {
        get()->run_batch(std::forward<Work>(work));
    }
};

/// One epoll set under virtual time: what an epoll_runner does, without its thread.
class stepped_epoll final : public stepped_loop {
public:
    stepped_epoll() {
        loop_ = std::make_shared<runtime::loop>(
            [this](runtime::loop&) { return std::make_unique<manual_driver>(requests_); },
            [this](runtime::loop& owner) {
                auto made = std::make_unique<runtime::epoll_poller>(owner);
                poller_ = made.get();
                return made;
            },
            time_);
    }
    ~stepped_epoll() override { loop_->shutdown(); }

    const std::shared_ptr<runtime::loop>& get() const noexcept override { return loop_; }
    bool step(milliseconds limit) override {
        if (requests_->tasks_due.exchange(false)) {
            loop_->run_tasks();
            return true;
        }
        if (requests_->wake_at && *requests_->wake_at <= time_.now()) {
            requests_->wake_at.reset();
            loop_->run_deadlines();
            return true;
        }
        const int ready = poller_->wait(static_cast<int>(limit.count()));
        if (ready > 0) {
            loop_->run_batch([&] { poller_->dispatch(ready); });
        }
        return ready > 0;
    }
    /// Lets time pass; sockets and tasks are left to the next step.
    void advance(milliseconds by) { time_.move_to(time_.now() + by); }
    [[nodiscard]] runtime::steady_time now() noexcept { return time_.now(); }
    [[nodiscard]] const std::optional<runtime::steady_time>& wake_at() const noexcept {
        return requests_->wake_at;
    }

private:
    virtual_time time_;
    std::shared_ptr<driver_requests> requests_ = std::make_shared<driver_requests>();
    runtime::epoll_poller* poller_ = nullptr;
    std::shared_ptr<runtime::loop> loop_;
};

/// A loop on an io_context.
class stepped_context final : public stepped_loop {
public:
    stepped_context(readiness_method method, bool is_single_threaded)
        : loop_(runtime::loop::of(context_, method, is_single_threaded)) {}

    const std::shared_ptr<runtime::loop>& get() const noexcept override { return loop_; }
    bool step(milliseconds limit) override {
        context_.restart();
        return (limit.count() > 0 ? context_.run_one_for(limit) : context_.poll_one()) > 0;
    }
    [[nodiscard]] asio::io_context& context() noexcept { return context_; }

private:
    asio::io_context context_;
    std::shared_ptr<runtime::loop> loop_;
};

struct loop_kind {
    const char* name;
    bool is_on_asio;
    readiness_method method;
    bool is_single_threaded;

    friend void PrintTo(const loop_kind& kind, std::ostream* out) { *out << kind.name; }
};

[[nodiscard]] inline auto every_loop_kind() {
    return ::testing::Values(
        loop_kind{"epoll", false, readiness_method::automatic, true},
        loop_kind{"asio_epoll", true, readiness_method::automatic, true},
        loop_kind{"asio_epoll_strand", true, readiness_method::automatic, false},
        loop_kind{"asio", true, readiness_method::per_socket, true},
        loop_kind{"asio_strand", true, readiness_method::per_socket, false});
}

[[nodiscard]] inline std::string kind_name(const ::testing::TestParamInfo<loop_kind>& info) {
    return info.param.name;
}

[[nodiscard]] inline auto both_methods() {
    return ::testing::Values(readiness_method::automatic, readiness_method::per_socket);
}

[[nodiscard]] inline std::string method_name(
    const ::testing::TestParamInfo<readiness_method>& info) {
    return info.param == readiness_method::automatic ? "automatic" : "per_socket";
}

class every_loop : public ::testing::TestWithParam<loop_kind> {
protected:
    [[nodiscard]] static std::unique_ptr<stepped_loop> make_loop() {
        const loop_kind& kind = GetParam();
        if (!kind.is_on_asio) {
            return std::make_unique<stepped_epoll>();
        }
        return std::make_unique<stepped_context>(kind.method, kind.is_single_threaded);
    }

    std::unique_ptr<stepped_loop> made_ = make_loop();
    stepped_loop& loop = *made_;
};

/// A watch that writes down what it is told, and leaves its loop when it goes.
/// What a watch reads of what there is.
enum class reading { some, all };

class recording_watch final : public runtime::io_watch {
public:
    explicit recording_watch(stepped_loop& where, reading how = reading::some)
        : where_(where.get()) {
        if (how == reading::all) {
            reads_all();
        }
    }
    recording_watch(const recording_watch&) = delete;
    recording_watch& operator=(const recording_watch&) = delete;
    ~recording_watch() {
        if (is_watched()) {
            where_->run_batch([this] { remove(); });
        }
    }

    [[nodiscard]] std::error_code add(unique_socket socket, interest wanted) {
        std::error_code error;
        where_->run_batch([&] { error = where_->sockets().add(*this, std::move(socket), wanted); });
        return error;
    }
    void want(interest wanted) {
        where_->run_batch([&] { where_->sockets().set_interest(*this, wanted); });
    }
    void remove() { where_->sockets().remove(*this); }
    [[nodiscard]] unique_socket release() { return where_->sockets().release(*this); }

    [[nodiscard]] runtime::socket_handle handle() const {
        return runtime::poller::handle_of(*this);
    }
    [[nodiscard]] bool is_watched() const { return handle() != runtime::invalid_socket; }

    void on_ready(interest ready) override {
        ++calls;
        seen.read = seen.read || ready.read;
        seen.write = seen.write || ready.write;
        seen.failure = seen.failure || ready.failure;
        if (action) {
            action(ready);
        }
    }
    void on_loop_shutdown() override { ++shutdowns; }

    std::function<void(interest)> action;
    int calls = 0;
    interest seen;
    int shutdowns = 0;

private:
    std::shared_ptr<runtime::loop> where_;
};

[[nodiscard]] inline endpoint ipv4_loopback(std::uint16_t port = 0) {
    return runtime::sockets::parse_address("127.0.0.1", port);
}

[[nodiscard]] inline unique_socket listen_at(const endpoint& local, int backlog = 0) {
    std::error_code error;
    unique_socket listener = runtime::sockets::listen(local, {true, false, backlog}, error);
    EXPECT_FALSE(error) << error.message();
    return listener;
}

[[nodiscard]] inline std::uint16_t port_of(const unique_socket& socket) {
    return runtime::sockets::local_endpoint(socket.get()).port();
}

/// A connection over the loopback: a socket for a loop, and its far end.
struct connection {
    connection() {
        const unique_socket listener = listen_at(ipv4_loopback());
        theirs = loopback::raw_peer::connect(port_of(listener));
        endpoint peer;
        EXPECT_EQ(runtime::sockets::accept(listener.get(), ours, peer).kind,
                  runtime::sockets::outcome::done);
    }

    unique_socket ours;
    loopback::raw_peer theirs;
};

/// Writes as much as the system takes.
inline void fill(const unique_socket& socket) {
    const loopback::bytes data(std::size_t{64} * 1024);
    const runtime::io_slice slice{data.data(), data.size()};
    while (runtime::sockets::write(socket.get(), {&slice, 1}).kind ==
           runtime::sockets::outcome::done) {}
}

/// Waits for the system to report any of the poll events.
[[nodiscard]] inline bool arrives(runtime::socket_handle handle, short events) {
    ::pollfd watched{handle, events, 0};
    const auto limit = std::chrono::milliseconds(loopback::patience).count();
    return ::poll(&watched, 1, static_cast<int>(limit)) == 1;
}

/// Reads what is there; how many bytes.
/// The bytes that one read got; 0 when there are none.
inline std::size_t read_once(runtime::socket_handle handle, std::size_t most) {
    std::array<std::uint8_t, 4096> buffer{};
    const runtime::io_slice slice(buffer.data(), std::min(most, buffer.size()));
    const auto result = runtime::sockets::read(handle, {&slice, 1});
    return result.kind == runtime::sockets::outcome::done ? result.bytes : 0;
}
inline std::size_t read_all(runtime::socket_handle handle) {
    std::size_t total = 0;
    while (const std::size_t more = read_once(handle, std::numeric_limits<std::size_t>::max())) {
        total += more;
    }
    return total;
}

}  // namespace network_system::testing
