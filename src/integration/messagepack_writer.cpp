#include "integration/messagepack.h"
#include "utils/compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <msgpack.hpp>
#include <string>

namespace network_system::inline v0_1::integration {
namespace {

/// What msgpack's packer writes to, a few bytes at a time: the vector is longer than what it holds
/// until `finish`.
class byte_sink {
public:
    explicit byte_sink(std::vector<std::uint8_t>& to) : to_(to) { grow_by(0, to.size()); }

    /// The packer's sizes are constants, mostly: what is inlined is a few instructions.
    NETWORK_ALWAYS_INLINE void write(const char* data, std::size_t size) {
        if (size > static_cast<std::size_t>(end_ - at_)) {
            grow_by(size, held());
        }
        std::memcpy(at_, data, size);
        at_ += size;
    }
    void finish() { to_.resize(held()); }

private:
    [[nodiscard]] std::size_t held() const noexcept {
        return static_cast<std::size_t>(at_ - to_.data());
    }
    NETWORK_NEVER_INLINE void grow_by(std::size_t size, std::size_t held) {
        constexpr std::size_t least = 512;
        to_.resize(std::max({held + size, 2 * to_.size(), least}));
        at_ = to_.data() + held;
        end_ = to_.data() + to_.size();
    }

    std::vector<std::uint8_t>& to_;
    std::uint8_t* at_ = nullptr;
    std::uint8_t* end_ = nullptr;
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
    /// Else the packer calls for each byte that it writes.
    NETWORK_INLINE_CALLS [[nodiscard]] bool write(const value& what, std::size_t depth) {
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
        packer_.pack_bin(size);
        if (!bytes.empty()) {
            packer_.pack_bin_body(reinterpret_cast<const char*>(bytes.data()), size);
        }
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

}  // namespace

VoidResult write_messagepack(const value& what, std::size_t max_depth,
                             std::vector<std::uint8_t>& to) {
    messagepack_writer all(to, max_depth);
    return all.write_all(what) ? ok() : messagepack_failure(errc::invalid_argument, all.why());
}

}  // namespace network_system::integration
