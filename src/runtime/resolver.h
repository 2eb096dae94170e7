#pragma once

#include "runtime/loop.h"

#include <network_system/utils/endpoint.h>

#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace network_system::runtime {

/// What a name resolved to; `error` says why there is nothing, in the resolver's own words.
struct resolve_result {
    std::vector<endpoint> endpoints;
    std::string error;
};

/// Resolves a name off the loops and answers on `target`. getaddrinfo can hang for as long as the
/// system's resolver is configured to, and cannot be interrupted: it runs on a thread of its own
/// that nobody waits for, so neither a loop nor a stop is ever held up by it. A numeric address
/// answers without a thread. To cancel, forget the answer.
void resolve(const std::shared_ptr<loop>& target, const std::string& host, std::uint16_t port,
             unique_function<void(resolve_result)> answer);

}  // namespace network_system::runtime
