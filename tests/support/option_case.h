// Options that are durations, and what a start says of a negative one.
#pragma once

#include "support/loopback.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>

namespace loopback {

/// What is started with a duration, and the name that an error has to say.
struct option_case {
    const char* option;
    const char* where;
    std::function<VoidResult(std::chrono::milliseconds)> start;
};

/// A parameter's member as a function: `set(options) = time`.
#define NETWORK_TEST_OPTION(name) [](auto& all) -> std::chrono::milliseconds& { return all.name; }

class negative_duration : public testing::TestWithParam<option_case> {
protected:
    static void expect_refusal() {
        using std::chrono::milliseconds;
        for (const milliseconds time : {milliseconds(-1), milliseconds::min()}) {
            const auto started = GetParam().start(time);
            ASSERT_TRUE(fails_with(started, errc::invalid_argument));
            EXPECT_NE(started.error().message.find(GetParam().option), std::string::npos)
                << started.error().message;
        }
    }
};

[[nodiscard]] inline std::string name_of_option(const testing::TestParamInfo<option_case>& each) {
    std::string name = std::string(each.param.where) + "_" + each.param.option;
    std::replace(name.begin(), name.end(), '.', '_');
    return name;
}

}  // namespace loopback
