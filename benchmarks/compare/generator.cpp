// The load generator: one thread, non-blocking sockets, level-triggered epoll, nothing between it
// and the kernel (but OpenSSL with --tls). It keeps a number of messages in flight on every
// connection, checks every answer, and prints what it saw, and what the server process spent on it,
// as one line of JSON.

#include "load.h"
#ifdef COMPARE_WITH_TLS
#include "tls_channel.h"
#endif

#include <thread>

namespace {

using namespace compare;

constexpr std::chrono::seconds settle_time{1};

template <typename Channel>
void measure_load(const settings& config) {
    const server_process server{config.server_pid};
    const auto traffic = std::make_unique<load<Channel>>(config);
    traffic->start();
    traffic->pump(to_ns(config.warmup));

    traffic->clear_latency();
    const std::uint64_t server_before = server.cpu_ns();
    const std::uint64_t own_before = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    const std::uint64_t begin = now_ns();
    traffic->pump(to_ns(config.seconds));
    const auto elapsed = static_cast<double>(now_ns() - begin);
    const auto own_cpu = static_cast<double>(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - own_before);
    const auto server_cpu = static_cast<double>(server.cpu_ns() - server_before);
    const long rss = server.rss_kib();
    const compare::histogram latency = traffic->latency();
    traffic->finish();

    const auto messages = static_cast<double>(latency.total());
    if (messages == 0) {
        throw std::runtime_error("no message was answered in the measured time");
    }
    const auto us = [&latency](double q) { return static_cast<double>(latency.quantile(q)) / 1e3; };
    std::printf("{\"messages\": %.0f, \"seconds\": %.6f, \"rate\": %.1f, \"p50_us\": %.2f, "
                "\"p99_us\": %.2f, \"p999_us\": %.2f, \"server_cpu_ns_per_message\": %.2f, "
                "\"server_busy\": %.3f, \"generator_busy\": %.3f, \"server_rss_kib\": %ld, "
                "\"errors\": %llu}\n",
                messages, elapsed / 1e9, messages / elapsed * 1e9, us(0.5), us(0.99), us(0.999),
                server_cpu / messages, server_cpu / elapsed, own_cpu / elapsed, rss,
                static_cast<unsigned long long>(traffic->errors()));
    if (traffic->errors() != 0) {
        throw std::runtime_error("answers with wrong contents");
    }
}

// Each connection has to echo one message: that proves that the server has accepted it, and an
// idle connection that has been used is the one that servers have to afford.
template <typename Channel>
void measure_idle(const settings& config) {
    const server_process server{config.server_pid};
    const compare::exchange shapes = compare::exchange_of(config);
    std::vector<std::uint8_t> frame = shapes.sent.bytes;
    std::vector<std::uint8_t> expected = shapes.answered.bytes;
    shapes.sent.put(frame.data(), 0);
    shapes.answered.put(expected.data(), 0);
    std::vector<std::uint8_t> answer(expected.size());
    std::vector<Channel> connections;

    const long before = server.rss_kib();
    while (connections.size() < config.idle) {
        Channel& channel = connections.emplace_back(open_connection<Channel>(config));
        channel.send_all(frame);
        channel.receive_exactly(answer, "echo");
        if (answer != expected) {
            throw std::runtime_error("the answer differs from the message");
        }
    }
    std::this_thread::sleep_for(settle_time);
    const long after = server.rss_kib();
    std::printf("{\"connections\": %zu, \"rss_before_kib\": %ld, \"rss_after_kib\": %ld, "
                "\"kib_per_connection\": %.3f}\n",
                config.idle, before, after,
                static_cast<double>(after - before) / static_cast<double>(config.idle));
}

#ifdef COMPARE_WITH_TLS
// New connections one after the other, each closed when the server has spoken; "resumed" ones offer
// the session of the one before.
void measure_handshakes(const settings& config) {
    const server_process server{config.server_pid};
    const bool resumes = config.handshakes == "resumed";
    auto& session = tls_channel::last_session();
    const auto shake_hands = [&](bool offers) {
        const auto offered = offers ? std::move(session) : nullptr;
        tls_channel channel(config.host, config.port, offered.get());
        if (config.hello) {
            receive_hello(channel);
        } else {
            // An echo brings the ticket along, and tells that the server is done.
            std::array<std::uint8_t, 64> frame{};
            compare::write_header(frame.data(), {compare::data_frame, frame.size() - header_size});
            channel.send_all(frame);
            channel.receive_exactly(frame, "echo");
        }
    };
    shake_hands(false);
    const std::uint64_t end_of_warmup = now_ns() + to_ns(config.warmup);
    while (now_ns() < end_of_warmup) {
        shake_hands(resumes);
    }
    const std::uint64_t before = server.cpu_ns();
    const std::uint64_t begin = now_ns();
    std::uint64_t count = 0;
    for (const std::uint64_t end = begin + to_ns(config.seconds); now_ns() < end; ++count) {
        shake_hands(resumes);
    }
    const auto elapsed = static_cast<double>(now_ns() - begin);
    std::printf("{\"handshakes\": %llu, \"rate\": %.1f, \"server_cpu_ns_per_message\": %.1f}\n",
                static_cast<unsigned long long>(count), static_cast<double>(count) / elapsed * 1e9,
                static_cast<double>(server.cpu_ns() - before) / static_cast<double>(count));
}
#endif

std::optional<websocket_payload> read_websocket(arguments& options) {
    const std::string kind = options.text("--websocket", "");
    if (kind.empty()) {
        return std::nullopt;
    }
    if (kind == "binary") {
        return websocket_payload::binary;
    }
    if (kind == "ascii") {
        return websocket_payload::ascii;
    }
    if (kind == "mixed") {
        return websocket_payload::mixed;
    }
    throw std::invalid_argument("--websocket is binary, ascii or mixed");
}

settings read_settings(arguments& options) {
    settings config;
    config.host = options.text("--host", "127.0.0.1");
    config.port = options.number("--port", config.port);
    config.connections = options.number<std::size_t>("--connections", 1);
    config.in_flight = options.number<std::size_t>("--in-flight", 1);
    config.payload = options.number<std::size_t>("--payload", 64);
    config.seconds = options.number("--seconds", 1.0);
    config.warmup = options.number("--warmup", 0.2);
    config.server_pid = options.number<pid_t>("--server-pid", 0);
    config.hello = options.flag("--hello");
    config.requests = options.flag("--requests");
    config.broadcast = options.flag("--broadcast");
    config.tls = options.flag("--tls");
    config.suites = options.text("--suites", "");
    config.websocket = read_websocket(options);
    config.comes_back_as_sent = options.flag("--comes-back-as-sent");
    config.handshakes = options.text("--handshakes", "");
    config.idle = options.number<std::size_t>("--idle", 0);
    options.expect_no_more();
    if (config.port == 0 || config.server_pid == 0) {
        throw std::invalid_argument("--port and --server-pid are needed");
    }
    if (config.connections == 0 || config.in_flight == 0) {
        throw std::invalid_argument("--connections and --in-flight begin at 1");
    }
    if (config.broadcast && config.in_flight != 1) {
        throw std::invalid_argument("--broadcast has one message in flight");
    }
    if (config.payload < compare::sequence_size || config.payload > compare::max_payload) {
        throw std::invalid_argument("--payload is 8 bytes to 16 MiB");
    }
    return config;
}

template <typename Channel>
void measure(const settings& config) {
    if (config.idle > 0) {
        measure_idle<Channel>(config);
    } else {
        measure_load<Channel>(config);
    }
}

void generate(arguments& options) {
    const settings config = read_settings(options);
    compare::raise_descriptor_limit();
    if (!config.tls) {
        measure<tcp_channel>(config);
        return;
    }
#ifdef COMPARE_WITH_TLS
    tls_channel::offered_suites() = config.suites;
    if (!config.handshakes.empty()) {
        measure_handshakes(config);
    } else {
        measure<tls_channel>(config);
    }
#else
    throw std::invalid_argument("--tls: built without OpenSSL");
#endif
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, generate);
}
