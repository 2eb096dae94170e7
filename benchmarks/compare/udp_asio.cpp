// The UDP comparison with hand-written Asio: one async_receive_from at a time, answered at once.

#include "udp_common.h"

#include <asio.hpp>

namespace {

using asio::ip::udp;
// The concrete executor spares the type-erased one that udp::socket carries.
using udp_socket = asio::basic_datagram_socket<udp, asio::io_context::executor_type>;

class server {
public:
    server(asio::io_context& context, std::uint16_t port, bool echoes)
        : socket_(context, udp::endpoint{asio::ip::address_v4::loopback(), port}), echoes_(echoes) {
        socket_.set_option(asio::socket_base::receive_buffer_size(compare::udp_buffer));
        socket_.non_blocking(true);
    }
    std::uint16_t port() const { return socket_.local_endpoint().port(); }
    void report() const { books_.report(); }

    void receive() {
        socket_.async_receive_from(asio::buffer(buffer_), peer_,
                                   [this](std::error_code error, std::size_t size) {
                                       if (error == asio::error::operation_aborted) {
                                           return;
                                       }
                                       if (!error) {
                                           on_datagram(size);
                                       }
                                       receive();
                                   });
    }

private:
    void on_datagram(std::size_t size) {
        books_.begin();
        books_.add(1);
        if (books_.datagrams() % compare::udp_batch == 0) {
            books_.record_time();
        }
        if (echoes_) {
            std::error_code failed;  // a lost answer shows in the generator
            (void)socket_.send_to(asio::buffer(buffer_.data(), size), peer_, 0, failed);
        }
    }

    udp_socket socket_;
    bool echoes_;
    udp::endpoint peer_;
    std::array<std::uint8_t, compare::udp_largest> buffer_;
    compare::udp_books books_;
};

void serve(compare::arguments& options) {
    const std::string role = options.text("--role", "receive");
    const auto port = options.number<std::uint16_t>("--port", 0);
    options.expect_no_more();
    asio::io_context context{1};
    asio::signal_set stop_signals{context, SIGINT, SIGTERM};
    stop_signals.async_wait([&context](std::error_code, int) { context.stop(); });
    server answering(context, port, role == "echo");
    answering.receive();
    compare::announce_port(answering.port());
    context.run();
    answering.report();
}

}  // namespace

int main(int argc, char** argv) {
    return compare::run(argc, argv, serve);
}
