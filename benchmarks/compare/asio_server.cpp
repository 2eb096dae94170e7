// The comparison with hand-written Asio: the message framing served by one io_context on one
// thread, written for speed. Each read takes what has arrived, all complete frames in it are
// answered into one buffer, and that buffer goes out in one write while reading goes on. With
// --tls-cert and --tls-key the same over asio::ssl::stream.

#include "common.h"

#include <asio.hpp>
#ifdef COMPARE_WITH_TLS
#include <asio/ssl.hpp>
#endif

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

template <typename Stream>
class session : public std::enable_shared_from_this<session<Stream>> {
public:
    explicit session(Stream socket) : socket_(std::move(socket)), input_(initial_input) {}

    void start() { read(); }
    Stream& stream() { return socket_; }

private:
    void read() {
        socket_.async_read_some(
            asio::buffer(input_.data() + filled_, input_.size() - filled_),
            [self = this->shared_from_this()](std::error_code error, std::size_t size) {
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
                          [self = this->shared_from_this()](std::error_code error, std::size_t) {
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

    Stream socket_;
    std::vector<std::uint8_t> input_;
    std::size_t filled_ = 0;
    std::vector<std::uint8_t> output_;
    std::vector<std::uint8_t> in_write_;
    bool writing_ = false;
    bool paused_ = false;
};

template <typename Serve>
void accept_next(tcp_acceptor& acceptor, const Serve& serve) {
    acceptor.async_accept([&acceptor, serve](std::error_code error, tcp_socket socket) {
        if (error == asio::error::operation_aborted) {
            return;
        }
        if (!error) {
            socket.set_option(tcp::no_delay{true}, error);
            serve(std::move(socket));
        }
        accept_next(acceptor, serve);
    });
}

#ifdef COMPARE_WITH_TLS
void serve_tls(tcp_acceptor& acceptor, const std::string& certificate, const std::string& key) {
    using tls_stream = asio::ssl::stream<tcp_socket>;
    static asio::ssl::context context(asio::ssl::context::tls_server);
    context.use_certificate_chain_file(certificate);
    context.use_private_key_file(key, asio::ssl::context::pem);
    accept_next(acceptor, [](tcp_socket socket) {
        auto served = std::make_shared<session<tls_stream>>(tls_stream(std::move(socket), context));
        served->stream().async_handshake(asio::ssl::stream_base::server,
                                         [served](std::error_code error) {
                                             if (!error) {
                                                 served->start();
                                             }
                                         });
    });
}
#else
void serve_tls(tcp_acceptor&, const std::string&, const std::string&) {
    throw std::invalid_argument("--tls-cert: built without OpenSSL");
}
#endif

void serve_echo(compare::arguments& options) {
    const auto port = options.number<std::uint16_t>("--port", 0);
    const std::string certificate = options.text("--tls-cert", "");
    const std::string key = options.text("--tls-key", "");
    options.expect_no_more();
    compare::raise_descriptor_limit();

    asio::io_context context{1};
    asio::signal_set stop_signals{context, SIGINT, SIGTERM};
    stop_signals.async_wait([&context](std::error_code, int) { context.stop(); });
    tcp_acceptor acceptor{context, tcp::endpoint{asio::ip::address_v4::loopback(), port}};
    if (certificate.empty()) {
        accept_next(acceptor, [](tcp_socket socket) {
            std::make_shared<session<tcp_socket>>(std::move(socket))->start();
        });
    } else {
        serve_tls(acceptor, certificate, key);
    }
    compare::announce_port(acceptor.local_endpoint().port());
    context.run();
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, serve_echo);
}
