#include "runtime/network.h"

#include "runtime/resolver.h"

#include <type_traits>
#include <utility>

namespace network_system::inline v0_1::runtime {
namespace {

class machine_network final : public network {
public:
    bool is_native() const noexcept override { return true; }

    unique_socket listen(const endpoint& local, const sockets::listen_settings& settings,
                         std::error_code& error) override {
        return sockets::listen(local, settings, error);
    }
    sockets::io_result accept(socket_handle listener, unique_socket& accepted,
                              endpoint& peer) override {
        return sockets::accept(listener, accepted, peer);
    }
    sockets::io_result connect(const endpoint& peer, const sockets::connect_settings& settings,
                               unique_socket& connecting) override {
        return sockets::connect(peer, settings, connecting);
    }
    std::error_code connect_result(socket_handle handle) noexcept override {
        return sockets::connect_result(handle);
    }
    std::shared_ptr<name_question> resolve(const std::shared_ptr<loop>& target,
                                           const std::string& host, std::uint16_t port,
                                           unique_function<void(resolve_result)> answer) override {
        return runtime::resolve(target, host, port, std::move(answer));
    }
    std::error_code apply(socket_handle handle, const sockets::tcp_settings& settings,
                          endpoint::family family) noexcept override {
        return sockets::apply(handle, settings, family);
    }
    sockets::io_result read(socket_handle handle, std::span<const io_slice> into) override {
        return sockets::read(handle, into);
    }
    sockets::io_result write(socket_handle handle, std::span<const io_slice> from) override {
        return sockets::write(handle, from);
    }
    sockets::unacknowledged count_unacknowledged(
        socket_handle handle, std::uint32_t written,
        sockets::unacknowledged::unit known) noexcept override {
        return sockets::count_unacknowledged(handle, written, known);
    }
    void shutdown_write(socket_handle handle) override { sockets::shutdown_write(handle); }
    void reset_on_close(socket_handle handle) noexcept override { sockets::reset_on_close(handle); }
    void close(socket_handle handle) noexcept override { sockets::close(handle); }
    endpoint local_endpoint(socket_handle handle) override {
        return sockets::local_endpoint(handle);
    }
};

}  // namespace

network& native_network() noexcept {
    // Loops may still run while the process exits.
    static_assert(std::is_trivially_destructible_v<machine_network>);
    static machine_network machine;
    return machine;
}

}  // namespace network_system::runtime
