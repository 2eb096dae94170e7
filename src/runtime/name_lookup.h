#pragma once

#include "runtime/loop.h"
#include "runtime/resolver.h"

#include <network_system/utils/error_codes.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace network_system::inline v0_1::runtime {

/// The addresses of a name, or why there are none.
struct lookup_outcome {
    std::vector<endpoint> addresses;
    errc code{};
    /// What the resolver said.
    std::string text;
};

/// Resolves a name within a time, by the loop's network.
///
/// Thread-safety: none; used on the loop's executor. Answers exactly once; from inside `start` only
/// when there is no memory for the question.
///
/// Object lifetimes: its owner keeps it until it has answered.
class name_lookup final : public std::enable_shared_from_this<name_lookup>,
                          private io_watch,
                          private deadline_entry {
public:
    using handler = unique_function<void(lookup_outcome)>;

    explicit name_lookup(std::shared_ptr<loop> where) : loop_(std::move(where)) {}
    name_lookup(const name_lookup&) = delete;
    name_lookup& operator=(const name_lookup&) = delete;
    ~name_lookup() = default;

    void start(const std::string& host, std::uint16_t port, steady_time deadline, handler done);
    /// Ends it with `connection_closed`.
    void cancel() { finish({{}, errc::connection_closed, {}}); }

private:
    void on_ready(interest) override {}
    // As a watch without a socket it is only told that the loop goes away.
    void on_loop_shutdown() override;
    void on_deadline(steady_time now) override;
    void on_resolved(resolve_result result);
    void finish(lookup_outcome outcome);

    const std::shared_ptr<loop> loop_;
    handler done_;
    std::shared_ptr<name_question> question_;
    bool is_waiting_ = false;
};

}  // namespace network_system::runtime
