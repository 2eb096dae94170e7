#include <network_system/internal/utf8.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace network_system::inline v0_1::internal {
namespace {

// A finite automaton whose states are shift counts: a row of the table holds for one byte the state
// that follows each state, at the position the state names. A step is a load and a shift, without a
// branch that a mixed text could mislead.
constexpr unsigned bits_per_state = 6;
enum state : std::uint8_t {
    complete = 0 * bits_per_state,
    invalid = 1 * bits_per_state,
    // Continuation bytes to come.
    one = 2 * bits_per_state,
    two = 3 * bits_per_state,
    three = 4 * bits_per_state,
    // After first bytes that restrict the second one: overlong forms, surrogates, beyond U+10FFFF.
    after_e0 = 5 * bits_per_state,
    after_ed = 6 * bits_per_state,
    after_f0 = 7 * bits_per_state,
    after_f4 = 8 * bits_per_state,
};
constexpr std::array all_states{complete, invalid,  one,      two,     three,
                                after_e0, after_ed, after_f0, after_f4};

constexpr state first_byte(unsigned byte) noexcept {
    if (byte < 0x80) {
        return complete;
    }
    if (byte < 0xC2 || byte > 0xF4) {
        return invalid;
    }
    if (byte < 0xE0) {
        return one;
    }
    if (byte < 0xF0) {
        return byte == 0xE0 ? after_e0 : byte == 0xED ? after_ed : two;
    }
    return byte == 0xF0 ? after_f0 : byte == 0xF4 ? after_f4 : three;
}

constexpr state next_state(state from, unsigned byte) noexcept {
    const auto expects = [byte](unsigned least, unsigned most, state next) {
        return byte >= least && byte <= most ? next : invalid;
    };
    switch (from) {
        case complete: return first_byte(byte);
        case invalid: return invalid;
        case one: return expects(0x80, 0xBF, complete);
        case two: return expects(0x80, 0xBF, one);
        case three: return expects(0x80, 0xBF, two);
        case after_e0: return expects(0xA0, 0xBF, one);
        case after_ed: return expects(0x80, 0x9F, one);
        case after_f0: return expects(0x90, 0xBF, two);
        case after_f4: return expects(0x80, 0x8F, two);
    }
    return invalid;
}

constexpr std::array<std::uint64_t, 256> transitions = [] {
    std::array<std::uint64_t, 256> table{};
    for (unsigned byte = 0; byte < table.size(); ++byte) {
        for (const state from : all_states) {
            table[byte] |= std::uint64_t{next_state(from, byte)} << from;
        }
    }
    return table;
}();

/// One run of the automaton. Only the lowest bits of what it holds are the state.
struct lane {
    const std::uint8_t* at = nullptr;
    std::uint64_t held = complete;

    void step() noexcept { held = transitions[*at++] >> (held & 63U); }
    void run_to(const std::uint8_t* end) noexcept {
        while (at != end) {
            step();
        }
    }
    [[nodiscard]] std::uint8_t now() const noexcept {
        return static_cast<std::uint8_t>(held & 63U);
    }
};

// Each step waits for the one before: several runs side by side fill the gaps.
constexpr std::size_t lanes = 4;
constexpr std::size_t lane_size = 64;
constexpr std::size_t block_size = lanes * lane_size;
constexpr std::size_t longest_character = 4;

/// Where the character begins that the byte belongs to; if the bytes there are no character, some
/// place from which they are not one either.
const std::uint8_t* begin_of_character(const std::uint8_t* at) noexcept {
    for (std::size_t back = 1; back < longest_character && (*at & 0xC0U) == 0x80U; ++back) {
        --at;
    }
    return at;
}

/// Runs over a whole block, in lanes that begin with a character each.
std::uint8_t run_block(const std::uint8_t* begin, std::uint8_t from) noexcept {
    std::array<lane, lanes> runs{lane{begin, from}};
    std::array<const std::uint8_t*, lanes> ends{};
    for (std::size_t i = 1; i < lanes; ++i) {
        runs[i].at = ends[i - 1] = begin_of_character(begin + i * lane_size);
    }
    ends.back() = begin + block_size;
    // As many steps as the shortest lane has for certain.
    for (std::size_t i = longest_character - 1; i < lane_size; ++i) {
        for (lane& each : runs) {
            each.step();
        }
    }
    bool is_whole = true;
    for (std::size_t i = 0; i < lanes; ++i) {
        runs[i].run_to(ends[i]);
        is_whole = is_whole && (i + 1 == lanes || runs[i].now() == complete);
    }
    return is_whole ? runs.back().now() : std::uint8_t{invalid};
}

template <std::size_t Words>
bool is_ascii(const std::uint8_t* at) noexcept {
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < Words; ++i) {
        std::uint64_t word = 0;
        std::memcpy(&word, at + i * sizeof word, sizeof word);
        all |= word;
    }
    return (all & 0x8080808080808080U) == 0;
}

const std::uint8_t* skip_ascii(const std::uint8_t* at, const std::uint8_t* end) noexcept {
    while (end - at >= 32 && is_ascii<4>(at)) {
        at += 32;
    }
    while (end - at >= 8 && is_ascii<1>(at)) {
        at += 8;
    }
    while (at != end && *at < 0x80) {
        ++at;
    }
    return at;
}

}  // namespace

bool utf8_validator::feed(std::span<const std::uint8_t> piece) noexcept {
    static_assert(utf8_validator::complete == state::complete);
    const std::uint8_t* at = piece.data();
    const std::uint8_t* const end = at + piece.size();
    while (at != end && state_ != invalid) {
        if (state_ == complete) {
            at = skip_ascii(at, end);
        }
        const auto left = static_cast<std::size_t>(end - at);
        if (left >= block_size) {
            state_ = run_block(at, state_);
            at += block_size;
        } else {
            lane rest{at, state_};
            rest.run_to(at + std::min(left, lane_size));
            state_ = rest.now();
            at = rest.at;
        }
    }
    return state_ != invalid;
}

bool is_utf8(std::span<const std::uint8_t> text) noexcept {
    utf8_validator validator;
    return validator.feed(text) && validator.is_complete();
}

}  // namespace network_system::internal
