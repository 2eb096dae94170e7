#pragma once

#include "runtime/asio/serial_executor.h"
#include "runtime/poller.h"

#include <asio/socket_base.hpp>

namespace network_system::inline v0_1::runtime {

class loop;

/// One Asio wait per socket and direction: works wherever Asio does.
class asio_poller final : public poller {
public:
    asio_poller(loop& owner, const serial_executor& executor);

    std::error_code add(io_watch& watch, unique_socket socket, interest wanted) override;
    void set_interest(io_watch& watch, interest wanted) override;
    void remove(io_watch& watch) override;
    unique_socket release(io_watch& watch) override;
    void arm() override;
    void rebuild_after_fork() override;
    void close_copies() noexcept override;

private:
    struct registration;
    using wait_type = asio::socket_base::wait_type;

    void start_waits(const std::shared_ptr<registration>& entry);
    void start_wait(const std::shared_ptr<registration>& entry, wait_type what);
    void on_wait_done(loop& owner, const std::shared_ptr<registration>& entry, wait_type what);
    [[nodiscard]] static std::shared_ptr<registration>& entry_of(io_watch& watch) noexcept;

    loop& owner_;
    serial_executor executor_;
};

}  // namespace network_system::runtime
