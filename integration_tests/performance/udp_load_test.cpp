// A server and its clients exchange echoed datagrams over loopback UDP: every byte of every answer
// is checked, what is lost is counted and sent again, and rate, latency and memory are reported.
//
//   udp_load_test [--full] [--seconds S] [--json FILE]

#include "datagram_load.h"
#include "framework/echo_load_table.h"

#include <iostream>

namespace {

std::uint64_t lost = 0;

sample::load_report run_counted(const sample::load_shape& shape, sample::steady::duration length) {
    auto report = sample::measure_datagrams(shape, length);
    lost += report.lost;
    sample::expect(report.messages > 0, "somebody was served");
    return report;
}

void run(const integration::settings& chosen) {
    std::cout << "Echoed datagrams over loopback UDP; server and clients are in this process.\n\n";
    integration::run_loads(chosen, "udp_load", sample::largest_datagram, run_counted);
    std::cout << "\nEvery answer was right; " << lost << " datagrams were lost.\n";
}

}  // namespace

int main(int argc, char** argv) {
    return sample::run([&] { run(integration::read_settings(argc, argv)); });
}
