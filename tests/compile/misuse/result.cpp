// Each case is a misuse that must not compile, with the right use beside it. The line "case" names
// it and says what the compiler has to say: a regular expression, for GCC and Clang alike.
#include <network_system/utils/result_types.h>

#include <memory>
#include <string>
#include <variant>

using namespace network_system;

VoidResult send();
Result<int> count();
Result<bool> is_empty();
discardable_result stop();

void drop_a_void_result() {
    // case dropped_void_result: nodiscard.*it may hold an error
#ifdef CASE_dropped_void_result
    send();
#else
    static_cast<void>(send());
    stop();
#endif
}

void drop_a_result() {
    // case dropped_result: nodiscard.*it may hold an error
#ifdef CASE_dropped_result
    count();
#else
    static_cast<void>(count());
#endif
}

void drop_what_a_step_returns() {
    // case dropped_step: nodiscard
#ifdef CASE_dropped_step
    stop().and_then([] { return send(); });
#else
    static_cast<void>(stop().and_then([] { return send(); }));
#endif
}

int ask_a_bool_result() {
    // case bool_of_bool_result: deleted.*ask is_ok\(\), or value\(\)
#ifdef CASE_bool_of_bool_result
    return is_empty() ? 1 : 0;
#else
    return is_empty().is_ok() && count() ? 1 : 0;
#endif
}

Result<bool> make_a_bool_of_a_string() {
    // case bool_result_of_string: deleted.*a pointer or a string is no bool
#ifdef CASE_bool_result_of_string
    return "no";
#else
    return false;
#endif
}

Result<bool> make_a_bool_of_a_pointer(const std::shared_ptr<int>& pointer) {
    // case bool_result_of_pointer: deleted.*a pointer or a string is no bool
#ifdef CASE_bool_result_of_pointer
    return pointer.get();
#else
    return pointer != nullptr;
#endif
}

auto make_a_result_of_nothing() {
    // case result_of_void: Result<void> does not exist: use VoidResult
#ifdef CASE_result_of_void
    return count().map([](int) {});
#else
    return count().map([](int) { return std::monostate(); });
#endif
}

auto make_a_result_of_a_reference(int& number) {
    // case result_of_reference: Result holds a value: use a pointer
#ifdef CASE_result_of_reference
    return Result<int&>(number);
#else
    return Result<int*>(&number);
#endif
}

auto make_a_result_of_an_error() {
    // case result_of_error: could not tell its value from its error
#ifdef CASE_result_of_error
    return Result<error_info>(error_info{});
#else
    return Result<std::string>(error_info{});
#endif
}

auto chain_without_a_result() {
    // case and_then_without_result: and_then takes a function that returns a Result; use map
#ifdef CASE_and_then_without_result
    return count().and_then([](int value) { return value; });
#else
    return count().and_then([](int value) { return Result<long>(value); });
#endif
}

auto chain_a_kept_one_without_a_result(const Result<int>& kept) {
    // case and_then_of_lvalue: and_then takes a function that returns a Result; use map
#ifdef CASE_and_then_of_lvalue
    return kept.and_then([](int value) { return value; });
#else
    return kept.and_then([](int value) { return Result<long>(value); });
#endif
}

auto recover_with_another_type() {
    // case or_else_of_another_type: or_else takes a function that returns a Result of the same type
#ifdef CASE_or_else_of_another_type
    return count().or_else([](const error_info&) { return Result<std::string>("a"); });
#else
    return count().or_else([](const error_info&) { return Result<int>(0); });
#endif
}

auto recover_without_a_result() {
    // case or_else_without_result: or_else takes a function that returns a Result of the same type
#ifdef CASE_or_else_without_result
    return count().or_else([](const error_info&) { return 0; });
#else
    return count().or_else([](const error_info&) { return Result<int>(0); });
#endif
}

auto transform_into_something_else() {
    // case transform_error_without_error: transform_error takes a function that returns an
    // error_info
#ifdef CASE_transform_error_without_error
    return count().transform_error([](const error_info& info) { return info.code; });
#else
    return count().transform_error([](const error_info& info) { return info; });
#endif
}
