#include "protocol/proxy/header.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace network_system::inline v0_1::protocol {
namespace {

constexpr std::array<std::uint8_t, 12> signature{0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
                                                 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};
constexpr std::size_t command_at = 12;
constexpr std::size_t family_at = 13;
constexpr std::size_t length_at = 14;

// Version 2 in the high nibble.
constexpr std::uint8_t local_command = 0x20;
constexpr std::uint8_t proxy_command = 0x21;

constexpr std::uint8_t family_unspecified = 0x00;
constexpr std::uint8_t family_tcp4 = 0x11;
constexpr std::uint8_t family_tcp6 = 0x21;
constexpr std::uint8_t family_unix = 0x31;

constexpr std::size_t unix_path_size = 108;
constexpr std::size_t tlv_header_size = 3;

std::uint16_t read_16(bytes_view data) noexcept {
    return static_cast<std::uint16_t>(data[0] << 8U | data[1]);
}

std::size_t addresses_size(std::uint8_t family) noexcept {
    switch (family) {
        case family_tcp4: return std::size_t{2} * (4 + 2);
        case family_tcp6: return std::size_t{2} * (16 + 2);
        case family_unix: return 2 * unix_path_size;
        default: return 0;
    }
}

/// Both addresses come first, then both ports.
endpoint internet_endpoint(bytes_view block, endpoint::family family, std::size_t index) {
    const std::size_t size = family == endpoint::family::ipv4 ? 4 : 16;
    endpoint::address_bytes address{};
    const auto from = block.subspan(index * size, size);
    std::copy(from.begin(), from.end(), address.begin());
    return {family, address, read_16(block.subspan(2 * size + index * 2))};
}

endpoint unix_endpoint(bytes_view field) {
    const std::string_view text(reinterpret_cast<const char*>(field.data()), field.size());
    if (text.front() != '\0') {
        return endpoint::unix_domain(std::string(text.substr(0, text.find('\0'))));
    }
    // An abstract name: what the field has more is zeros.
    const auto last = text.find_last_not_of('\0');
    return endpoint::unix_domain(
        last == std::string_view::npos ? std::string() : '@' + std::string(text.substr(1, last)));
}

bool are_well_formed(bytes_view tlvs) noexcept {
    while (!tlvs.empty()) {
        if (tlvs.size() < tlv_header_size) {
            return false;
        }
        const std::size_t size = tlv_header_size + read_16(tlvs.subspan(1));
        if (tlvs.size() < size) {
            return false;
        }
        tlvs = tlvs.subspan(size);
    }
    return true;
}

}  // namespace

std::size_t proxy_header_parser::wanted() const noexcept {
    return state_ == status::incomplete ? total_size() - bytes_.size() : 0;
}

/// As far as it is known.
std::size_t proxy_header_parser::total_size() const noexcept {
    return bytes_.size() < fixed_size ? fixed_size
                                      : fixed_size + read_16(bytes_view(bytes_).subspan(length_at));
}

std::size_t proxy_header_parser::consume(bytes_view data) {
    std::size_t taken = 0;
    while (state_ == status::incomplete) {
        if (bytes_.size() == total_size()) {
            state_ = decode() ? status::complete : status::malformed;
            break;
        }
        if (taken == data.size()) {
            break;
        }
        const auto part = data.subspan(taken, std::min(wanted(), data.size() - taken));
        bytes_.insert(bytes_.end(), part.begin(), part.end());
        taken += part.size();
        if (!is_well_begun()) {
            state_ = status::malformed;
        }
    }
    return taken;
}

bool proxy_header_parser::is_well_begun() const noexcept {
    const std::size_t count = bytes_.size();
    if (!std::equal(bytes_.begin(),
                    bytes_.begin() + static_cast<std::ptrdiff_t>(std::min(count, signature.size())),
                    signature.begin())) {
        return false;
    }
    if (count > command_at && bytes_[command_at] != local_command &&
        bytes_[command_at] != proxy_command) {
        return false;
    }
    return count <= family_at || has_known_family();
}

bool proxy_header_parser::has_known_family() const noexcept {
    // What a LOCAL header says of addresses is to be ignored, whatever it is.
    const std::uint8_t family = bytes_[family_at];
    return bytes_[command_at] == local_command || family == family_unspecified ||
           addresses_size(family) != 0;
}

bool proxy_header_parser::decode() {
    const std::uint8_t family = bytes_[family_at];
    if (bytes_[command_at] == local_command || family == family_unspecified) {
        return true;
    }
    const bytes_view block = bytes_view(bytes_).subspan(fixed_size);
    const std::size_t size = addresses_size(family);
    if (block.size() < size || !are_well_formed(block.subspan(size))) {
        return false;
    }
    if (family == family_unix) {
        header_ = {unix_endpoint(block.first(unix_path_size)),
                   unix_endpoint(block.subspan(unix_path_size, unix_path_size))};
    } else {
        const auto kind = family == family_tcp4 ? endpoint::family::ipv4 : endpoint::family::ipv6;
        header_ = {internet_endpoint(block, kind, 0), internet_endpoint(block, kind, 1)};
    }
    return true;
}

}  // namespace network_system::protocol
