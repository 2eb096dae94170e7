#pragma once

#include "runtime/poller.h"

#include <asio/io_context.hpp>
#include <asio/strand.hpp>

namespace network_system::runtime {

class loop;
using loop_strand = asio::strand<asio::io_context::executor_type>;

/// One Asio wait per socket and direction: works wherever Asio does.
class asio_poller final : public poller {
public:
    asio_poller(loop& owner, loop_strand strand);

    std::error_code add(io_watch& watch, unique_socket socket, interest wanted) override;
    void set_interest(io_watch& watch, interest wanted) override;
    void remove(io_watch& watch) override;
    unique_socket release(io_watch& watch) override;
    void arm() override;
    void rebuild_after_fork() override;

private:
    struct registration;

    void start_waits(const std::shared_ptr<registration>& entry);
    void start_wait(const std::shared_ptr<registration>& entry, bool for_write);
    [[nodiscard]] static std::shared_ptr<registration>& entry_of(io_watch& watch) noexcept;

    loop& owner_;
    loop_strand strand_;
};

}  // namespace network_system::runtime
