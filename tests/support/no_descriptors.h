#pragma once

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace network_system::inline v0_1::testing {

/// While it lives, the process can open no descriptor.
class no_descriptors {
public:
    no_descriptors() {
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
        const int lowest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        EXPECT_GE(lowest, 0);
        ::close(lowest);
        ::rlimit none = before_;
        none.rlim_cur = static_cast<::rlim_t>(lowest);
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    }
    no_descriptors(const no_descriptors&) = delete;
    no_descriptors& operator=(const no_descriptors&) = delete;
    ~no_descriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

private:
    ::rlimit before_{};
};

}  // namespace network_system::testing
