#include "runtime/connector.h"

#include "os/address_order.h"
#include "utils/on_exception.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::runtime {
namespace {

// So many addresses are named in an error; the rest are counted.
constexpr std::size_t most_named = 8;
// Nothing tells when the queue of a Unix domain server has room again.
constexpr std::chrono::milliseconds queue_retry{10};

/// Which of two failures tells the user more about what is wrong.
int weight(errc code) noexcept {
    switch (code) {
        case errc::connection_refused: return 2;
        case errc::connection_timeout: return 1;
        default: return 0;
    }
}

/// Whether a connected socket is its own peer. To connect to "any address" reaches the local one.
bool is_same_socket(const endpoint& local, const endpoint& peer) noexcept {
    return peer.kind() != endpoint::family::unix_domain && local.port() == peer.port() &&
           (local == peer || peer.bytes() == endpoint::address_bytes{});
}

}  // namespace

errc classify(std::error_code error, errc otherwise) noexcept {
    if (error && error.category() == error_category()) {
        return static_cast<errc>(error.value());
    }
    if (error == std::errc::connection_refused) {
        return errc::connection_refused;
    }
    if (error == std::errc::timed_out) {
        return errc::connection_timeout;
    }
    if (error == std::errc::connection_reset || error == std::errc::broken_pipe ||
        error == std::errc::connection_aborted) {
        return errc::connection_closed;
    }
    return otherwise;
}

connector::connector(std::shared_ptr<loop> where, sockets::connect_settings settings)
    : loop_(std::move(where)), settings_(std::move(settings)) {}

connector::~connector() = default;

void connector::start(const std::string& host, std::uint16_t port, steady_time deadline,
                      handler done) {
    done_ = std::move(done);
    deadline_ = deadline;
    state_ = state::resolving;
    or_fail([&] {
        host_ = host;
        lookup_ = std::make_shared<name_lookup>(loop_);
        lookup_->start(host, port, deadline_, [self = shared_from_this()](lookup_outcome found) {
            self->on_resolved(std::move(found));
        });
    });
}

template <typename Work>
void connector::or_fail(const Work& work) {
    try {
        work();
    } catch (const std::bad_alloc&) {
        if (state_ != state::done) {
            fail(errc::out_of_memory, {}, {});
        }
    }
}

void connector::on_resolved(lookup_outcome found) {
    or_fail([&] { connect_to(std::move(found)); });
}

void connector::connect_to(lookup_outcome found) {
    if (state_ != state::resolving) {
        return;  // cancelled meanwhile
    }
    if (found.addresses.empty()) {
        fail(found.code, {}, std::move(found.text));
        return;
    }
    addresses_ = std::move(found.addresses);
    if (!keep_reachable_addresses()) {
        fail(errc::connection_failed, {},
             fmt::format("no address of it can be reached from the local address {}",
                         settings_.local.address()));
        return;
    }
    addresses_ = interleave_families(std::move(addresses_));
    state_ = state::racing;
    // Whoever waits for an answer gets it when the loop goes away, too.
    loop_->sockets().add_waiting(*this);
    is_waiting_ = true;
    try_next();
}

bool connector::keep_reachable_addresses() {
    const auto family = settings_.local.kind();
    if (family != endpoint::family::unspecified) {
        std::erase_if(addresses_, [&](const endpoint& each) { return each.kind() != family; });
    }
    return !addresses_.empty();
}

void connector::try_next() {
    waits_for_room_ = false;
    while (next_address_ < addresses_.size()) {
        const endpoint& peer = addresses_[next_address_++];
        if (begin_attempt(peer)) {
            break;
        }
    }
    if (state_ == state::done) {
        return;
    }
    if (attempts_.empty() && !waits_for_room_) {
        finish_failed();
    } else {
        schedule();
    }
}

/// False when it failed at once.
bool connector::begin_attempt(const endpoint& peer) {
    if (attempts_.size() == max_attempts) {
        record_silence(*attempts_.front());
        drop(*attempts_.front());
    }
    unique_socket socket;
    auto begun = loop_->net().connect(peer, settings_, socket);
    if (begun.kind == sockets::outcome::done) {
        return accept(std::move(socket), peer);
    }
    if (begun.kind == sockets::outcome::would_block) {
        const auto added = std::make_shared<attempt>(*this, peer);
        attempts_.push_back(added);
        const detail::on_exception undo([this] { attempts_.pop_back(); });
        begun.error = loop_->sockets().add(*added, std::move(socket), {false, true});
        if (!begun.error) {
            return true;
        }
        attempts_.pop_back();
    }
    if (peer.kind() == endpoint::family::unix_domain &&
        begun.error == std::errc::resource_unavailable_try_again) {
        --next_address_;
        waits_for_room_ = true;
        return true;
    }
    failures_.push_back({peer, classify(begun.error, errc::connection_failed), begun.error});
    return false;
}

void connector::schedule() {
    const std::size_t left = addresses_.size() - next_address_;
    const auto now = loop_->now();
    auto next = deadline_;
    if (waits_for_room_) {
        next = after(now, queue_retry);
    } else if (left > 0) {
        next = now + delay_before_next(deadline_ - now, left);
    }
    loop_->deadlines().set(*this, std::min(next, deadline_));
}

void connector::on_attempt_ready(attempt& which) {
    or_fail([&] { end_attempt(which); });
}

void connector::end_attempt(attempt& which) {
    const std::error_code error = loop_->net().connect_result(poller::handle_of(which));
    if (error) {
        failures_.push_back({which.peer(), classify(error, errc::connection_failed), error});
        drop(which);
        try_next();
        return;
    }
    const endpoint peer = which.peer();
    auto socket = loop_->sockets().release(which);
    if (!socket) {
        fail(errc::connection_failed, {}, "the system cannot hand the socket over");
        return;
    }
    drop(which);
    if (!accept(std::move(socket), peer)) {
        try_next();
    }
}

bool connector::accept(unique_socket socket, const endpoint& peer) {
    if (!is_same_socket(loop_->net().local_endpoint(socket.get()), peer)) {
        finish({std::move(socket), peer, {}, {}, {}});
        return true;
    }
    loop_->net().reset_on_close(socket.get());
    failures_.push_back({peer, errc::connection_refused,
                         std::make_error_code(std::errc::connection_refused),
                         "nobody listens there, and the connection was to itself"});
    return false;
}

void connector::on_deadline(steady_time now) {
    or_fail([&] { meet_deadline(now); });
}

void connector::meet_deadline(steady_time now) {
    if (now < deadline_) {
        try_next();
    } else {
        for (const auto& silent : attempts_) {
            record_silence(*silent);
        }
        fail(errc::connection_timeout, {}, describe_failures());
    }
}

void connector::record_silence(const attempt& which) {
    failures_.push_back({which.peer(), errc::connection_timeout, {}});
}

void connector::drop(attempt& which) {
    const auto found = std::find_if(attempts_.begin(), attempts_.end(),
                                    [&](const auto& each) { return each.get() == &which; });
    if (poller::handle_of(which) != invalid_socket) {
        loop_->sockets().remove(which);
    }
    // Events of this batch may still name it.
    loop_->retire(std::move(*found));
    attempts_.erase(found);
}

void connector::cancel() {
    if (state_ == state::idle || state_ == state::done) {
        state_ = state::done;
        return;
    }
    fail(errc::connection_closed, {}, {});
}

void connector::on_loop_shutdown() {
    is_waiting_ = false;
    fail(errc::connection_closed, {}, {});
}

void connector::stop_waiting() noexcept {
    if (std::exchange(is_waiting_, false)) {
        loop_->sockets().remove_waiting(*this);
    }
}

std::string connector::describe_failures() const {
    if (addresses_.size() == 1 &&
        (addresses_.front().address() == host_ || addresses_.front().to_string() == host_)) {
        return failures_.empty() ? std::string() : failures_.back().text;
    }
    std::string text;
    for (std::size_t i = 0; i < std::min(failures_.size(), most_named); ++i) {
        const failed_attempt& each = failures_[i];
        text += fmt::format("{}{}: {}", i == 0 ? "" : "; ", each.peer.to_string(),
                            !each.text.empty() ? each.text
                            : each.cause       ? each.cause.message()
                                               : "no answer");
    }
    if (failures_.size() > most_named) {
        text += fmt::format("; and {} more", failures_.size() - most_named);
    }
    return text;
}

void connector::finish_failed() {
    const auto worst = std::max_element(
        failures_.begin(), failures_.end(),
        [](const auto& one, const auto& other) { return weight(one.code) < weight(other.code); });
    fail(worst->code, worst->cause, describe_failures());
}

void connector::fail(errc code, std::error_code cause, std::string text) {
    finish({{}, {}, code, cause, std::move(text)});
}

void connector::finish(connect_outcome outcome) {
    state_ = state::done;
    if (const auto lookup = std::exchange(lookup_, nullptr)) {
        lookup->cancel();
    }
    stop_waiting();
    deadline_wheel::cancel(*this);
    while (!attempts_.empty()) {
        drop(*attempts_.back());
    }
    loop_->retire(shared_from_this());
    const handler done = std::move(done_);
    done(std::move(outcome));
}

}  // namespace network_system::runtime
