#include "testing/simulated_host.h"

#include "runtime/resolver.h"
#include "testing/simulated_loop.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace network_system::inline v0_1::testing::detail {

using runtime::resolve_result;
using runtime::socket_handle;
using runtime::unique_socket;
using runtime::sockets::io_result;
using runtime::sockets::outcome;

namespace {

// As all clients of a process share two threads.
constexpr std::size_t client_loops = 2;

}  // namespace

std::shared_ptr<runtime::loop> simulated_host::make_loop() {
    if (universe_->has_ended) {
        throw std::system_error(std::make_error_code(std::errc::operation_canceled),
                                "the simulation has ended");
    }
    auto made = loop_stepper::make_loop(shared_from_this(), ++universe_->loops_made);
    std::erase_if(universe_->loops, [](const auto& each) { return each.loop.expired(); });
    universe_->loops.push_back({number_, made});
    return made;
}

void simulated_host::crash() {
    fabric().crash(number_);
    universe_->end_loops([this](std::size_t host) { return host == number_; });
    client_pool_.reset();
}

bool simulated_host::runs_here() const {
    return std::any_of(universe_->loops.begin(), universe_->loops.end(), [this](const auto& each) {
        const auto found = each.host == number_ ? each.loop.lock() : nullptr;
        return found && found->runs_here();
    });
}

std::shared_ptr<runtime::io_pool> simulated_host::make_pool(std::size_t loops) {
    std::vector<std::shared_ptr<runtime::loop>> made;
    for (std::size_t i = 0; i < loops; ++i) {
        made.push_back(make_loop());
    }
    return std::make_shared<runtime::io_pool>(std::move(made));
}

std::shared_ptr<runtime::io_pool> simulated_host::client_pool() {
    auto pool = client_pool_.lock();
    if (!pool) {
        pool = make_pool(client_loops);
        client_pool_ = pool;
    }
    return pool;
}

unique_socket simulated_host::listen(const endpoint& local,
                                     const runtime::sockets::listen_settings& settings,
                                     std::error_code& error) {
    return unique_socket(fabric().listen(number_, local, settings.backlog, error), this);
}

io_result simulated_host::accept(socket_handle listener, unique_socket& accepted, endpoint& peer) {
    socket_handle handle = runtime::invalid_socket;
    const io_result result = fabric().accept(listener, handle);
    if (result.kind == outcome::done) {
        accepted = unique_socket(handle, this);
        peer = fabric().find(handle)->remote;
    }
    return result;
}

io_result simulated_host::connect(const endpoint& peer,
                                  const runtime::sockets::connect_settings& settings,
                                  unique_socket& connecting) {
    if (peer.kind() != endpoint::family::ipv4 && peer.kind() != endpoint::family::ipv6) {
        return {outcome::failed, 0, std::make_error_code(std::errc::address_family_not_supported)};
    }
    connecting = unique_socket(fabric().connect(number_, settings.local, peer), this);
    return {outcome::would_block, 0, {}};
}

std::error_code simulated_host::connect_result(socket_handle handle) noexcept {
    return fabric().find(handle)->failure;
}

resolve_result simulated_host::look_up(const std::string& name, std::uint16_t port) const {
    const std::string bare = name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
    const auto found = bare == "localhost" ? number_ : fabric().find_host(bare);
    if (!found) {
        return {{}, "the simulation has no host '" + name + "'"};
    }
    return {{simulated_network::address_of(*found, endpoint::family::ipv6, port),
             simulated_network::address_of(*found, endpoint::family::ipv4, port)},
            {}};
}

std::shared_ptr<runtime::name_question> simulated_host::resolve(
    const std::shared_ptr<runtime::loop>& target, const std::string& host, std::uint16_t port,
    unique_function<void(resolve_result)> answer) {
    const auto deliver = [](runtime::loop& to, unique_function<void(resolve_result)>& waiting,
                            resolve_result result) {
        to.post([waiting = std::move(waiting), result = std::move(result)]() mutable {
            waiting(std::move(result));
        });
    };
    const endpoint numeric = runtime::sockets::parse_address(host, port);
    if (numeric.kind() != endpoint::family::unspecified) {
        deliver(*target, answer, {{numeric}, {}});
        return nullptr;
    }
    const nanoseconds duration = time().chance().in(time().options().resolve_time);
    time().record(event::resolving, number_, static_cast<std::uint64_t>(duration.count()));
    time().after(duration, [this, keep = shared_from_this(), deliver, target, host, port,
                            answer = std::move(answer)]() mutable {
        if (time().chance().chance(time().options().resolve_failure)) {
            ++time().counts().failed_resolves;
            time().record(event::resolve_failed, number_);
            deliver(*target, answer, {{}, "no answer from the simulated name server"});
            return;
        }
        deliver(*target, answer, look_up(host, port));
    });
    return nullptr;
}

std::error_code simulated_host::apply(socket_handle, const runtime::sockets::tcp_settings&,
                                      endpoint::family) noexcept {
    return {};
}

io_result simulated_host::read(socket_handle handle, std::span<const runtime::io_slice> into) {
    return fabric().read(*fabric().find(handle), into);
}

io_result simulated_host::write(socket_handle handle, std::span<const runtime::io_slice> from) {
    return fabric().write(*fabric().find(handle), from);
}

runtime::sockets::unacknowledged simulated_host::count_unacknowledged(
    socket_handle handle, std::uint32_t, runtime::sockets::unacknowledged::unit) noexcept {
    const simulated_socket& asking = *fabric().find(handle);
    return {runtime::sockets::unacknowledged::unit::bytes,
            static_cast<std::uint32_t>(asking.connection->from[asking.side].unacknowledged())};
}

void simulated_host::shutdown_write(socket_handle handle) {
    fabric().shutdown_write(*fabric().find(handle));
}

void simulated_host::reset_on_close(socket_handle handle) noexcept {
    fabric().find(handle)->resets_on_close = true;
}

void simulated_host::close(socket_handle handle) noexcept {
    fabric().close(handle);
}

endpoint simulated_host::local_endpoint(socket_handle handle) {
    return fabric().find(handle)->local;
}

}  // namespace network_system::testing::detail
