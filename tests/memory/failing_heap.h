// A heap that fails when the test says so. Whoever links it gets it for operator new.
#pragma once

#include <cstddef>

namespace failing_heap {

/// From now on the `first`-th allocation (1: the next) fails, and `count` in all that follow each
/// other. Those of exempt threads are neither counted nor failed.
void fail_from(std::size_t first, std::size_t count = 1) noexcept;
/// No more failures; how many there were.
std::size_t stop() noexcept;

/// The calling thread's allocations are the test's own.
class exempt {
public:
    exempt() noexcept { ++depth_; }
    exempt(const exempt&) = delete;
    exempt& operator=(const exempt&) = delete;
    ~exempt() { --depth_; }

    [[nodiscard]] static bool is_on() noexcept { return depth_ > 0; }

private:
    friend class subject;
    static thread_local int depth_;
};

/// Inside an `exempt`: a call into the library, whose allocations may fail.
class subject {
public:
    subject() noexcept : outer_(exempt::depth_) { exempt::depth_ = 0; }
    subject(const subject&) = delete;
    subject& operator=(const subject&) = delete;
    ~subject() { exempt::depth_ = outer_; }

private:
    const int outer_;
};

/// What `call` answers, whose allocations may fail.
template <typename Call>
auto in_library(const Call& call) {
    const subject failing;
    return call();
}

}  // namespace failing_heap
