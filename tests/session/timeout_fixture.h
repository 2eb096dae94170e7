// Timeouts of a session over a scripted stream.
#pragma once

#include "session/session_fixture.h"

#include <network_system/utils/session_timeout.h>

#include <gtest/gtest.h>

#include <memory>

namespace network_system::inline v0_1::testing {

class session_timeout_test : public session_fixture {
protected:
    /// One that counts.
    std::unique_ptr<session_timeout> counting(milliseconds timeout) {
        return std::make_unique<session_timeout>(session, timeout, [this] { ++expired; });
    }
    static int code(const VoidResult& result) { return code_of(result); }
    static int code(errc wanted) { return static_cast<int>(wanted); }

    int expired = 0;
};

}  // namespace network_system::testing
