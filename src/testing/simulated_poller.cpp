#include "testing/simulated_poller.h"

#include "testing/simulated_host.h"
#include "testing/simulated_network.h"

#include <algorithm>
#include <utility>

namespace network_system::inline v0_1::testing::detail {

using runtime::interest;
using runtime::io_watch;
using runtime::socket_handle;
using runtime::unique_socket;

std::error_code simulated_poller::add(io_watch& watch, unique_socket socket, interest wanted) {
    const socket_handle handle = socket.release();
    record_handle(watch, handle);
    record_interest(watch, wanted);
    watches_.add(watch);
    simulated_socket& found = *host_.fabric().find(handle);
    found.watch = &watch;
    found.poller = this;
    check(handle);
    return {};
}

void simulated_poller::set_interest(io_watch& watch, interest wanted) {
    record_interest(watch, wanted);
    check(handle_of(watch));
}

void simulated_poller::remove(io_watch& watch) {
    release(watch).reset();
}

unique_socket simulated_poller::release(io_watch& watch) {
    const socket_handle handle = handle_of(watch);
    simulated_socket& found = *host_.fabric().find(handle);
    found.watch = nullptr;
    found.poller = nullptr;
    watches_.remove(watch);
    record_interest(watch, {});
    record_handle(watch, runtime::invalid_socket);
    return unique_socket(handle, &host_);
}

interest simulated_poller::readiness(socket_handle handle) const {
    const simulated_socket* const found = host_.fabric().find(handle);
    if (found == nullptr || found->poller != this) {
        return {};
    }
    const interest wanted = interest_of(*found->watch);
    const interest is = host_.fabric().readiness(*found);
    return {wanted.read && is.read, wanted.write && is.write, wanted.failure && is.failure};
}

void simulated_poller::check(socket_handle handle) {
    if (!readiness(handle).any()) {
        return;
    }
    simulated_socket& found = *host_.fabric().find(handle);
    if (!std::exchange(found.is_listed, true)) {
        ready_.push_back(handle);
    }
    stepper_.on_ready();
}

/// Some that are still ready, in any order.
std::vector<socket_handle> simulated_poller::take_ready() {
    const auto unlist = [this](socket_handle handle) {
        if (simulated_socket* const found = host_.fabric().find(handle)) {
            found->is_listed = false;
        }
    };
    std::erase_if(ready_, [&](socket_handle handle) {
        const bool is_over = !readiness(handle).any();
        if (is_over) {
            unlist(handle);
        }
        return is_over;
    });
    dice& chance = host_.time().chance();
    for (std::size_t left = ready_.size(); left > 1; --left) {
        std::swap(ready_[left - 1], ready_[chance.below(left)]);
    }
    const std::size_t count = ready_.empty() ? 0 : 1 + chance.below(ready_.size());
    const auto from = ready_.end() - static_cast<std::ptrdiff_t>(count);
    std::vector<socket_handle> taken(from, ready_.end());
    ready_.erase(from, ready_.end());
    for (const socket_handle each : taken) {
        unlist(each);
    }
    return taken;
}

void simulated_poller::dispatch(runtime::loop& owner) {
    const auto taken = take_ready();
    if (taken.empty()) {
        return;
    }
    host_.time().record(event::batch_of_sockets, stepper_.number(), taken.size());
    simulated_network& fabric = host_.fabric();
    owner.run_batch([&] {
        for (const socket_handle each : taken) {
            if (const interest is = readiness(each); is.any()) {
                fabric.find(each)->watch->on_ready(is);
            }
        }
    });
    // Level-triggered: what was not read, or has come since, is told again.
    for (const socket_handle each : taken) {
        if (const simulated_socket* const found = fabric.find(each);
            found != nullptr && found->poller != nullptr) {
            found->poller->check(each);
        }
    }
}

}  // namespace network_system::testing::detail
