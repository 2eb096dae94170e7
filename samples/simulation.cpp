// Testing an application's own handlers in a simulated network: a bank whose customers repeat what
// was not confirmed. Hundreds of lifetimes of delays, resets and partitions take a second, and a
// failure can be repeated exactly.

#include "sample.h"

#include <network_system/core/messaging_client.h>
#include <network_system/core/messaging_server.h>
#include <network_system/testing/simulation.h>
#include <network_system/utils/log.h>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace network_system;
using namespace std::chrono_literals;
using core::messaging_client;
using core::messaging_server;

/// What is to be tested: the handler of the server. Each deposit has an id, and is to be booked
/// once however often it is asked for.
class bank {
public:
    explicit bank(bool is_careful) : is_careful_(is_careful) {}

    void book(const std::string& id) {
        if (!is_careful_ || booked_.insert(id).second) {
            ++balance_;
        }
    }
    [[nodiscard]] int balance() const noexcept { return balance_; }

private:
    const bool is_careful_;
    std::set<std::string> booked_;
    int balance_ = 0;
};

/// A client that makes its deposits one after the other, and repeats those it knows nothing of.
class customer {
public:
    customer(testing::simulation& sim, int deposits)
        : sim_(sim), client_("customer", sim.on_host("home")), deposits_(deposits) {
        client_.set_disconnected_callback([this] { sim_.after(100ms, [this] { connect(); }); });
        connect();
    }
    [[nodiscard]] bool is_done() const noexcept { return confirmed_ == deposits_; }

private:
    void connect() {
        (void)client_.start_client("bank", 4000, [this](const VoidResult& result) {
            if (result) {
                deposit();
            } else {
                sim_.after(100ms, [this] { connect(); });
            }
        });
    }
    void deposit() {
        if (is_done()) {
            return;
        }
        // An error here means that the connection is gone, which the callback above is told too, or
        // that there was no answer in time.
        (void)client_.request(std::to_string(confirmed_), 1s,
                              [this](const Result<std::vector<std::uint8_t>>& answer) {
                                  confirmed_ += answer ? 1 : 0;
                                  if (client_.is_connected()) {
                                      deposit();
                                  }
                              });
    }

    testing::simulation& sim_;
    messaging_client client_;
    const int deposits_;
    int confirmed_ = 0;
};

// [readme:simulation]
/// One lifetime; what went wrong, or nothing.
std::string attempt(std::uint64_t seed, bool is_careful) {
    testing::simulation sim(seed, testing::simulation_options::faulty(seed));

    bank account(is_careful);
    messaging_server server("bank", sim.on_host("bank"));
    server.set_request_callback(
        [&](const messaging_server::session_ptr&,
            std::span<const std::uint8_t> id) -> Result<std::vector<std::uint8_t>> {
            account.book({id.begin(), id.end()});
            return std::vector<std::uint8_t>{'o', 'k'};
        });
    if (auto started = server.start_server(4000); !started) {
        return started.error().message;
    }

    constexpr int deposits = 20;
    customer someone(sim, deposits);
    if (!sim.run_until([&] { return someone.is_done(); }, 1h)) {
        return "the deposits are not confirmed within an hour\n" + sim.trace();
    }
    return account.balance() == deposits
               ? ""
               : "the balance is " + std::to_string(account.balance()) + "\n" + sim.trace();
}
// [/readme:simulation]

}  // namespace

int main() {
    // Every fault that the library meets is a warning, and here they are what is wanted.
    set_log_level(log_level::off);
    return sample::run([] {
        const auto careful =
            testing::try_seeds(testing::seeds_to_try({1, 300}),
                               [](std::uint64_t seed) { return attempt(seed, true); });
        sample::expect(careful.empty(), "a careful bank books each deposit once: " + careful);
        std::cout << "300 lifetimes of a careful bank: all is well\n";

        const auto careless =
            testing::try_seeds({1, 300}, [](std::uint64_t seed) { return attempt(seed, false); });
        sample::expect(!careless.empty(), "a careless bank is found out");
        std::cout << "a careless bank: " << careless.substr(0, careless.find('\n')) << '\n';
    });
}
