// The comparison with hand-written Boost.Beast: an echo server on one io_context and one thread, as
// its users write them. A message is read whole into a buffer that the connection keeps, sent back
// as what it came, text or binary, and the next one is read. Beast's settings are its defaults but
// for two: answers are not cut into frames of 4 KiB, and there is no idle timeout; the deadline of
// the handshake stays.

#include "common.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>

#include <memory>

namespace {

namespace beast = boost::beast;
namespace asio = boost::asio;
using asio::ip::tcp;
using error_code = boost::system::error_code;

// The concrete executor spares the type-erased one that tcp::socket carries.
using executor = asio::io_context::executor_type;
using tcp_socket = asio::basic_stream_socket<tcp, executor>;
using tcp_acceptor = asio::basic_socket_acceptor<tcp, executor>;

class session : public std::enable_shared_from_this<session> {
public:
    explicit session(tcp_socket socket) : stream_(std::move(socket)) {
        using beast::websocket::stream_base;
        auto timeouts = stream_base::timeout::suggested(beast::role_type::server);
        timeouts.idle_timeout = stream_base::none();
        stream_.set_option(timeouts);
        stream_.auto_fragment(false);
    }

    void start() {
        stream_.async_accept([self = shared_from_this()](error_code error) {
            if (!error) {
                self->read();
            }
        });
    }

private:
    void read() {
        stream_.async_read(buffer_, [self = shared_from_this()](error_code error, std::size_t) {
            if (!error) {
                self->write();
            }
        });
    }

    void write() {
        stream_.text(stream_.got_text());
        stream_.async_write(buffer_.data(),
                            [self = shared_from_this()](error_code error, std::size_t) {
                                if (!error) {
                                    self->buffer_.consume(self->buffer_.size());
                                    self->read();
                                }
                            });
    }

    beast::websocket::stream<tcp_socket> stream_;
    beast::flat_buffer buffer_;
};

void accept_next(tcp_acceptor& acceptor) {
    acceptor.async_accept([&acceptor](error_code error, tcp_socket socket) {
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
    stop_signals.async_wait([&context](error_code, int) { context.stop(); });
    tcp_acceptor acceptor{context, tcp::endpoint{asio::ip::address_v4::loopback(), port}};
    accept_next(acceptor);
    compare::announce_port(acceptor.local_endpoint().port());
    context.run();
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, serve_echo);
}
