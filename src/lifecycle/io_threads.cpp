// What an application asks of the threads that the library makes for it.
#include "lifecycle/io_threads.h"

#include "lifecycle/options.h"
#include "os/cpus.h"
#include "runtime/environment.h"
#include "utils/failure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::core {
namespace {

namespace cpus = runtime::cpus;

struct own_threads {
    std::size_t io_threads;
};
constexpr std::array thread_ranges{detail::range<&own_threads::io_threads>("io_threads", 1, 256)};

void check_cpus(detail::option_checks& all, const std::vector<unsigned>& wanted) {
    all.must(!wanted.empty(), "io_thread.cpus must name the CPUs for cpu_placement::cpus");
    const cpus::list allowed = cpus::allowed();
    for (const unsigned each : wanted) {
        all.must(std::binary_search(allowed.begin(), allowed.end(), each),
                 fmt::format("io_thread.cpus names CPU {}, and this process may use {}", each,
                             cpus::to_text(allowed)));
    }
}

void check_placement(detail::option_checks& all, const io_thread_options& each) {
    all.must(each.placement == cpu_placement::cpus || each.cpus.empty(),
             "io_thread.cpus needs io_thread.placement to be cpu_placement::cpus");
    if (each.placement == cpu_placement::none) {
        return;
    }
    if (!cpus::can_place_threads()) {
        all.must(VoidResult(detail::failure(errc::not_supported,
                                            "io_thread.placement: threads cannot be placed", {})));
    } else if (each.placement == cpu_placement::cpus) {
        check_cpus(all, each.cpus);
    }
}

/// The CPUs of each node that this process may use.
std::vector<cpus::list> usable_nodes() {
    const cpus::list allowed = cpus::allowed();
    std::vector<cpus::list> usable;
    for (const cpus::list& each : cpus::nodes()) {
        if (auto of_node = cpus::common_to(each, allowed); !of_node.empty()) {
            usable.push_back(std::move(of_node));
        }
    }
    if (usable.empty()) {
        usable.push_back(allowed);
    }
    return usable;
}

std::vector<cpus::list> places_of(const io_thread_options& each) {
    std::vector<cpus::list> places;
    switch (each.placement) {
        case cpu_placement::none: break;
        case cpu_placement::cpus:
            for (const unsigned one : each.cpus) {
                places.push_back({one});
            }
            break;
        case cpu_placement::numa_nodes: places = usable_nodes(); break;
    }
    return places;
}

runtime::io_threads::settings to_runtime(const io_thread_options& each, readiness method,
                                         std::string_view usual_name) {
    return {core::to_runtime(method), each.name.empty() ? std::string(usual_name) : each.name,
            places_of(each), each.on_start, each.on_stop};
}

template <typename Make>
made_pool make_own_or_given(const run_options& options, const Make& own, errc code,
                            std::string_view source) {
    try {
        return options.io_context != nullptr
                   ? std::make_shared<runtime::io_pool>(*options.io_context,
                                                        to_runtime(options.readiness_method))
                   : own();
    } catch (const runtime::io_threads::hook_failure& failure) {
        return detail::failure_in_words(
            errc::internal_error,
            fmt::format("cannot start an I/O thread: on_start threw: {}", failure.what()), source);
    } catch (const std::system_error& failure) {
        return detail::failure(code, "cannot start an I/O thread", source, failure.code());
    }
}

}  // namespace

void check_io_threads(detail::option_checks& all, std::size_t io_threads,
                      const io_thread_options& each, const run_options& options) {
    if (options.io_context == nullptr) {
        all.ranges(own_threads{io_threads}, thread_ranges);
        check_placement(all, each);
    }
}

made_pool make_server_pool(const run_options& options, std::size_t io_threads,
                           const io_thread_options& each, std::string_view source) {
    return make_own_or_given(
        options,
        [&] {
            return std::make_shared<runtime::io_pool>(
                io_threads,
                to_runtime(each, options.readiness_method, runtime::io_threads::usual_name));
        },
        errc::bind_failed, source);
}

made_pool make_server_pool(const stream_options& options, std::size_t io_threads,
                           const io_thread_options& each, std::string_view source) {
    if (!options.environment) {
        return make_server_pool(static_cast<const run_options&>(options), io_threads, each, source);
    }
    return make_own_or_given(
        options, [&] { return options.environment->make_pool(io_threads); }, errc::bind_failed,
        source);
}

made_pool make_client_pool(const run_options& options, std::string_view source) {
    return make_own_or_given(
        options,
        [&] { return runtime::io_pool::shared_for_clients(to_runtime(options.readiness_method)); },
        errc::connection_failed, source);
}

made_pool make_client_pool(const stream_options& options, std::string_view source) {
    if (!options.environment) {
        return make_client_pool(static_cast<const run_options&>(options), source);
    }
    return make_own_or_given(
        options, [&] { return options.environment->client_pool(); }, errc::connection_failed,
        source);
}

VoidResult set_client_threads(client_thread_options options) {
    constexpr std::string_view source = "client threads";
    return detail::within_memory([&]() -> VoidResult {
        detail::option_checks all(source);
        check_io_threads(all, options.io_threads, options, {});
        if (!all.hold()) {
            return std::move(all).result();
        }
        if (!runtime::io_pool::set_up_for_clients(
                options.io_threads, to_runtime(options, readiness::automatic,
                                               runtime::io_threads::usual_client_name))) {
            return detail::failure_in_words(errc::already_exists,
                                            "cannot change the I/O threads of clients: they run, "
                                            "for a client that is connected or connecting",
                                            source);
        }
        return ok();
    });
}

}  // namespace network_system::core
