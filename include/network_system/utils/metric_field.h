#pragma once

#include <network_system/internal/build_checks.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace network_system::inline v0_1 {

/// How a metric behaves in sums and differences.
enum class metric_kind : std::uint8_t {
    /// Only grows. Added; a difference is how much it has grown.
    counter,
    /// How much there is now. Added; a difference keeps the later one.
    gauge,
    /// What is so of each object, 0 and 1 for no and yes. A sum keeps the largest; a difference
    /// keeps the later one.
    property,
};

/// What one metric is, whatever struct it is in.
struct metric_info {
    std::string_view name = {};
    /// "bytes", "messages", …; empty for a property that is no or yes.
    std::string_view unit = {};
    metric_kind kind = {};
    std::string_view help = {};
};

/// One number of a struct of metrics.
template <typename Metrics>
struct metric_field : metric_info {
    std::uint64_t (*get)(const Metrics& all) noexcept;
    void (*set)(Metrics& all, std::uint64_t value) noexcept;
};

/// Metrics inside a struct of metrics: "totals".
template <typename Metrics, typename Part>
struct metric_part {
    std::string_view name = {};
    Part Metrics::*member;
};

/// Describes a struct of metrics, once for everything that is made of it. Specialised by
/// core/metrics_fields.h for those of the library:
///
///     fields  an array of metric_field, in the order of the struct
///     parts   a tuple of metric_part
///     base    the struct it derives from, void for none
template <typename Metrics>
struct metrics_table;

template <typename T>
concept described_metrics = requires { metrics_table<T>::fields; };

namespace detail {

template <typename T>
struct metric_member;
template <typename Metrics, typename Value>
struct metric_member<Value Metrics::*> {
    using metrics = Metrics;
    using value = Value;
};

/// A row of a table.
template <auto Member>
[[nodiscard]] constexpr auto metric(std::string_view name, std::string_view unit, metric_kind kind,
                                    std::string_view help) noexcept {
    using metrics = typename metric_member<decltype(Member)>::metrics;
    using value = typename metric_member<decltype(Member)>::value;
    return metric_field<metrics>{
        {name, unit, kind, help},
        [](const metrics& all) noexcept { return static_cast<std::uint64_t>(all.*Member); },
        [](metrics& all, std::uint64_t number) noexcept {
            if constexpr (std::is_same_v<value, bool>) {
                all.*Member = number != 0;
            } else {
                all.*Member = static_cast<value>(number);
            }
        }};
}

template <auto Member>
[[nodiscard]] constexpr auto part(std::string_view name) noexcept {
    using traits = metric_member<decltype(Member)>;
    return metric_part<typename traits::metrics, typename traits::value>{name, Member};
}

/// Calls `visit(field, metrics…)` for the own fields, `enter(name)` and `leave()` around those of
/// parts. Several metrics of one type are gone through side by side.
template <typename Visit, typename Enter, typename Leave, typename First, typename... Others>
void walk_metrics(const Visit& visit, const Enter& enter, const Leave& leave, First& first,
                  Others&... others) {
    using metrics = std::remove_const_t<First>;
    using table = metrics_table<metrics>;
    if constexpr (!std::is_void_v<typename table::base>) {
        using base = typename table::base;
        using base_ref = std::conditional_t<std::is_const_v<First>, const base, base>;
        walk_metrics(visit, enter, leave, static_cast<base_ref&>(first),
                     static_cast<const base&>(others)...);
    }
    for (const auto& each : table::fields) {
        visit(each, first, others...);
    }
    const auto walk_part = [&](const auto& part) {
        enter(part.name);
        walk_metrics(visit, enter, leave, first.*part.member, others.*part.member...);
        leave();
    };
    std::apply([&](const auto&... part) { (walk_part(part), ...); }, table::parts);
}

template <typename Visit, typename First, typename... Others>
void for_each_field(const Visit& visit, First& first, Others&... others) {
    walk_metrics(
        visit, [](std::string_view) {}, [] {}, first, others...);
}

}  // namespace detail

/// Adds the metrics of another object to a sum.
template <described_metrics Metrics>
void add(Metrics& sum, const Metrics& more) noexcept {
    detail::for_each_field(
        [](const auto& field, auto& to, const auto& from) {
            const std::uint64_t one = field.get(to);
            const std::uint64_t other = field.get(from);
            const std::uint64_t largest = one < other ? other : one;
            field.set(to, field.kind == metric_kind::property ? largest : one + other);
        },
        sum, more);
}

/// What has happened between two looks at the same object. A counter that has become smaller, since
/// the object was started again, counts from its start.
template <described_metrics Metrics>
[[nodiscard]] Metrics difference(Metrics later, const Metrics& earlier) noexcept {
    detail::for_each_field(
        [](const auto& field, auto& to, const auto& from) {
            const std::uint64_t now = field.get(to);
            const std::uint64_t before = field.get(from);
            if (field.kind == metric_kind::counter && before <= now) {
                field.set(to, now - before);
            }
        },
        later, earlier);
    return later;
}

/// Calls `visit(const metric_info& what, std::string_view path, std::uint64_t value)` for each
/// metric, in the order of the struct. The path is "connections_active" or "totals.bytes_sent", and
/// valid during the call. For adapters to other systems of metrics.
template <described_metrics Metrics, typename Visit>
void for_each_metric(const Metrics& all, const Visit& visit) {
    std::string path;
    detail::walk_metrics(
        [&](const auto& field, const auto& in) {
            const std::size_t size = path.size();
            path += field.name;
            visit(static_cast<const metric_info&>(field), std::string_view(path), field.get(in));
            path.resize(size);
        },
        [&](std::string_view part) {
            path += part;
            path += '.';
        },
        [&] { path.resize(path.rfind('.', path.size() - 2) + 1); }, all);
}

/// One line each: "totals.bytes_sent 1234 bytes".
template <described_metrics Metrics>
[[nodiscard]] std::string to_text(const Metrics& all) {
    std::string text;
    for_each_metric(all, [&](const metric_info& what, std::string_view path, std::uint64_t value) {
        text += path;
        text += ' ';
        text += std::to_string(value);
        if (!what.unit.empty()) {
            text += ' ';
            text += what.unit;
        }
        text += '\n';
    });
    return text;
}

/// One object without line breaks, parts as objects in it:
/// {"connections_accepted":3,"totals":{"bytes_sent":1234}}.
template <described_metrics Metrics>
[[nodiscard]] std::string to_json(const Metrics& all) {
    std::string json = "{";
    const auto add_key = [&](std::string_view name) {
        if (json.back() != '{') {
            json += ',';
        }
        json += '"';
        json += name;
        json += "\":";
    };
    detail::walk_metrics(
        [&](const auto& field, const auto& in) {
            add_key(field.name);
            json += std::to_string(field.get(in));
        },
        [&](std::string_view part) {
            add_key(part);
            json += '{';
        },
        [&] { json += '}'; }, all);
    json += '}';
    return json;
}

}  // namespace network_system
