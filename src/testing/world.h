#pragma once

#include "runtime/time_source.h"
#include "testing/dice.h"
#include "testing/event_trace.h"
#include "testing/simulated_time.h"

#include <network_system/testing/simulation.h>
#include <network_system/utils/unique_function.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace network_system::inline v0_1::testing::detail {

/// Something that has something to do now, besides what is scheduled.
class runnable {
public:
    runnable() = default;
    runnable(const runnable&) = delete;
    runnable& operator=(const runnable&) = delete;

    virtual void run_once() = 0;

protected:
    ~runnable() = default;

private:
    friend class world;
    bool is_listed_ = false;
};

/// Time, chance and the order of events: the scheduler of a simulation.
///
/// Thread-safety: none.
class world final : public runtime::time_source {
public:
    world(std::uint64_t seed, const simulation_options& options);
    world(const world&) = delete;
    world& operator=(const world&) = delete;
    virtual ~world() = default;

    // What the loops see: a clock that never shows 0, which is "never" to some.
    runtime::steady_time now() noexcept override {
        return runtime::steady_time{std::chrono::hours{1} + now_};
    }
    /// A fixed date: runs of one seed are the same on every day.
    runtime::wall_time wall() noexcept override {
        return std::chrono::sys_days{std::chrono::year{2026} / 1 / 1} +
               std::chrono::duration_cast<runtime::wall_time::duration>(now_);
    }
    std::uint64_t random() noexcept override { return dice_.next(); }

    [[nodiscard]] nanoseconds elapsed() const noexcept { return now_; }
    [[nodiscard]] static nanoseconds elapsed_at(runtime::steady_time when) noexcept {
        return when.time_since_epoch() - std::chrono::hours{1};
    }
    [[nodiscard]] dice& chance() noexcept { return dice_; }
    [[nodiscard]] const simulation_options& options() const noexcept { return options_; }
    [[nodiscard]] simulation_counts& counts() noexcept { return counts_; }
    [[nodiscard]] event_trace& trace() noexcept { return trace_; }
    void record(event what, std::uint64_t who, std::uint64_t value = 0) {
        trace_.add(now_, what, who, value);
    }

    /// Whether a world in which only such things are to happen counts as idle.
    enum class weight : std::uint8_t { work, background };
    /// `forever` is never: the task is kept, and does not run.
    void at(nanoseconds when, unique_function<void()> task, weight counts_as = weight::work);
    void after(nanoseconds delay, unique_function<void()> task, weight counts_as = weight::work) {
        at(later(now_, delay), std::move(task), counts_as);
    }
    /// Idempotent; forgotten when it runs.
    void mark(runnable& who);
    void unmark(runnable& who) noexcept;

    /// The next thing that happens, if it does by `limit`.
    bool step(nanoseconds limit);
    /// Time passes without anything happening.
    void move_to(nanoseconds when) noexcept { now_ = std::max(now_, when); }
    [[nodiscard]] bool is_idle() const noexcept { return runnable_.empty() && work_ == 0; }
    /// Drops everything that was to happen.
    void clear();

private:
    struct scheduled {
        nanoseconds when;
        std::uint64_t number;
        weight counts_as;
        unique_function<void()> task;
    };
    [[nodiscard]] static bool is_later(const scheduled& one, const scheduled& other) noexcept {
        return one.when != other.when ? one.when > other.when : one.number > other.number;
    }
    [[nodiscard]] scheduled take_next();

    const simulation_options options_;
    dice dice_;
    event_trace trace_;
    simulation_counts counts_;
    nanoseconds now_{0};
    std::uint64_t scheduled_ = 0;
    std::size_t work_ = 0;
    // A heap.
    std::vector<scheduled> events_;
    std::vector<runnable*> runnable_;
};

}  // namespace network_system::testing::detail
