#pragma once

#include "runtime/loop.h"

#include <network_system/utils/endpoint.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace network_system::inline v0_1::runtime {

/// What a name resolved to; `error` says why there is nothing, in the resolver's own words.
struct resolve_result {
    std::vector<endpoint> endpoints;
    std::string error;
};

/// A name that is being resolved, or waits for a thread.
struct name_question;

/// How many threads may be inside getaddrinfo at once; further names wait for one of them.
inline constexpr std::size_t max_resolver_threads = 64;

/// Resolves a name off the loops and answers on `target`. getaddrinfo can hang for as long as the
/// system's resolver is configured to, and cannot be interrupted: it runs on threads of its own
/// that nobody waits for, so neither a loop nor a stop is ever held up by it. A numeric address
/// answers without a thread. To cancel, `withdraw` what is returned (null when there is nothing to
/// withdraw), and ignore an answer that is on its way already.
[[nodiscard]] std::shared_ptr<name_question> resolve(const std::shared_ptr<loop>& target,
                                                     const std::string& host, std::uint16_t port,
                                                     unique_function<void(resolve_result)> answer);

/// Frees what the answer holds and takes the question out of the queue. Any thread.
void withdraw(const std::shared_ptr<name_question>& question);

}  // namespace network_system::runtime
