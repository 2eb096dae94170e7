#pragma once

#include "echo_load.h"
#include "framework/json.h"
#include "sample.h"
#include "support/process_memory.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// A load test of echoed messages: the loads, the table on the terminal, and the JSON of
/// scripts/load_tests.sh.
namespace integration {

using network_system::testing::process_memory;
using sample::load_report;
using sample::load_shape;

using run_load_function = load_report (*)(const load_shape&, sample::steady::duration);

/// --full: also with many messages in flight, and 1 s instead of 0.05 s for each load. --seconds:
/// how long each load lasts. --json: write the results to this file.
struct settings {
    bool is_full = false;
    double seconds = 0;
    std::string json;
};

struct result {
    load_shape shape;
    load_report report;
    std::optional<process_memory> memory;

    [[nodiscard]] double rate() const {
        return static_cast<double>(report.messages) / report.seconds;
    }
    [[nodiscard]] double mebibytes() const {
        return rate() * static_cast<double>(shape.size) / 1048576.0;
    }
};

inline result measure(const load_shape& shape, double seconds, run_load_function load) {
    const auto length = std::chrono::duration_cast<sample::steady::duration>(
        std::chrono::duration<double>(seconds));
    network_system::testing::reset_peak();
    result measured{shape, load(shape, length), {}};
    measured.memory = network_system::testing::read_process_memory();
    return measured;
}

inline void print_head() {
    std::cout << std::setw(8) << "bytes" << std::setw(9) << "clients" << std::setw(11)
              << "in flight" << std::setw(12) << "messages/s" << std::setw(9) << "MiB/s"
              << std::setw(10) << "p50 us" << std::setw(10) << "p95 us" << std::setw(10) << "p99 us"
              << std::setw(15) << "peak RSS KiB" << '\n';
}

inline void print_row(const result& each) {
    const auto& latency = each.report.latency;
    std::cout << std::fixed << std::setprecision(0) << std::setw(8) << each.shape.size
              << std::setw(9) << each.shape.clients << std::setw(11) << each.shape.in_flight
              << std::setw(12) << each.rate() << std::setw(9) << each.mebibytes()
              << std::setprecision(1) << std::setw(10) << latency.microseconds(0.5) << std::setw(10)
              << latency.microseconds(0.95) << std::setw(10) << latency.microseconds(0.99)
              << std::setw(15)
              << (each.memory ? std::to_string(each.memory->peak_resident) : "unknown")
              << std::endl;
}

inline json_object as_json(const result& each) {
    const auto& latency = each.report.latency;
    json_object row;
    row.add("payload_bytes", std::uint64_t{each.shape.size})
        .add("clients", static_cast<std::uint64_t>(each.shape.clients))
        .add("in_flight", static_cast<std::uint64_t>(each.shape.in_flight))
        .add("messages", each.report.messages)
        .add("seconds", each.report.seconds)
        .add("messages_per_second", each.rate())
        .add("mebibytes_per_second", each.mebibytes())
        .add("p50_us", latency.microseconds(0.5))
        .add("p95_us", latency.microseconds(0.95))
        .add("p99_us", latency.microseconds(0.99));
    if (each.memory) {
        row.add("rss_kib", each.memory->resident)
            .add("peak_rss_kib", each.memory->peak_resident)
            .add("heap_kib", each.memory->data)
            .add("vm_kib", each.memory->address_space);
    }
    return row;
}

inline settings read_settings(int argc, char** argv) {
    settings chosen;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        const auto value = [&] {
            sample::expect(i + 1 < argc, std::string(word) + " has a value");
            return argv[++i];
        };
        if (word == "--full") {
            chosen.is_full = true;
        } else if (word == "--seconds") {
            chosen.seconds = std::strtod(value(), nullptr);
            sample::expect(chosen.seconds > 0, "--seconds is a positive number");
        } else if (word == "--json") {
            chosen.json = value();
        } else {
            sample::expect(false, "--full, --seconds or --json instead of " + std::string(word));
        }
    }
    if (chosen.seconds == 0) {
        chosen.seconds = chosen.is_full ? 1 : 0.05;
    }
    return chosen;
}

/// Runs every load that is not larger than `largest`, and writes the results as `name`.
inline void run_loads(const settings& chosen, const char* name, std::size_t largest,
                      run_load_function load) {
    print_head();
    std::vector<json_object> rows;
    const std::vector<int> depths = chosen.is_full ? std::vector{1, 16} : std::vector{4};
    for (const int in_flight : depths) {
        for (const std::size_t size : {64U, 512U, 1024U, 8192U, 65536U}) {
            for (const int clients : {1, 10, 50, 100}) {
                if (size <= largest) {
                    const result each = measure({clients, in_flight, size}, chosen.seconds, load);
                    print_row(each);
                    rows.push_back(as_json(each));
                }
            }
        }
    }
    if (!chosen.json.empty()) {
        std::ofstream file(chosen.json);
        file << json_object{}.add(name, rows).text() << '\n';
        sample::expect(file.flush().good(), chosen.json + " can be written");
    }
}

}  // namespace integration
