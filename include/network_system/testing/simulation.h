#pragma once

#include <network_system/core/run_options.h>
#include <network_system/export.h>
#include <network_system/utils/thread_pool_interface.h>
#include <network_system/utils/unique_function.h>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace network_system::inline v0_1::testing {

/// Times are drawn from `least` to `most`, both included and equally likely. Negative ones are
/// taken as 0, and `most` as `least` when it is below.
struct duration_range {
    std::chrono::microseconds least{0};
    std::chrono::microseconds most{0};
};

/// Sizes in bytes, both ends included, small and large ones equally likely (each power of two is
/// drawn as often as the next). 0 is taken as 1, and `most` as `least` when it is below.
struct size_range {
    std::size_t least = 1;
    std::size_t most = 1;
};

/// What the simulated network, the hosts' schedulers and their faults are like. The defaults are a
/// network without faults. Probabilities are 0 (never, the default) to 1 (always); values outside
/// are taken as the nearer of the two.
struct simulation_options {
    /// How long bytes travel, one way; drawn for each segment. Bytes of one direction never
    /// overtake each other.
    duration_range latency{std::chrono::microseconds{50}, std::chrono::microseconds{2'000}};
    /// How many bytes travel together: what one side writes reaches the other split like this.
    size_range segment{1, std::size_t{64} * 1024};
    /// Bytes that one direction of a connection holds between a write and its read; more is not
    /// taken, and the writer waits. Small values make full queues. At least 1. Default 256 KiB.
    std::size_t buffer = std::size_t{256} * 1024;
    /// That a read or a write moves fewer bytes than it could.
    double short_transfer = 0;
    /// That a loop is told to read a connection where there is nothing to read.
    double spurious_wakeup = 0;

    /// That a segment, and all behind it, comes late by `stall_time`.
    double stall = 0;
    duration_range stall_time{std::chrono::milliseconds{10}, std::chrono::milliseconds{500}};
    /// That a connection is reset, `reset_after` from when it was made.
    double reset = 0;
    duration_range reset_after{std::chrono::microseconds{0}, std::chrono::seconds{5}};
    /// Time between two partitions of each pair of hosts, and how long they last. Nothing is lost
    /// in a partition, as TCP sends again: it arrives when it is over. `most` 0 of the first = no
    /// partitions (default); see also simulation::partition.
    duration_range partition_every{};
    duration_range partition_time{std::chrono::milliseconds{10}, std::chrono::seconds{2}};

    /// That a connection is refused although somebody listens.
    double refuse = 0;
    /// That the first packet of a connection is lost: it is sent again after 1 s, 2 s, 4 s …
    double lose_connect = 0;
    /// That accepting fails as when the process is out of descriptors.
    double accept_failure = 0;
    /// Connections that wait to be accepted (with `server_options::backlog` the smaller of the
    /// two); the first packets of further ones are lost. At least 1. Default 128.
    std::size_t accept_queue = 128;
    /// How long a name takes to resolve, and the probability that it does not.
    duration_range resolve_time{std::chrono::microseconds{0}, std::chrono::milliseconds{5}};
    double resolve_failure = 0;

    /// How long each batch of a loop occupies its thread. Default 0 to 20 µs.
    duration_range batch_time{std::chrono::microseconds{0}, std::chrono::microseconds{20}};
    /// That a thread stands still after a batch, as when the machine is busy elsewhere.
    double thread_stall = 0;
    duration_range thread_stall_time{std::chrono::milliseconds{1}, std::chrono::milliseconds{100}};

    /// Events that `simulation::trace` tells, the latest. 0 = none. Default 200.
    std::size_t trace_length = 200;

    /// Faults drawn from the seed: which kinds there are, how frequent they are, how large buffers
    /// and segments are. Over many seeds this finds more than all kinds at once, which would hide
    /// each other. Never a fault that keeps things from coming to an end.
    [[nodiscard]] NETWORK_SYSTEM_EXPORT static simulation_options faulty(std::uint64_t seed);
};

/// What has happened so far: a test of a fault should make sure that it occurred.
struct simulation_counts {
    std::uint64_t batches = 0;
    std::uint64_t thread_stalls = 0;
    std::uint64_t connections = 0;
    std::uint64_t refused_connects = 0;
    std::uint64_t lost_connects = 0;
    std::uint64_t failed_accepts = 0;
    std::uint64_t failed_resolves = 0;
    std::uint64_t segments = 0;
    std::uint64_t bytes = 0;
    std::uint64_t short_transfers = 0;
    std::uint64_t spurious_wakeups = 0;
    std::uint64_t stalls = 0;
    /// Writes that did not find room for all they had.
    std::uint64_t full_buffers = 0;
    std::uint64_t resets = 0;
    /// Segments, connects and acknowledgements that a partition held up.
    std::uint64_t held_up = 0;
    std::uint64_t crashes = 0;
};

/// A network, its hosts and their threads in the memory of one thread, under virtual time: real
/// servers and clients of TCP and WebSocket (`core::messaging_server`, `core::messaging_ws_client`
/// …) run in it unchanged. Everything that happens follows from the seed, so that what went wrong
/// once can be made to happen again.
///
///     testing::simulation sim(seed, testing::simulation_options::faulty(seed));
///     core::messaging_server server("echo", sim.on_host("server"));
///     core::messaging_client client("me", sim.on_host("client", client_options));
///     server.start_server(4000);
///     client.start_client("server", 4000, [&](VoidResult result) { ... });
///     sim.run_until([&] { return done; }, std::chrono::minutes{1});
///
/// Hosts are made as they are named. Each has an IPv4 and an IPv6 address, which its name resolves
/// to, and "localhost"; its clients share two loops, each of its servers has `io_threads`. Clients
/// find only names that are ones: letters, digits, hyphens, underscores and dots.
/// Nothing blocks: calls that would wait answer `would_block`, `stop_server` and `stop_client`
/// begin the stop, and the forms with a handler tell when it is over.
/// TLS, Unix domain sockets and listeners apart from servers are `not_supported`.
///
/// Replaying needs the same seed, options and program, and handlers without another source of
/// chance: no real clock, no threads of their own, no iteration over addresses of objects. Draw
/// what is random in a test from `random`.
///
/// Thread-safety: none. Everything that belongs to a simulation stays on one thread; simulations
/// are independent of each other.
///
/// Object lifetimes: servers, clients and the simulation may be destroyed in any order. With the
/// simulation everything in it ends; no callback runs then or later.
class NETWORK_SYSTEM_EXPORT simulation {
public:
    explicit simulation(std::uint64_t seed, const simulation_options& options = {});
    simulation(const simulation&) = delete;
    simulation& operator=(const simulation&) = delete;
    ~simulation();

    /// Options for something that is to run on the host. Names are not empty and no addresses.
    template <std::derived_from<core::stream_options> Options>
    [[nodiscard]] Options on_host(std::string_view host, Options options) {
        options.environment = environment_of(host);
        return options;
    }
    /// The default options of all of them.
    class host_options;
    [[nodiscard]] host_options on_host(std::string_view host);

    /// A pool for `server_options::callback_pool`, whose tasks run between the loops' batches as
    /// the seed has it. `threads` 0 is taken as 1. It stops with the simulation.
    [[nodiscard]] std::shared_ptr<thread_pool_interface> thread_pool(std::size_t threads);

    /// Virtual time since the beginning.
    [[nodiscard]] std::chrono::nanoseconds now() const noexcept;
    /// Runs `task` then, between what else happens: what it throws comes out of the call that runs
    /// the simulation. In the past: at once.
    void at(std::chrono::nanoseconds when, unique_function<void()> task);
    void after(std::chrono::nanoseconds delay, unique_function<void()> task);

    /// These let things happen and time pass; from inside a callback they do nothing, and answer
    /// false. None reads the real clock.
    ///
    /// For so long. False when there is no end, a million events at the same time.
    bool run_for(std::chrono::nanoseconds duration);
    /// Until `condition` holds, which is looked at after every step; whether it does after `limit`
    /// at the latest.
    [[nodiscard]] bool run_until(const std::function<bool()>& condition,
                                 std::chrono::nanoseconds limit);
    /// Until nothing is on its way and nothing is due but timers (pings, idle connections, the end
    /// of partitions that hold nothing up); whether that is so after `limit` at the latest.
    [[nodiscard]] bool run_until_idle(std::chrono::nanoseconds limit);
    /// The next thing that happens; false when nothing ever will.
    bool step();

    /// Lets nothing pass between two hosts for so long from now, what is on its way included: it
    /// arrives afterwards. Takes the place of an earlier call's; 0 heals that.
    void partition(std::string_view one, std::string_view other, std::chrono::nanoseconds duration);
    /// The same in one direction.
    void partition_one_way(std::string_view from, std::string_view to,
                           std::chrono::nanoseconds duration);
    /// Resets all connections between two hosts.
    void reset_connections(std::string_view one, std::string_view other);
    /// Everything that runs on the host is gone, as when its power fails and it is up again at
    /// once: nothing is closed, and nobody is told. Peers learn of it when they send something, an
    /// end included, which is answered with a reset; or when nothing answers their pings. New
    /// connections are refused until a new server listens. With a partition the host stays away for
    /// longer.
    ///
    /// No callback of the servers and clients that ran there runs any more. All that can be done
    /// with them is to destroy them, at any time. New ones can be made on the host at once.
    /// In a callback of the host itself it happens after that callback, and to what was made there
    /// too.
    void crash(std::string_view host);

    [[nodiscard]] std::uint64_t seed() const noexcept;
    /// A number that follows from the seed, for the choices of a test.
    [[nodiscard]] std::uint64_t random() noexcept;
    /// The same, evenly from 0 to `bound` - 1; 0 when `bound` is 0.
    [[nodiscard]] std::uint64_t random_below(std::uint64_t bound) noexcept;

    [[nodiscard]] const simulation_counts& counts() const noexcept;
    /// A number made of everything that has happened, in order: equal when two runs were.
    [[nodiscard]] std::uint64_t fingerprint() const noexcept;
    /// The latest events, a line each.
    [[nodiscard]] std::string trace() const;
    /// Adds something of the test's to the trace and the fingerprint.
    void note(std::string_view what);

private:
    class impl;

    [[nodiscard]] std::shared_ptr<runtime::environment> environment_of(std::string_view host);

    std::unique_ptr<impl> impl_;
};

/// What is given to servers and to clients that need nothing but the host.
class simulation::host_options {
public:
    // Meant to be passed where options are wanted.
    template <std::derived_from<core::stream_options> Options>
    operator Options() const {
        Options options;
        options.environment = host_;
        return options;
    }

private:
    friend class simulation;
    explicit host_options(std::shared_ptr<runtime::environment> host) : host_(std::move(host)) {}

    std::shared_ptr<runtime::environment> host_;
};

/// Seeds to try.
struct seed_range {
    std::uint64_t first = 1;
    std::uint64_t count = 1;
};

/// `otherwise`, unless the environment says something else: NETWORK_SIMULATION_SEED is the first
/// seed (and the only one), NETWORK_SIMULATION_SEEDS how many.
[[nodiscard]] NETWORK_SYSTEM_EXPORT seed_range seeds_to_try(seed_range otherwise);

/// Tries the seeds in order until one fails: `attempt` answers what went wrong, nothing when all is
/// well. The result is empty, or names the seed, what went wrong, and how to try it again.
[[nodiscard]] NETWORK_SYSTEM_EXPORT std::string try_seeds(
    seed_range seeds, const std::function<std::string(std::uint64_t seed)>& attempt);

}  // namespace network_system::testing
