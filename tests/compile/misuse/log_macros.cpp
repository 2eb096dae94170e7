// Each case is a misuse that must not compile, with the right use beside it. The line "case" names
// it and says what the compiler has to say: a regular expression, for GCC and Clang alike.
#include <network_system/integration/log_macros.h>

#include <string>

struct unprintable {};

void format_another_type() {
    // case unprintable_argument: formatter|format_string|Cannot format
#ifdef CASE_unprintable_argument
    NETWORK_LOG_INFO("{}", unprintable());
#else
    NETWORK_LOG_INFO("{}", 1);
#endif
}

void format_with_too_few_arguments() {
    // case missing_argument: constant expression|consteval
#ifdef CASE_missing_argument
    NETWORK_LOG_INFO("{} of {}", 1);
#else
    NETWORK_LOG_INFO("{} of {}", 1, 2);
#endif
}

void format_a_text_as_a_number() {
    // case wrong_specification: constant expression|consteval|constexpr
#ifdef CASE_wrong_specification
    NETWORK_LOG_INFO("{:d}", "text");
#else
    NETWORK_LOG_INFO("{:>10}", "text");
#endif
}

void use_a_text_as_a_format(const std::string& text) {
    // case format_of_run_time: constant expression|consteval|no matching function|could not convert
#ifdef CASE_format_of_run_time
    NETWORK_LOG_INFO(text, 1);
#else
    NETWORK_LOG_INFO("{}", text);
    NETWORK_LOG_INFO(text);
#endif
}
