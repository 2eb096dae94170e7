#pragma once

#include "transport/transport.h"

#include <memory>

namespace network_system::inline v0_1::transport {

/// A transport over a connected TCP socket of the loop's network.
[[nodiscard]] std::shared_ptr<transport> make_plain_transport(std::shared_ptr<runtime::loop> where,
                                                              runtime::unique_socket socket);

}  // namespace network_system::transport
