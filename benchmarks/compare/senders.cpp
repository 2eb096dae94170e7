// Several threads send small messages through one connection, for a while: through one client of
// this library, or (--post) as hand-written Asio does it, each send posted to an io_context. Both
// have at most 4 MiB queued. Prints the rate at which messages left, as one line of JSON. With
// --own-thread N one client sends N messages from its own I/O thread (instructions.py counts what
// that costs).

#include "common.h"

#include <network_system/core/messaging_client.h>

#include <asio.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

namespace {

using network_system::core::client_options;
using network_system::core::messaging_client;

constexpr std::size_t queue_limit = std::size_t{4} * 1024 * 1024;

/// Reads and forgets what comes, without a word of its own.
class sink {
public:
    sink()
        : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}), buffer_(256 * 1024),
          socket_(context_) {
        acceptor_.async_accept(socket_, [this](std::error_code error) {
            if (!error) {
                read();
            }
        });
        thread_ = std::thread([this] { context_.run(); });
    }
    ~sink() {
        context_.stop();
        thread_.join();
    }
    [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

private:
    void read() {
        socket_.async_read_some(asio::buffer(buffer_),
                                [this](std::error_code error, std::size_t size) {
                                    bytes_ += size;
                                    if (!error) {
                                        read();
                                    }
                                });
    }

    asio::io_context context_;
    asio::ip::tcp::acceptor acceptor_;
    std::vector<std::uint8_t> buffer_;
    asio::ip::tcp::socket socket_;
    std::atomic<std::uint64_t> bytes_{0};
    std::thread thread_;
};

client_options options_with(network_system::send_policy policy) {
    client_options chosen;
    chosen.session.frames = network_system::framing::length_prefixed;
    chosen.session.high_watermark = queue_limit;
    chosen.session.low_watermark = queue_limit / 4;
    chosen.session.policy = policy;
    return chosen;
}

class library_sender {
public:
    explicit library_sender(std::uint16_t port)
        : client_("senders", options_with(network_system::send_policy::wait)) {
        if (const auto started = client_.start_client("127.0.0.1", port); started.is_err()) {
            throw std::runtime_error(started.error().message);
        }
    }
    void send(std::span<const std::uint8_t> message) {
        if (const auto sent = client_.send_packet(message); sent.is_err()) {
            throw std::runtime_error(sent.error().message);
        }
    }

private:
    messaging_client client_;
};

/// A posted task appends to a buffer that is written whenever the write before is done.
class posting_sender {
public:
    explicit posting_sender(std::uint16_t port) : socket_(context_) {
        socket_.connect({asio::ip::address_v4::loopback(), port});
        socket_.set_option(asio::ip::tcp::no_delay(true));
        thread_ = std::thread([this] { context_.run(); });
    }
    ~posting_sender() {
        context_.stop();
        thread_.join();
    }
    void send(std::span<const std::uint8_t> message) {
        const std::size_t size = 4 + message.size();
        if (queued_.fetch_add(size) > queue_limit) {
            std::unique_lock lock(mutex_);
            room_.wait(lock, [this] { return queued_ <= queue_limit; });
        }
        asio::post(context_, [this, data = std::vector<std::uint8_t>(
                                        message.begin(), message.end())] { append(data); });
    }

private:
    void append(const std::vector<std::uint8_t>& message) {
        for (int shift = 24; shift >= 0; shift -= 8) {
            pending_.push_back(static_cast<std::uint8_t>(message.size() >> shift));
        }
        pending_.insert(pending_.end(), message.begin(), message.end());
        if (writing_.empty()) {
            write();
        }
    }
    void write() {
        writing_.swap(pending_);
        asio::async_write(socket_, asio::buffer(writing_),
                          [this](std::error_code error, std::size_t size) {
                              writing_.clear();
                              const std::size_t before = queued_.fetch_sub(size);
                              if (before > queue_limit && before - size <= queue_limit) {
                                  const std::lock_guard lock(mutex_);
                                  room_.notify_all();
                              }
                              if (!error && !pending_.empty()) {
                                  write();
                              }
                          });
    }

    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    asio::ip::tcp::socket socket_;
    std::vector<std::uint8_t> pending_;
    std::vector<std::uint8_t> writing_;
    std::atomic<std::size_t> queued_{0};
    std::mutex mutex_;
    std::condition_variable room_;
    std::thread thread_;
};

template <typename Sender>
void measure(std::size_t threads, std::size_t payload, double seconds) {
    using clock = std::chrono::steady_clock;
    sink to;
    Sender sender(to.port());
    std::atomic<bool> is_over{false};
    const auto begin = clock::now();
    std::vector<std::thread> running;
    for (std::size_t i = 0; i < threads; ++i) {
        running.emplace_back([&] {
            const std::vector<std::uint8_t> message(payload, 0x5a);
            while (!is_over.load(std::memory_order_relaxed)) {
                sender.send(message);
            }
        });
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    const auto received = to.bytes();
    const std::chrono::duration<double> elapsed = clock::now() - begin;
    is_over = true;
    for (auto& each : running) {
        each.join();
    }
    std::printf("{\"rate\": %.1f}\n",
                static_cast<double>(received) / static_cast<double>(4 + payload) / elapsed.count());
}

/// Sends in its callbacks, as long as there is room.
class own_thread_sender {
public:
    own_thread_sender(std::uint16_t port, std::size_t payload, std::uint64_t messages)
        : message_(payload, 0x5a), left_(messages),
          client_("senders", options_with(network_system::send_policy::reject)) {
        if (client_.set_connected_callback([this] { send_more(); }).is_err() ||
            client_.set_writable_callback([this] { send_more(); }).is_err()) {
            throw std::runtime_error("callbacks cannot be set");
        }
        if (const auto started = client_.start_client("127.0.0.1", port); started.is_err()) {
            throw std::runtime_error(started.error().message);
        }
    }
    void wait() { is_done_.get_future().wait(); }

private:
    void send_more() {
        while (left_ > 0 && client_.send_packet(message_).is_ok()) {
            if (--left_ == 0) {
                is_done_.set_value();
            }
        }
    }

    const std::vector<std::uint8_t> message_;
    std::uint64_t left_;
    std::promise<void> is_done_;
    messaging_client client_;
};

void send_on_own_thread(std::size_t payload, std::uint64_t messages) {
    sink to;
    own_thread_sender sender(to.port(), payload, messages);
    sender.wait();
    std::printf("{\"messages\": %llu}\n", static_cast<unsigned long long>(messages));
}

void compare_senders(compare::arguments& options) {
    const bool posts = options.flag("--post");
    const auto threads = options.number<std::size_t>("--threads", 4);
    const auto payload = options.number<std::size_t>("--payload", 64);
    const auto seconds = options.number("--seconds", 1.0);
    const auto own = options.number<std::uint64_t>("--own-thread", 0);
    options.expect_no_more();
    if (own > 0) {
        send_on_own_thread(payload, own);
    } else if (posts) {
        measure<posting_sender>(threads, payload, seconds);
    } else {
        measure<library_sender>(threads, payload, seconds);
    }
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, compare_senders);
}
