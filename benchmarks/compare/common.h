// What the compared programs share: options, the message framing, descriptors and the way to stop.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace compare {

// A frame is one byte (high nibble type, low nibble flags), a 32-bit big-endian payload length,
// and the payload.
inline constexpr std::size_t header_size = 5;
inline constexpr std::size_t max_payload = 16 * 1024 * 1024;
inline constexpr std::uint8_t data_frame = 0x00;
inline constexpr std::uint8_t hello_frame = 0x40;
inline constexpr std::uint8_t request_frame = 0x70;
inline constexpr std::uint8_t response_frame = 0x80;
// A request begins with its 8-byte id, a response with that id and a 4-byte code.
inline constexpr std::size_t request_prefix = 8;
inline constexpr std::size_t response_prefix = 12;

struct frame_header {
    std::uint8_t first = data_frame;
    std::uint32_t length = 0;
};

inline frame_header read_header(const std::uint8_t* from) {
    const auto byte = [from](int i) { return std::uint32_t{from[i]}; };
    return {from[0], byte(1) << 24 | byte(2) << 16 | byte(3) << 8 | byte(4)};
}

inline void write_header(std::uint8_t* to, frame_header header) {
    to[0] = header.first;
    for (int i = 0; i < 4; ++i) {
        to[1 + i] = static_cast<std::uint8_t>(header.length >> (24 - 8 * i));
    }
}

// Options of the form "--name value" and "--flag". Each is taken once by its name; what is left
// in the end is a mistake of the caller.
class arguments {
public:
    arguments(int argc, char** argv) : words_(argv + 1, argv + argc) {}

    bool flag(std::string_view name) {
        const auto at = std::find(words_.begin(), words_.end(), name);
        if (at == words_.end()) {
            return false;
        }
        words_.erase(at);
        return true;
    }

    std::string text(std::string_view name, std::string_view fallback) {
        const auto at = std::find(words_.begin(), words_.end(), name);
        if (at == words_.end()) {
            return std::string{fallback};
        }
        if (at + 1 == words_.end()) {
            throw std::invalid_argument(std::string{name} + " needs a value");
        }
        std::string value{at[1]};
        words_.erase(at, at + 2);
        return value;
    }

    template <typename Number>
    Number number(std::string_view name, Number fallback) {
        const std::string value = text(name, "");
        if (value.empty()) {
            return fallback;
        }
        Number result{};
        const char* const end = value.data() + value.size();
        const auto [stop, error] = std::from_chars(value.data(), end, result);
        if (error != std::errc{} || stop != end) {
            throw std::invalid_argument(std::string{name} + ": not a valid number: " + value);
        }
        return result;
    }

    void expect_no_more() const {
        if (!words_.empty()) {
            throw std::invalid_argument("unknown option: " + std::string{words_.front()});
        }
    }

private:
    std::vector<std::string_view> words_;
};

[[noreturn]] inline void throw_errno(const char* operation) {
    throw std::system_error(errno, std::generic_category(), operation);
}

template <typename Integer>
Integer check(Integer result, const char* operation) {
    if (result < 0) {
        throw_errno(operation);
    }
    return result;
}

class descriptor {
public:
    explicit descriptor(int fd) noexcept : fd_(fd) {}
    descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    descriptor& operator=(descriptor&&) = delete;
    ~descriptor() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }

    int get() const noexcept { return fd_; }

private:
    int fd_;
};

inline void raise_descriptor_limit() {
    rlimit limit{};
    check(::getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    check(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

// To be called before any thread starts, so that all of them inherit the mask.
inline sigset_t block_stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    check(::sigprocmask(SIG_BLOCK, &signals, nullptr), "sigprocmask");
    return signals;
}

inline void announce_port(unsigned port) {
    std::printf("port %u\n", port);
    std::fflush(stdout);
}

inline int run(int argc, char** argv, void (*program)(arguments&)) {
    try {
        arguments options{argc, argv};
        program(options);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
        return 1;
    }
}

}  // namespace compare
