#pragma once

#include "runtime/environment.h"
#include "runtime/network.h"
#include "testing/simulated_network.h"
#include "testing/world.h"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace network_system::inline v0_1::testing::detail {

/// All of a simulation that outlives it while servers and clients do.
struct universe {
    universe(std::uint64_t seed, const simulation_options& options)
        : time(seed, options), fabric(time) {}

    world time;
    simulated_network fabric;
    /// All that exist; each is of a host.
    struct known_loop {
        std::size_t host;
        std::weak_ptr<runtime::loop> loop;
    };
    /// Ends those that `which` wants: nothing runs on them any more.
    template <typename Which>
    void end_loops(const Which& which);

    std::vector<known_loop> loops;
    std::uint64_t loops_made = 0;
    bool has_ended = false;
};

template <typename Which>
void universe::end_loops(const Which& which) {
    for (const auto& end : {&runtime::loop::silence, &runtime::loop::shutdown}) {
        // What is ended may drop other loops.
        for (const known_loop& each : std::vector(loops)) {
            const auto found = which(each.host) ? each.loop.lock() : nullptr;
            if (found) {
                (found.get()->*end)();
            }
        }
    }
}

/// What a process on a host of the simulation sees: its network, and where its loops come from.
///
/// Thread-safety: none.
class simulated_host final : public runtime::environment,
                             public runtime::network,
                             public std::enable_shared_from_this<simulated_host> {
public:
    simulated_host(std::shared_ptr<universe> in, std::size_t number)
        : universe_(std::move(in)), number_(number) {}

    /// Ends all that runs here, as a machine does whose power fails: nothing is said to anybody,
    /// and no callback runs.
    void crash();
    [[nodiscard]] bool runs_here() const;

    [[nodiscard]] world& time() const noexcept { return universe_->time; }
    [[nodiscard]] simulated_network& fabric() const noexcept { return universe_->fabric; }

    std::shared_ptr<runtime::io_pool> make_pool(std::size_t loops) override;
    std::shared_ptr<runtime::io_pool> client_pool() override;

    bool is_native() const noexcept override { return false; }
    runtime::unique_socket listen(const endpoint& local,
                                  const runtime::sockets::listen_settings& settings,
                                  std::error_code& error) override;
    runtime::sockets::io_result accept(runtime::socket_handle listener,
                                       runtime::unique_socket& accepted, endpoint& peer) override;
    runtime::sockets::io_result connect(const endpoint& peer,
                                        const runtime::sockets::connect_settings& settings,
                                        runtime::unique_socket& connecting) override;
    std::error_code connect_result(runtime::socket_handle handle) noexcept override;
    std::shared_ptr<runtime::name_question> resolve(
        const std::shared_ptr<runtime::loop>& target, const std::string& host, std::uint16_t port,
        unique_function<void(runtime::resolve_result)> answer) override;
    std::error_code apply(runtime::socket_handle handle,
                          const runtime::sockets::tcp_settings& settings,
                          endpoint::family family) noexcept override;
    runtime::sockets::io_result read(runtime::socket_handle handle,
                                     std::span<const runtime::io_slice> into) override;
    runtime::sockets::io_result write(runtime::socket_handle handle,
                                      std::span<const runtime::io_slice> from) override;
    runtime::sockets::unacknowledged count_unacknowledged(
        runtime::socket_handle handle, std::uint32_t written,
        runtime::sockets::unacknowledged::unit known) noexcept override;
    void shutdown_write(runtime::socket_handle handle) override;
    void reset_on_close(runtime::socket_handle handle) noexcept override;
    void close(runtime::socket_handle handle) noexcept override;
    endpoint local_endpoint(runtime::socket_handle handle) override;

private:
    [[nodiscard]] std::shared_ptr<runtime::loop> make_loop();
    [[nodiscard]] runtime::resolve_result look_up(const std::string& name,
                                                  std::uint16_t port) const;

    const std::shared_ptr<universe> universe_;
    const std::size_t number_;
    std::weak_ptr<runtime::io_pool> client_pool_;
};

}  // namespace network_system::testing::detail
