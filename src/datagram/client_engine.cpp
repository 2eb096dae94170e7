#include "datagram/client_engine.h"

#include "lifecycle/addresses.h"
#include "utils/contain.h"
#include "utils/failure.h"

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::core {

VoidResult udp_client_engine::start(const std::string& host, std::uint16_t port,
                                    start_callback& done, session::operation_id operation) {
    auto target = std::make_shared<pending_target>(pending_target{host, port, {}, {}});
    const auto self = std::static_pointer_cast<udp_client_engine>(shared_from_this());
    if (operation != session::operation_id::none && !target->operation.begin(operation, self)) {
        return session::operation_exists(name());
    }
    target->done = [this, done = std::move(done)](VoidResult result) {
        if (result.is_err()) {
            has_failed_ = true;
            detail::insist([this] { begin_stop(); });
        }
        if (done) {
            run_callback(*loop_, [&] { done(result); });
        }
        // The start is over, also for those who wait for the end.
        release_part(*loop_);
        start_result_.give(std::move(result));
    };
    loop_->post(
        [keep = shared_from_this(), this, target] { look_up(target, &udp_client_engine::open); });
    return ok();
}

void udp_client_engine::set_target(const std::string& host, std::uint16_t port,
                                   start_callback done) {
    auto target = std::make_shared<pending_target>(pending_target{host, port, {}, {}});
    target->done = [this, done = std::move(done)](VoidResult result) {
        run_callback(*loop_, [&] { done(std::move(result)); });
    };
    loop_->post([keep = shared_from_this(), this, target] {
        look_up(target, &udp_client_engine::retarget);
    });
}

void udp_client_engine::look_up(const std::shared_ptr<pending_target>& target, use_address use) {
    if (is_stopping()) {
        target->done(failed(target->operation.complete_with(errc::connection_closed), {}, {}));
        return;
    }
    std::shared_ptr<runtime::name_lookup> lookup;
    runtime::name_lookup::handler answer;
    const bool is_ready = detail::contain([&] {
        lookup = std::make_shared<runtime::name_lookup>(loop_);
        answer = [keep = shared_from_this(), this, target, use,
                  which = lookup.get()](const runtime::lookup_outcome& found) {
            std::erase_if(lookups_, [&](const auto& each) { return each.get() == which; });
            target->done(detail::within_memory([&] { return try_addresses(*target, found, use); }));
        };
        lookups_.push_back(lookup);
    });
    if (!is_ready) {
        target->done(
            detail::failure_without_words(target->operation.complete_with(errc::out_of_memory)));
        return;
    }
    lookup->start(target->host, target->port,
                  runtime::after(loop_->clock(), options_.resolve_timeout), std::move(answer));
}

VoidResult udp_client_engine::try_addresses(pending_target& target,
                                            const runtime::lookup_outcome& found, use_address use) {
    const bool was_cancelled = !target.operation.complete();
    if (was_cancelled || found.addresses.empty()) {
        const auto code = was_cancelled ? errc::cancelled : found.code;
        const std::string what = "cannot send to " + describe_target(target.host, target.port);
        return was_cancelled || found.text.empty()
                   ? detail::failure(code, what, name())
                   : error_info{static_cast<int>(code), what + ": " + found.text, name(),
                                found.text};
    }
    VoidResult last = ok();
    for (const endpoint& each : found.addresses) {
        last = (this->*use)(each);
        if (last) {
            break;
        }
    }
    return last;
}

error_info udp_client_engine::failed(errc code, const endpoint& target,
                                     std::error_code cause) const {
    const std::string what = target.kind() == endpoint::family::unspecified
                                 ? std::string("the client was stopped")
                                 : "cannot send to " + target.to_string();
    return detail::failure(code, what, name(), cause);
}

std::error_code udp_client_engine::use_target(session::datagram_channel& channel,
                                              const endpoint& target) {
    const auto refused = channel.set_target(target, options_.is_connected);
    if (!refused) {
        const std::lock_guard lock(target_mutex_);
        target_ = target;
    }
    return refused;
}

VoidResult udp_client_engine::open(const endpoint& target) {
    const auto wanted = parse_bind_address(options_.bind_address, options_.bind_port, name());
    const auto multicast = to_runtime(options_.multicast, name());
    if (!wanted || !multicast) {
        return wanted ? VoidResult(multicast.error()) : VoidResult(wanted.error());
    }
    const bool is_any = wanted.value().kind() == endpoint::family::unspecified;
    if (!is_any && wanted.value().kind() != target.kind()) {
        return failed(errc::connection_failed, target,
                      std::make_error_code(std::errc::address_family_not_supported));
    }
    runtime::sockets::datagram_settings settings;
    settings.may_broadcast = options_.may_broadcast;
    settings.send_buffer_size = options_.datagrams.send_buffer_size;
    settings.receive_buffer_size = options_.datagrams.receive_buffer_size;
    settings.is_dual_stack = false;
    std::error_code error;
    auto socket = runtime::sockets::open_datagram(
        is_any ? endpoint(target.kind(), {}, options_.bind_port) : wanted.value(), settings, error);
    if (!error) {
        error = runtime::sockets::apply(socket.get(), multicast.value(), target.kind(), true);
    }
    if (error) {
        return failed(errc::bind_failed, target, error);
    }
    session::datagram_setup setup;
    setup.config = options_.datagrams;
    setup.drain_timeout = options_.drain_timeout;
    const auto channel = make_channel(loop_, std::move(socket), setup, options_.readiness_method);
    if (const auto refused = use_target(*channel, target)) {
        return failed(errc::connection_failed, target, refused);
    }
    detail::log(log_level::info, writer().about(target), "datagrams go to this peer");
    adopt({channel});
    watch(channel);
    return ok();
}

VoidResult udp_client_engine::retarget(const endpoint& target) {
    const auto& channel = sockets().front();
    if (!channel->is_open()) {
        return failed(errc::connection_closed, {}, {});
    }
    if (const auto refused = use_target(*channel, target)) {
        return failed(errc::connection_failed, target, refused);
    }
    detail::log(log_level::info, writer().about(target), "datagrams go to this peer from now on");
    return ok();
}

void udp_client_engine::on_cancelled(session::operation_id) noexcept {
    // Whenever this runs, the start has been told, or will be, that it was cancelled.
    detail::insist([this] {
        loop_->post(
            [keep = shared_from_this(), this] { detail::insist([this] { begin_stop(); }); });
    });
}

void udp_client_engine::stop_starting() {
    loop_->post([keep = shared_from_this(), this] {
        for (const auto& each : std::exchange(lookups_, {})) {
            each->cancel();
        }
    });
}

}  // namespace network_system::core
