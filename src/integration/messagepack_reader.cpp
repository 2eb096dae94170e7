#include "integration/messagepack.h"

#include <fmt/format.h>

#include <algorithm>
#include <msgpack.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::integration {
namespace {

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

}  // namespace

Result<value> read_messagepack(std::span<const std::uint8_t> data,
                               const basic_container_options& options) {
    const msgpack::unpack_limit limits(options.max_values, options.max_values, options.max_length,
                                       options.max_length, 0, options.max_depth);
    // Each value is a byte at least.
    messagepack_reader all(limits, std::min(options.max_values, data.size()));
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
}

}  // namespace network_system::integration
