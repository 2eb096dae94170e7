#pragma once

#include "runtime/io_pool.h"

#include <cstddef>
#include <memory>

namespace network_system::inline v0_1::runtime {

/// What servers and clients run in, where that is not the machine: a simulation's host. Its pools'
/// loops bring the network along.
///
/// Thread-safety: the implementation's.
class environment {
public:
    environment() = default;
    environment(const environment&) = delete;
    environment& operator=(const environment&) = delete;
    virtual ~environment() = default;

    /// For one server. Throws std::system_error when there can be none.
    [[nodiscard]] virtual std::shared_ptr<io_pool> make_pool(std::size_t loops) = 0;
    /// Shared by the clients. Throws the same.
    [[nodiscard]] virtual std::shared_ptr<io_pool> client_pool() = 0;
};

}  // namespace network_system::runtime
