// What the tests of failing memory have in common.
#pragma once

#include "memory/failing_heap.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace failing_heap {

/// What a client of the test hears, without memory of the library's.
class hearing {
public:
    void record_bytes(std::size_t more) { record(bytes_, more); }
    void record_end() { record(ends_, 1); }

    /// Until so many bytes have come, or the connection has ended.
    [[nodiscard]] bool wait_for(std::size_t bytes) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds{30},
                                 [&] { return bytes_ >= bytes || ends_ > 0; });
    }
    [[nodiscard]] bool has_heard(std::size_t bytes) {
        const std::lock_guard lock(mutex_);
        return bytes_ >= bytes;
    }

private:
    void record(std::size_t& what, std::size_t more) {
        const exempt own;
        const std::lock_guard lock(mutex_);
        what += more;
        changed_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t bytes_ = 0;
    std::size_t ends_ = 0;
};

/// Lets each allocation of `converse()` fail in turn, alone and with some that follow it: of
/// several in a row, the first may be survived and the next met on the way out. After each,
/// `expect_service()`, which has memory again.
template <typename Converse, typename ExpectService>
void fail_each_allocation(const Converse& converse, const ExpectService& expect_service) {
    for (const std::size_t in_a_row : {1U, 4U}) {
        std::size_t failed = 1;
        for (std::size_t which = 1; failed > 0; ++which) {
            fail_from(which, in_a_row);
            converse();
            failed = stop();
            expect_service();
            ASSERT_FALSE(::testing::Test::HasFailure()) << "allocation " << which;
        }
    }
}

}  // namespace failing_heap
