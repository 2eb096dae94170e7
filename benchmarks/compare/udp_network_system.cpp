// The subject of the UDP comparison: the public API, with nothing a user could not write.

#include "udp_common.h"

#include <network_system/core/messaging_udp_client.h>
#include <network_system/core/messaging_udp_server.h>

#include <atomic>
#include <thread>

namespace {

using network_system::endpoint;
using network_system::core::messaging_udp_client;
using network_system::core::messaging_udp_server;
using network_system::core::udp_client_options;
using network_system::core::udp_server_options;
using bytes = std::span<const std::uint8_t>;

void throw_if_failed(const network_system::VoidResult& result) {
    if (result.is_err()) {
        throw std::runtime_error(result.error().message);
    }
}

void serve_datagrams(std::uint16_t port, bool echoes, bool offload) {
    const sigset_t stop_signals = compare::block_stop_signals();
    udp_server_options options;
    options.bind_address = "127.0.0.1";
    options.datagrams.uses_segmentation_offload = offload;
    options.datagrams.uses_receive_offload = offload;
    options.datagrams.max_datagram_size = compare::udp_largest;
    messaging_udp_server server("compare", options);
    compare::udp_books books;
    throw_if_failed(server.set_receive_callback([&](bytes data, const endpoint& from) {
        books.begin();
        books.add(1);
        if (books.datagrams() % compare::udp_batch == 0) {
            books.record_time();
        }
        if (echoes) {
            (void)server.send_to(data, from);  // a lost answer shows in the generator
        }
    }));
    throw_if_failed(server.start_server(port));
    compare::announce_port(server.local_port());
    int signal = 0;
    ::sigwait(&stop_signals, &signal);
    throw_if_failed(server.stop_server());
    books.report();
    const auto counted = server.metrics();
    std::fprintf(stderr, "received %llu in %llu calls, kernel drops %llu\n",
                 static_cast<unsigned long long>(counted.datagrams_received),
                 static_cast<unsigned long long>(counted.receive_calls),
                 static_cast<unsigned long long>(counted.kernel_drops));
}

/// Sends until the queue is full, and again whenever there is room.
class pump {
public:
    pump(std::uint16_t port, std::size_t size, double seconds, bool offload)
        : data_(size), client_("compare", options(offload)) {
        throw_if_failed(client_.set_writable_callback([this] { send(); }));
        end_ = std::chrono::steady_clock::now() +
               std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                   std::chrono::duration<double>(seconds));
        books_.begin();
        throw_if_failed(client_.start_client("127.0.0.1", port, [this](auto result) {
            throw_if_failed(result);
            send();
        }));
    }
    void finish() {
        while (!is_over_.load()) {
            is_over_.wait(false);
        }
        throw_if_failed(client_.stop_client());
        books_.record_time();
        books_.add(client_.metrics().datagrams_sent);
        books_.report();
    }

private:
    static udp_client_options options(bool offload) {
        udp_client_options options;
        options.datagrams.uses_segmentation_offload = offload;
        // What is queued stays in the cache.
        options.datagrams.high_watermark = std::size_t{512} * 1024;
        options.datagrams.low_watermark = 0;
        return options;
    }
    void send() {
        if (std::chrono::steady_clock::now() > end_) {
            is_over_ = true;
            is_over_.notify_all();
            return;
        }
        do {
            std::memset(data_.data(), static_cast<int>(++number_), data_.size());
        } while (client_.send_packet(bytes(data_)));
    }

    std::vector<std::uint8_t> data_;
    unsigned number_ = 0;
    std::chrono::steady_clock::time_point end_;
    std::atomic<bool> is_over_{false};
    compare::udp_books books_;
    messaging_udp_client client_;
};

void serve(compare::arguments& options) {
    const std::string role = options.text("--role", "receive");
    const auto port = options.number<std::uint16_t>("--port", 0);
    const auto size = options.number<std::size_t>("--size", 64);
    const double seconds = std::stod(options.text("--seconds", "0.3"));
    const bool offload = options.flag("--offload");
    options.expect_no_more();
    if (role == "send") {
        pump(port, size, seconds, offload).finish();
    } else {
        serve_datagrams(port, role == "echo", offload);
    }
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, serve);
}
