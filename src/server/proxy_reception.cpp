#include "server/proxy_reception.h"

#include "runtime/connector.h"

#include <network_system/utils/error_codes.h>

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::core {

using runtime::sockets::outcome;

void proxy_reception::start(runtime::unique_socket socket, runtime::steady_time deadline,
                            handler done) {
    done_ = std::move(done);
    if (loop_->sockets().add(*this, std::move(socket), {true, false})) {
        fail(errc::connection_failed);
        return;
    }
    loop_->deadlines().set(*this, deadline);
}

void proxy_reception::on_ready(runtime::interest) {
    while (done_ && read_some()) {}
}

bool proxy_reception::read_some() {
    const std::span<std::uint8_t> buffer = loop_->read_buffer();
    const runtime::io_slice slice(buffer.data(), std::min(buffer.size(), parser_.wanted()));
    const auto result = loop_->net().read(runtime::poller::handle_of(*this), {&slice, 1});
    switch (result.kind) {
        case outcome::would_block: return false;
        case outcome::end: end(errc::connection_truncated); return false;
        case outcome::failed:
            end(runtime::classify(result.error, errc::receive_failed));
            return false;
        case outcome::done: break;
    }
    has_received_ = true;
    (void)parser_.consume(buffer.first(result.bytes));
    switch (parser_.state()) {
        case protocol::proxy_header_parser::status::complete: release(); break;
        case protocol::proxy_header_parser::status::malformed: fail(errc::protocol_error); break;
        case protocol::proxy_header_parser::status::incomplete: break;
    }
    return true;
}

void proxy_reception::release() {
    const endpoint& source = parser_.header().source;
    const endpoint client = source.kind() == endpoint::family::unspecified ? proxy_ : source;
    auto socket = loop_->sockets().release(*this);
    const std::error_code error = socket ? std::error_code{} : errc::connection_failed;
    finish({std::move(socket), client, error});
}

void proxy_reception::cancel() {
    // What is unread at the close would make the system reset the connection.
    while (done_ && read_some()) {}
    fail(errc::cancelled);
}

void proxy_reception::on_deadline(runtime::steady_time) {
    fail(errc::connection_timeout);
}

void proxy_reception::on_loop_shutdown() {
    fail(errc::cancelled);
}

/// By the peer.
void proxy_reception::end(std::error_code error) {
    if (done_) {
        finish({{}, proxy_, error, !has_received_});
    }
}

void proxy_reception::fail(std::error_code error) {
    if (done_) {
        finish({{}, proxy_, error});
    }
}

void proxy_reception::finish(proxy_outcome outcome) {
    runtime::deadline_wheel::cancel(*this);
    if (runtime::poller::handle_of(*this) != runtime::invalid_socket) {
        loop_->sockets().remove(*this);
    }
    // Events of this batch may still name it.
    loop_->retire(shared_from_this());
    const handler done = std::move(done_);
    done(std::move(outcome));
}

}  // namespace network_system::core
