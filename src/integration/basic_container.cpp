#include "utils/failure.h"

#include <network_system/integration/basic_container.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST 1
#endif
#include <msgpack.hpp>

namespace network_system::inline v0_1::integration {
namespace {

constexpr std::string_view messagepack_source = "basic_container";
constexpr std::size_t greatest_depth = 1'000;
// Of MessagePack, for lengths of everything.
constexpr std::size_t greatest_length = 0xFFFF'FFFF;

error_info messagepack_failure(errc code, const std::string& text) {
    return network_system::detail::failure_in_words(code, "MessagePack: " + text,
                                                    messagepack_source);
}

/// What msgpack's packer writes to, a few bytes at a time: the vector is longer than what it holds
/// until `finish`.
class byte_sink {
public:
    explicit byte_sink(std::vector<std::uint8_t>& to) noexcept : to_(to), size_(to.size()) {}

    void write(const char* data, std::size_t size) {
        if (size == 0) {
            return;
        }
        if (size > to_.size() - size_) {
            constexpr std::size_t least = 512;
            to_.resize(std::max(size_ + size, std::max(least, 2 * to_.size())));
        }
        std::memcpy(to_.data() + size_, data, size);
        size_ += size;
    }
    void finish() { to_.resize(size_); }

private:
    std::vector<std::uint8_t>& to_;
    std::size_t size_;
};

class messagepack_writer {
public:
    messagepack_writer(std::vector<std::uint8_t>& to, std::size_t max_depth)
        : sink_(to), packer_(sink_), max_depth_(max_depth) {}

    /// False for what there is no form for: see `why`.
    [[nodiscard]] bool write_all(const value& what) {
        const bool is_written = write(what, 0);
        sink_.finish();
        return is_written;
    }
    [[nodiscard]] const std::string& why() const noexcept { return why_; }

private:
    [[nodiscard]] bool write(const value& what, std::size_t depth) {
        if (const auto* const text = what.get_if<std::string>()) {
            return write_text(*text);
        }
        if (const auto* const number = what.get_if<std::int64_t>()) {
            packer_.pack(*number);
            return true;
        }
        if (const auto* const map = what.get_if<value_map>()) {
            return write_map(*map, depth + 1);
        }
        if (const auto* const list = what.get_if<value_list>()) {
            return write_list(*list, depth + 1);
        }
        if (const auto* const bytes = what.get_if<value_bytes>()) {
            return write_bytes(*bytes);
        }
        write_rest(what);
        return true;
    }
    void write_rest(const value& what) {
        if (const auto* const boolean = what.get_if<bool>()) {
            packer_.pack(*boolean);
        } else if (const auto* const floating = what.get_if<double>()) {
            write_double(*floating);
        } else if (const auto* const number = what.get_if<std::uint64_t>()) {
            packer_.pack(*number);
        } else {
            packer_.pack_nil();
        }
    }
    /// Not with `pack`, which makes an integer of 2.0, and 0 of -0.0.
    void write_double(double number) {
        constexpr std::uint8_t float64 = 0xCB;
        const auto bits = std::bit_cast<std::uint64_t>(number);
        std::array<char, 9> form{static_cast<char>(float64)};
        for (std::size_t i = 1; i < form.size(); ++i) {
            form[i] = static_cast<char>(static_cast<std::uint8_t>(bits >> (64 - 8 * i)));
        }
        sink_.write(form.data(), form.size());
    }
    [[nodiscard]] bool fits(std::size_t size) {
        if (size > greatest_length) {
            why_ = "a length above 4 GiB";
        }
        return size <= greatest_length;
    }
    [[nodiscard]] bool may_enter(std::size_t size, std::size_t depth) {
        if (depth > max_depth_) {
            why_ = fmt::format("deeper than max_depth ({})", max_depth_);
            return false;
        }
        return fits(size);
    }
    [[nodiscard]] bool write_text(const std::string& text) {
        if (!fits(text.size())) {
            return false;
        }
        const auto size = static_cast<std::uint32_t>(text.size());
        packer_.pack_str(size).pack_str_body(text.data(), size);
        return true;
    }
    [[nodiscard]] bool write_bytes(const value_bytes& bytes) {
        if (!fits(bytes.size())) {
            return false;
        }
        const auto size = static_cast<std::uint32_t>(bytes.size());
        packer_.pack_bin(size).pack_bin_body(reinterpret_cast<const char*>(bytes.data()), size);
        return true;
    }
    [[nodiscard]] bool write_list(const value_list& list, std::size_t depth) {
        if (!may_enter(list.size(), depth)) {
            return false;
        }
        packer_.pack_array(static_cast<std::uint32_t>(list.size()));
        return std::all_of(list.begin(), list.end(),
                           [&](const value& each) { return write(each, depth); });
    }
    [[nodiscard]] bool write_map(const value_map& map, std::size_t depth) {
        if (!may_enter(map.size(), depth)) {
            return false;
        }
        packer_.pack_map(static_cast<std::uint32_t>(map.size()));
        return std::all_of(map.begin(), map.end(), [&](const auto& field) {
            return write_text(field.first) && write(field.second, depth);
        });
    }

    byte_sink sink_;
    msgpack::packer<byte_sink> packer_;
    const std::size_t max_depth_;
    std::string why_;
};

/// Makes a value of what msgpack's parser finds, which keeps its own stack: nothing here recurses
/// for a peer. Every function answers whether to go on.
class messagepack_reader : public msgpack::null_visitor {
public:
    messagepack_reader(const msgpack::unpack_limit& limits, std::size_t max_values)
        : limits_(limits), left_(max_values) {}

    bool visit_nil() { return put(nullptr); }
    bool visit_boolean(bool boolean) { return put(boolean); }
    bool visit_positive_integer(std::uint64_t number) { return put(number); }
    bool visit_negative_integer(std::int64_t number) { return put(number); }
    bool visit_float32(float number) { return put(number); }
    bool visit_float64(double number) { return put(number); }
    bool visit_str(const char* text, std::uint32_t size) {
        if (size > limits_.str()) {
            return refuse(fmt::format("a string of {} bytes, above max_length", size));
        }
        if (is_key_) {
            return take_key({text, size});
        }
        return put(std::string(text, size));
    }
    bool visit_bin(const char* bytes, std::uint32_t size) {
        if (size > limits_.bin()) {
            return refuse(fmt::format("{} bytes, above max_length", size));
        }
        return put(value_bytes(bytes, bytes + size));
    }
    bool visit_ext(const char*, std::uint32_t) { return refuse("an extension type"); }

    bool start_array(std::uint32_t size) {
        if (!may_enter(size)) {
            return false;
        }
        value_list list;
        list.reserve(size);
        return put(std::move(list)) && enter();
    }
    bool end_array() { return leave(); }
    bool start_map(std::uint32_t size) { return may_enter(size) && put(value_map()) && enter(); }
    bool start_map_key() {
        is_key_ = true;
        return true;
    }
    bool end_map() { return leave(); }

    void parse_error(std::size_t, std::size_t at) {
        (void)refuse(fmt::format("no MessagePack at byte {}", at));
    }
    void insufficient_bytes(std::size_t, std::size_t) { (void)refuse("it is cut off"); }

    [[nodiscard]] value& result() noexcept { return result_; }
    /// What is wrong; empty when nothing is.
    [[nodiscard]] const std::string& why() const noexcept { return why_; }

private:
    /// The first reason counts.
    bool refuse(const std::string& why) {
        if (why_.empty()) {
            why_ = why;
        }
        return false;
    }
    /// What is announced is counted before memory is taken for it.
    bool may_enter(std::size_t size) {
        if (is_key_) {
            return refuse("a key of a map that is no string");
        }
        if (open_.size() >= limits_.depth()) {
            return refuse(fmt::format("deeper than max_depth ({})", limits_.depth()));
        }
        if (size > left_) {
            return refuse("more values than max_values, or than there are bytes");
        }
        left_ -= size;
        return true;
    }
    bool enter() {
        open_.push_back(last_);
        return true;
    }
    bool leave() {
        open_.pop_back();
        return true;
    }
    bool take_key(std::string_view key) {
        is_key_ = false;
        auto* const map = open_.back()->get_if<value_map>();
        const auto [field, is_new] = map->try_emplace(std::string(key));
        if (!is_new) {
            return refuse(fmt::format("key '{}' twice in a map", key));
        }
        field_ = &field->second;
        return true;
    }
    template <typename T>
    bool put(T&& what) {
        if (is_key_) {
            return refuse("a key of a map that is no string");
        }
        last_ = next_place();
        *last_ = value(std::forward<T>(what));
        return true;
    }
    value* next_place() {
        if (open_.empty()) {
            return &result_;
        }
        if (auto* const list = open_.back()->get_if<value_list>()) {
            // There is room for all that were announced: pointers to them stay valid.
            return &list->emplace_back();
        }
        return field_;
    }

    const msgpack::unpack_limit limits_;
    std::size_t left_;
    value result_;
    value* last_ = &result_;
    value* field_ = nullptr;
    std::vector<value*> open_;
    bool is_key_ = false;
    std::string why_;
};

basic_container_options options_in_range(basic_container_options options) noexcept {
    options.max_depth = std::clamp<std::size_t>(options.max_depth, 1, greatest_depth);
    options.max_values = std::max<std::size_t>(options.max_values, 1);
    options.max_length = std::clamp<std::size_t>(options.max_length, 1, greatest_length);
    return options;
}

}  // namespace

basic_container::basic_container(basic_container_options options) noexcept
    : options_(options_in_range(options)) {}

VoidResult basic_container::serialize(const value& from, std::vector<std::uint8_t>& to) const {
    const std::size_t before = to.size();
    auto written = network_system::detail::within_memory([&]() -> VoidResult {
        messagepack_writer all(to, options_.max_depth);
        return all.write_all(from) ? ok() : messagepack_failure(errc::invalid_argument, all.why());
    });
    if (written.is_err()) {
        to.resize(before);
    }
    return written;
}

Result<value> basic_container::deserialize(std::span<const std::uint8_t> data) const {
    const msgpack::unpack_limit limits(options_.max_values, options_.max_values,
                                       options_.max_length, options_.max_length, 0,
                                       options_.max_depth);
    return network_system::detail::within_memory([&]() -> Result<value> {
        // Each value is a byte at least.
        messagepack_reader all(limits, std::min(options_.max_values, data.size()));
        std::size_t end = 0;
        (void)msgpack::parse(reinterpret_cast<const char*>(data.data()), data.size(), end, all);
        if (!all.why().empty()) {
            return messagepack_failure(errc::protocol_error, all.why());
        }
        if (end != data.size()) {
            return messagepack_failure(errc::protocol_error,
                                       fmt::format("{} bytes behind the value", data.size() - end));
        }
        return std::move(all.result());
    });
}

}  // namespace network_system::integration
