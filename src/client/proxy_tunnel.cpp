#include "client/proxy_tunnel.h"

#include <algorithm>
#include <new>
#include <span>
#include <utility>

namespace network_system::inline v0_1::core {

using runtime::sockets::outcome;
using status = protocol::tunnel_request::status;

namespace {

// An answer is read in small pieces, so as not to read beyond it: after so many others have their
// turn.
constexpr unsigned max_reads = 64;

}  // namespace

void proxy_tunnel::start(runtime::connect_outcome proxy, runtime::steady_time deadline,
                         handler done) {
    done_ = std::move(done);
    proxy_ = proxy.peer;
    or_fail([&] { begin(std::move(proxy.socket), deadline); });
}

template <typename Work>
void proxy_tunnel::or_fail(const Work& work) {
    try {
        work();
    } catch (const std::bad_alloc&) {
        fail(errc::out_of_memory, {});
    }
}

void proxy_tunnel::begin(runtime::unique_socket socket, runtime::steady_time deadline) {
    output_ = request_->take_output();
    if (loop_->sockets().add(*this, std::move(socket), {true, true})) {
        fail(errc::connection_failed, "the system cannot watch the socket");
        return;
    }
    loop_->deadlines().set(*this, deadline);
}

void proxy_tunnel::on_ready(runtime::interest ready) {
    or_fail([&] {
        if (ready.write) {
            write_some();
        }
        for (unsigned reads = 0; ready.read && reads < max_reads && done_; ++reads) {
            if (!read_some()) {
                break;
            }
        }
    });
}

/// A failure is left to the reader: the proxy may have said before why it does not listen.
void proxy_tunnel::write_some() {
    if (!output_.empty()) {
        const runtime::io_slice slice(output_.data(), output_.size());
        const auto result = loop_->net().write(runtime::poller::handle_of(*this), {&slice, 1});
        if (result.kind == outcome::done) {
            output_.erase(output_.begin(),
                          output_.begin() + static_cast<std::ptrdiff_t>(result.bytes));
        } else if (result.kind != outcome::would_block) {
            output_.clear();
        }
    }
    loop_->sockets().set_interest(*this, {true, !output_.empty()});
}

bool proxy_tunnel::read_some() {
    const std::span<std::uint8_t> buffer = loop_->read_buffer();
    const runtime::io_slice slice(buffer.data(), std::min(buffer.size(), request_->wanted()));
    const auto result = loop_->net().read(runtime::poller::handle_of(*this), {&slice, 1});
    switch (result.kind) {
        case outcome::would_block: return false;
        case outcome::end: on_end(); return false;
        case outcome::failed:
            fail(runtime::classify(result.error, errc::receive_failed),
                 "the connection to the proxy is lost: " + result.error.message());
            return false;
        case outcome::done: break;
    }
    has_received_ = true;
    (void)request_->consume(buffer.first(result.bytes));
    go_on();
    return true;
}

void proxy_tunnel::go_on() {
    switch (request_->state()) {
        case status::failed: fail(request_->code(), request_->text()); break;
        case status::open:
            if (output_.empty()) {
                release();
            } else {
                fail(errc::protocol_error, "the proxy answers before it is asked");
            }
            break;
        case status::asking:
            if (auto more = request_->take_output(); !more.empty()) {
                output_.insert(output_.end(), more.begin(), more.end());
                write_some();
            }
            break;
    }
}

void proxy_tunnel::on_end() {
    fail(errc::connection_truncated, has_received_
                                         ? "the proxy has closed the connection within its answer"
                                         : "the proxy has closed the connection without an answer");
}

void proxy_tunnel::release() {
    auto socket = loop_->sockets().release(*this);
    if (socket) {
        finish({std::move(socket), proxy_, {}, {}, {}});
    } else {
        fail(errc::connection_failed, "the system cannot hand the socket over");
    }
}

void proxy_tunnel::cancel() {
    fail(errc::connection_closed, {});
}

void proxy_tunnel::on_deadline(runtime::steady_time) {
    or_fail([this] {
        fail(errc::connection_timeout, has_received_
                                           ? "no complete answer of the proxy's in connect_timeout"
                                           : "no answer of the proxy's within connect_timeout");
    });
}

void proxy_tunnel::on_loop_shutdown() {
    fail(errc::connection_closed, {});
}

void proxy_tunnel::fail(errc code, std::string text) {
    if (done_) {
        finish({{}, {}, code, {}, std::move(text)});
    }
}

void proxy_tunnel::finish(runtime::connect_outcome outcome) {
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
