#include "client/proxy_environment.h"

#include "os/address_network.h"
#include "utils/ascii.h"
#include "utils/failure.h"
#include "utils/host.h"

#include <charconv>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>

namespace network_system::inline v0_1::core {
namespace {

using runtime::address_network;

struct variable {
    const char* name = nullptr;
    std::string value = {};
};

/// The first of these variables that is not empty.
variable first_of(const variable_lookup& environment, std::initializer_list<const char*> names) {
    for (const char* const each : names) {
        if (std::string value = environment(each); !value.empty()) {
            return {each, std::move(value)};
        }
    }
    return {};
}

std::string_view without_dots(std::string_view name) noexcept {
    if (name.starts_with("*.")) {
        name.remove_prefix(1);
    }
    while (name.starts_with('.')) {
        name.remove_prefix(1);
    }
    return name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
}

/// Whether a name is this one, or one below it.
bool is_within(std::string_view name, std::string_view domain) noexcept {
    if (domain.empty() || name.size() < domain.size()) {
        return false;
    }
    const std::size_t before = name.size() - domain.size();
    return detail::equals_ignoring_case(name.substr(before), domain) &&
           (before == 0 || name[before - 1] == '.');
}

/// The port behind an entry of NO_PROXY, which is taken from it. Of colons in an IPv6 address
/// without brackets none is before a port. Nothing: there is none; 0: what is there is none.
std::optional<std::uint16_t> take_port_of(std::string_view& entry) noexcept {
    const std::size_t colon = entry.rfind(':');
    const bool is_bracketed = entry.starts_with('[');
    const std::size_t before = is_bracketed ? entry.rfind("]:") : entry.find(':');
    if (colon == std::string_view::npos || before != colon - (is_bracketed ? 1 : 0)) {
        return std::nullopt;
    }
    const std::string_view digits = entry.substr(colon + 1);
    entry = entry.substr(0, colon);
    std::uint16_t port = 0;
    const auto* const end = digits.data() + digits.size();
    const auto [rest, error] = std::from_chars(digits.data(), end, port);
    return error == std::errc() && rest == end ? port : std::uint16_t{0};
}

/// Whether NO_PROXY's entry stands for the target. One that is no name and no address stands for
/// nothing.
bool stands_for(std::string_view entry, const detail::host& target, std::uint16_t port) {
    if (entry == "*") {
        return true;
    }
    if (const auto wanted = take_port_of(entry); wanted && *wanted != port) {
        return false;
    }
    if (target.is_name()) {
        return is_within(without_dots(target.text()), without_dots(entry));
    }
    if (entry.starts_with('[') && entry.ends_with(']')) {
        entry = entry.substr(1, entry.size() - 2);
    }
    const auto network =
        address_network::parse(std::string(entry), address_network::further_bits::dropped);
    return network && network->contains(target.address());
}

/// Whether NO_PROXY, whose entries stand between commas or blanks, has the target.
bool is_excepted(std::string_view list, const detail::host& target, std::uint16_t port) {
    constexpr std::string_view separators = ", \t";
    while (!list.empty()) {
        const std::size_t end = list.find_first_of(separators);
        const std::string_view entry = list.substr(0, end);
        list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
        if (!entry.empty() && stands_for(entry, target, port)) {
            return true;
        }
    }
    return false;
}

std::string variable_of_process(const char* name) {
    const char* const set = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): only read
    return set != nullptr ? set : "";
}

}  // namespace

Result<proxy_options> proxy_in_environment(const variable_lookup& environment,
                                           std::string_view host, std::uint16_t port,
                                           bool is_secure) {
    const auto target = detail::host::parse(host, "proxy");
    if (!target) {
        return target.error();
    }
    variable found = is_secure ? first_of(environment, {"https_proxy", "HTTPS_PROXY"}) : variable{};
    if (found.name == nullptr) {
        found = first_of(environment, {"all_proxy", "ALL_PROXY"});
    }
    if (found.name == nullptr || target.value().is_path() ||
        is_excepted(first_of(environment, {"no_proxy", "NO_PROXY"}).value, target.value(), port)) {
        return proxy_options{};
    }
    // As everywhere, an address alone is an HTTP proxy.
    const bool has_scheme = found.value.find("://") != std::string::npos;
    auto parsed = parse_proxy(has_scheme ? found.value : "http://" + found.value);
    if (!parsed) {
        return detail::failure_in_words(errc::invalid_argument,
                                        std::string("the environment's ") + found.name + ": " +
                                            parsed.error().message,
                                        "proxy");
    }
    return parsed;
}

Result<proxy_options> proxy_from_environment(std::string_view host, std::uint16_t port,
                                             strict_bool is_secure) {
    return detail::within_memory(
        [&] { return proxy_in_environment(&variable_of_process, host, port, is_secure); });
}

}  // namespace network_system::core
