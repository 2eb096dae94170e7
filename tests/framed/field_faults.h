// The faults that networking libraries are known for in the field, each a test of its name: for
// both ways a loop learns that sockets are ready, on the library's threads and on an application's.
#pragma once

#include "support/context_runner.h"

#include <optional>
#include <tuple>

namespace loopback {

enum class driver : std::uint8_t { own_threads, io_context };

// NOLINTNEXTLINE(readability-identifier-naming): the suite bears the name of what it lists
class field_faults : public testing::TestWithParam<std::tuple<readiness, driver>> {
protected:
    [[nodiscard]] server_options for_server() { return on_driver<server_options>(); }
    [[nodiscard]] client_options for_client() { return on_driver<client_options>(); }

    /// For a wait that is right to take all of its time.
    [[nodiscard]] static std::chrono::milliseconds time_of(const std::function<void()>& work) {
        const auto begin = std::chrono::steady_clock::now();
        work();
        return std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::steady_clock::now() - begin);
    }

private:
    template <typename Options>
    [[nodiscard]] Options on_driver() {
        Options options;
        options.readiness_method = std::get<readiness>(GetParam());
        options.io_context = runner_ ? &runner_->context : nullptr;
        return options;
    }

    void SetUp() override {
        if (std::get<driver>(GetParam()) == driver::io_context) {
            runner_.emplace(2);
        }
    }

    std::optional<context_runner> runner_;
};

}  // namespace loopback
