#include "runtime/resolver.h"

#include "runtime/socket_platform.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace network_system::runtime {
namespace {

resolve_result look_up(const std::string& host, std::uint16_t port) {
    ::addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
#ifdef AI_ADDRCONFIG
    hints.ai_flags = AI_ADDRCONFIG;
#endif
    ::addrinfo* found = nullptr;
    int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (status != 0) {
        // A machine whose only interface is the loopback has no "configured" address at all.
        hints.ai_flags = 0;
        status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    }
    resolve_result result;
    if (status != 0) {
        result.error = ::gai_strerror(status);
        return result;
    }
    for (const ::addrinfo* each = found; each != nullptr; each = each->ai_next) {
        const endpoint address = sockets::endpoint_of(*each, port);
        if (address.kind() != endpoint::family::unspecified &&
            std::find(result.endpoints.begin(), result.endpoints.end(), address) ==
                result.endpoints.end()) {
            result.endpoints.push_back(address);
        }
    }
    ::freeaddrinfo(found);
    if (result.endpoints.empty()) {
        result.error = "the name has no IPv4 or IPv6 address";
    }
    return result;
}

}  // namespace

void resolve(const std::shared_ptr<loop>& target, const std::string& host, std::uint16_t port,
             unique_function<void(resolve_result)> answer) {
    const endpoint numeric = sockets::parse_address(host, port);
    const auto deliver = [target](unique_function<void(resolve_result)> receiver,
                                  resolve_result result) {
        target->post([receiver = std::move(receiver), result = std::move(result)]() mutable {
            receiver(std::move(result));
        });
    };
    if (numeric.kind() != endpoint::family::unspecified) {
        deliver(std::move(answer), {{numeric}, {}});
        return;
    }
    const auto shared = std::make_shared<unique_function<void(resolve_result)>>(std::move(answer));
    try {
        std::thread([deliver, host, port, shared] {
            deliver(std::move(*shared), look_up(host, port));
        }).detach();
    } catch (const std::system_error& failure) {
        deliver(std::move(*shared),
                {{}, std::string("no thread to resolve on: ") + failure.what()});
    }
}

}  // namespace network_system::runtime
