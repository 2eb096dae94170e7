#include "utils/option_checks.h"

#include "utils/failure.h"

#include <fmt/format.h>

namespace network_system::inline v0_1::detail {

void option_checks::must_be(std::string_view where, std::string_view name, std::int64_t value,
                            std::string_view unit, std::int64_t least, std::int64_t most) {
    if (value >= least && value <= most) {
        return;
    }
    const std::string range = most == no_upper_limit ? fmt::format("at least {}{}", least, unit)
                                                     : fmt::format("{} to {}{}", least, most, unit);
    must(false, fmt::format("{}{} must be {}, not {}{}", where, name, range, value, unit));
}

void option_checks::ascending(std::string_view where, std::string_view lower,
                              std::int64_t lower_value, std::string_view upper,
                              std::int64_t upper_value, std::string_view unit) {
    if (lower_value > upper_value) {
        must(false, fmt::format("{}{} must be at most {}{}, {}{}, not {}{}", where, lower, where,
                                upper, upper_value, unit, lower_value, unit));
    }
}

void option_checks::must(bool holds, std::string_view otherwise) {
    if (!holds) {
        refuse(failure(errc::invalid_argument, fmt::format("{}{}", group_, otherwise), source_));
    }
}

void option_checks::refuse(error_info wrong) {
    if (result_.is_ok()) {
        wrong.source = source_;
        result_ = std::move(wrong);
    }
}

}  // namespace network_system::detail
