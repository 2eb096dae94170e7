// The comparison with hand-written Asio: the message framing served by one io_context on one
// thread, written for speed. Each read takes what has arrived, all complete frames in it are
// answered into one buffer, and that buffer goes out in one write while reading goes on.

#include "common.h"

#include <asio.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <span>

namespace {

using asio::ip::tcp;

// The concrete executor spares the type-erased one that tcp::socket carries.
using executor = asio::io_context::executor_type;
using tcp_socket = asio::basic_stream_socket<tcp, executor>;
using tcp_acceptor = asio::basic_socket_acceptor<tcp, executor>;

constexpr std::size_t initial_input = 64 * 1024;
constexpr std::size_t input_limit = compare::header_size + compare::max_payload;
constexpr std::size_t output_limit = 4 * 1024 * 1024;

class session : public std::enable_shared_from_this<session> {
public:
    explicit session(tcp_socket socket) : socket_(std::move(socket)), input_(initial_input) {}

    void start() { read(); }

private:
    void read() {
        socket_.async_read_some(
            asio::buffer(input_.data() + filled_, input_.size() - filled_),
            [self = shared_from_this()](std::error_code error, std::size_t size) {
                if (!error) {
                    self->on_read(size);
                }
            });
    }

    void on_read(std::size_t size) {
        filled_ += size;
        if (!take_frames()) {
            return;
        }
        if (!writing_ && !output_.empty()) {
            write();
        }
        // A peer that does not read its answers is not read from either.
        paused_ = output_.size() > output_limit;
        if (!paused_) {
            read();
        }
    }

    // Answers every complete frame and moves the incomplete rest to the front of the buffer.
    bool take_frames() {
        std::span<const std::uint8_t> rest{input_.data(), filled_};
        std::size_t wanted = 0;
        while (rest.size() >= compare::header_size) {
            const compare::frame_header header = compare::read_header(rest.data());
            if (header.first != compare::data_frame || header.length > compare::max_payload) {
                return false;
            }
            wanted = compare::header_size + header.length;
            if (rest.size() < wanted) {
                break;
            }
            on_message(rest.subspan(compare::header_size, header.length));
            rest = rest.subspan(wanted);
        }
        filled_ = rest.size();
        if (filled_ > 0 && rest.data() != input_.data()) {
            std::copy(rest.begin(), rest.end(), input_.begin());
        }
        if (wanted > input_.size()) {
            input_.resize(std::min(std::max(wanted, 2 * input_.size()), input_limit));
        }
        return true;
    }

    void on_message(std::span<const std::uint8_t> payload) { send(payload); }

    void send(std::span<const std::uint8_t> payload) {
        std::array<std::uint8_t, compare::header_size> header;
        compare::write_header(header.data(),
                              {compare::data_frame, static_cast<std::uint32_t>(payload.size())});
        output_.insert(output_.end(), header.begin(), header.end());
        output_.insert(output_.end(), payload.begin(), payload.end());
    }

    void write() {
        writing_ = true;
        std::swap(output_, in_write_);
        asio::async_write(socket_, asio::buffer(in_write_),
                          [self = shared_from_this()](std::error_code error, std::size_t) {
                              if (!error) {
                                  self->on_written();
                              }
                          });
    }

    void on_written() {
        in_write_.clear();
        writing_ = false;
        if (!output_.empty()) {
            write();
        }
        if (std::exchange(paused_, false)) {
            read();
        }
    }

    tcp_socket socket_;
    std::vector<std::uint8_t> input_;
    std::size_t filled_ = 0;
    std::vector<std::uint8_t> output_;
    std::vector<std::uint8_t> in_write_;
    bool writing_ = false;
    bool paused_ = false;
};

void accept_next(tcp_acceptor& acceptor) {
    acceptor.async_accept([&acceptor](std::error_code error, tcp_socket socket) {
        if (error == asio::error::operation_aborted) {
            return;
        }
        if (!error) {
            socket.set_option(tcp::no_delay{true}, error);
            std::make_shared<session>(std::move(socket))->start();
        }
        accept_next(acceptor);
    });
}

void serve_echo(compare::arguments& options) {
    const auto port = options.number<std::uint16_t>("--port", 0);
    options.expect_no_more();
    compare::raise_descriptor_limit();

    asio::io_context context{1};
    asio::signal_set stop_signals{context, SIGINT, SIGTERM};
    stop_signals.async_wait([&context](std::error_code, int) { context.stop(); });
    tcp_acceptor acceptor{context, tcp::endpoint{asio::ip::address_v4::loopback(), port}};
    accept_next(acceptor);
    compare::announce_port(acceptor.local_endpoint().port());
    context.run();
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, serve_echo);
}
