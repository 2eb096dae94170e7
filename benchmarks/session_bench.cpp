// Sessions of real loopback connections: the registry, and sends through the queue to the socket.
//
// The server runs on an io_context that the benchmark itself drives, so that everything measured
// happens on one thread.

#include "bench_support.h"
#include "os/native_socket.h"
#include "runtime/loop.h"
#include "session/message_connection.h"

#include <network_system/core/messaging_server.h>
#include <network_system/core/session_manager.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <benchmark/benchmark.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace network_system;
using core::session_manager;
using session_ptr = session_manager::session_ptr;

/// A server, connected sockets, and the sessions between them.
class connected_server {
public:
    explicit connected_server(std::size_t connections) : sockets_(connections) {
        bench::require(server_.start_server(0));
        const endpoint address = runtime::sockets::parse_address("127.0.0.1", server_.local_port());
        for (auto& each : sockets_) {
            const auto begun = runtime::sockets::connect(address, {}, each);
            bench::require(begun.kind != runtime::sockets::outcome::failed, "connect");
        }
        while (server_.connection_count() < connections) {
            context_.poll();
        }
        sessions_ = server_.get_sessions();
        drain(0);
    }

    connected_server(const connected_server&) = delete;
    connected_server& operator=(const connected_server&) = delete;
    /// Stops in the way of a program that runs the context itself: from inside, then to the end.
    ~connected_server() {
        sockets_.clear();
        asio::post(context_, [this] { server_.stop_server(); });
        context_.restart();
        context_.run();
    }

    void run() { context_.poll(); }

    /// Reads from one client socket until nothing is left; the bytes.
    std::size_t drain(std::size_t index) {
        const runtime::io_slice slice{buffer_.data(), buffer_.size()};
        std::size_t bytes = 0;
        while (true) {
            const auto result = runtime::sockets::read(sockets_[index].get(), {&slice, 1});
            if (result.kind != runtime::sockets::outcome::done) {
                return bytes;
            }
            bytes += result.bytes;
        }
    }

    [[nodiscard]] const std::vector<session_ptr>& sessions() const { return sessions_; }

private:
    static core::server_options options_on(asio::io_context& context) {
        auto options = bench::quiet_server();
        options.io_context = &context;
        return options;
    }

    asio::io_context context_;
    std::vector<runtime::unique_socket> sockets_;
    std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(256 * 1024);
    std::vector<session_ptr> sessions_;
    core::messaging_server server_{"bench", options_on(context_)};
};

constexpr std::size_t registered = 128;

void add_remove(benchmark::State& state) {
    const connected_server server(registered);
    const auto& sessions = server.sessions();
    session_manager manager;
    for (std::size_t i = 1; i < sessions.size(); ++i) {
        bench::require(manager.add_session(sessions[i]));
    }
    for (auto _ : state) {
        bench::require(manager.add_session(sessions[0]));
        bench::require(manager.remove_session(sessions[0]->id()));
    }
    bench::require(manager.session_count() == registered - 1, "as many as before");
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(add_remove)->Name("Session/add_remove");

void find(benchmark::State& state) {
    const connected_server server(registered);
    session_manager manager;
    std::vector<std::string> ids;
    for (const session_ptr& each : server.sessions()) {
        bench::require(manager.add_session(each));
        ids.push_back(each->id());
    }
    std::size_t next = 0;
    for (auto _ : state) {
        auto found = manager.find_session(ids[next++ % ids.size()]);
        benchmark::DoNotOptimize(found);
        bench::require(found.is_ok(), "the session is found");
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(find)->Name("Session/find");

void get_stats(benchmark::State& state) {
    const connected_server server(registered);
    session_manager manager;
    for (const session_ptr& each : server.sessions()) {
        bench::require(manager.add_session(each));
    }
    for (auto _ : state) {
        auto stats = manager.get_stats();
        benchmark::DoNotOptimize(stats);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(registered));
}
BENCHMARK(get_stats)->Name("Session/get_stats");

constexpr int batch = 32;

void finish_send(benchmark::State& state, connected_server& server, std::uint64_t arrived,
                 std::size_t size) {
    const session_ptr& session = server.sessions().front();
    const auto sent = static_cast<std::uint64_t>(state.iterations()) * batch;
    while (session->queued_bytes() > 0) {
        server.run();
        arrived += server.drain(0);
    }
    bench::require(session->metrics().messages_sent == sent, "every message was handed over");
    bench::require(arrived == sent * (size + 5), "every byte arrived");
    state.SetItemsProcessed(static_cast<std::int64_t>(sent));
    state.SetBytesProcessed(static_cast<std::int64_t>(sent * size));
}

/// As from a callback: a batch of sends, written with one call, and read by the peer.
void send_in_callback(benchmark::State& state, std::size_t size) {
    connected_server server(1);
    const session_ptr& session = server.sessions().front();
    runtime::loop& loop = *session::message_connection::of(*session).loop();
    const std::vector<std::uint8_t> message(size, 0x5A);
    std::uint64_t arrived = 0;
    for (auto _ : state) {
        loop.run_batch([&] {
            for (int i = 0; i < batch; ++i) {
                bench::require(session->send_packet(std::span<const std::uint8_t>(message)));
            }
        });
        arrived += server.drain(0);
    }
    finish_send(state, server, arrived, size);
}

/// As from another thread: every send takes the session's lock, and the loop is woken once.
void send_from_outside(benchmark::State& state, std::size_t size) {
    connected_server server(1);
    const session_ptr& session = server.sessions().front();
    const std::vector<std::uint8_t> message(size, 0x5A);
    std::uint64_t arrived = 0;
    for (auto _ : state) {
        for (int i = 0; i < batch; ++i) {
            bench::require(session->send_packet(std::span<const std::uint8_t>(message)));
        }
        server.run();
        arrived += server.drain(0);
    }
    finish_send(state, server, arrived, size);
}

BENCHMARK_CAPTURE(send_in_callback, 64B, 64)->Name("Session/send_in_callback/64B");
BENCHMARK_CAPTURE(send_in_callback, 1KB, 1024)->Name("Session/send_in_callback/1KB");
BENCHMARK_CAPTURE(send_from_outside, 64B, 64)->Name("Session/send_from_outside/64B");
BENCHMARK_CAPTURE(send_from_outside, 1KB, 1024)->Name("Session/send_from_outside/1KB");

}  // namespace
