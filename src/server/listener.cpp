#include "lifecycle/addresses.h"
#include "os/descriptor_handover.h"
#include "runtime/loop.h"
#include "utils/deadline.h"
#include "utils/failure.h"
#include "utils/process.h"

#include <network_system/core/listener.h>

#include <fmt/format.h>

#include <string>

namespace network_system::inline v0_1::core {
namespace {

constexpr const char* listener_source = "listener";
// The receiver's server removes the socket file.
constexpr std::uint8_t owns_file_flag = 1;

#ifdef _WIN32
constexpr bool is_supported = false;
#else
constexpr bool is_supported = true;
#endif

error_info not_supported() {
    return detail::failure(errc::not_supported, "listeners apart from servers on this platform",
                           listener_source);
}

/// Where processes meet; an error also when the calling thread may not wait.
Result<endpoint> meeting_place(std::string_view address, std::chrono::milliseconds timeout) {
    if (!is_supported) {
        return not_supported();
    }
    if (!address.starts_with("unix:")) {
        return detail::failure(
            errc::invalid_argument,
            fmt::format(R"(a listener is handed over at "unix:/path", not at "{}")", address),
            listener_source);
    }
    if (timeout < std::chrono::milliseconds{0}) {
        return detail::failure(errc::invalid_argument,
                               "the timeout of a listener's handover must not be negative",
                               listener_source);
    }
    if (runtime::loop::is_on_io_thread()) {
        return detail::failure(errc::would_block, "handing a listener over blocks",
                               listener_source);
    }
    return parse_bind_address(std::string(address), 0, listener_source);
}

errc code_of(std::error_code error, errc otherwise) {
    return error == std::errc::timed_out ? errc::connection_timeout : otherwise;
}

void close_descriptor(int& descriptor) noexcept {
    if (descriptor >= 0) {
        runtime::sockets::close(static_cast<runtime::socket_handle>(descriptor));
        descriptor = -1;
    }
}

}  // namespace

listener::listener(int descriptor, strict_bool owns_file) noexcept
    : descriptor_(descriptor),
      file_owner_(owns_file ? detail::fork_depth.load(std::memory_order_relaxed) + 1 : 0) {}

bool listener::owns_file() const noexcept {
    return file_owner_ == detail::fork_depth.load(std::memory_order_relaxed) + 1;
}

listener& listener::operator=(listener&& other) noexcept {
    if (this != &other) {
        close_descriptor(descriptor_);
        descriptor_ = std::exchange(other.descriptor_, -1);
        file_owner_ = std::exchange(other.file_owner_, 0U);
    }
    return *this;
}

listener::~listener() {
    close_descriptor(descriptor_);
}

Result<listener> listener::adopt(int descriptor) {
    return detail::within_memory([&]() -> Result<listener> {
#ifdef _WIN32
        (void)descriptor;
        return not_supported();
#else
        if (descriptor < 0 || !runtime::sockets::is_listening(descriptor)) {
            return detail::failure(
                errc::invalid_argument,
                fmt::format("descriptor {} is no listening stream socket", descriptor),
                listener_source);
        }
        if (const auto error = runtime::sockets::make_private_and_non_blocking(descriptor)) {
            return detail::failure(errc::invalid_argument,
                                   fmt::format("descriptor {} cannot be taken over", descriptor),
                                   listener_source, error);
        }
        return listener(descriptor, false);
#endif
    });
}

Result<listener> listener::receive_from(std::string_view address,
                                        std::chrono::milliseconds timeout) {
    return detail::within_memory([&]() -> Result<listener> {
        const auto place = meeting_place(address, timeout);
        if (!place) {
            return place.error();
        }
        std::error_code error;
        auto handed = runtime::receive_socket(
            place.value(), detail::after(std::chrono::steady_clock::now(), timeout), error);
        if (error) {
            return detail::failure(code_of(error, errc::bind_failed),
                                   fmt::format("cannot receive a listener at {}", address),
                                   listener_source, error);
        }
        return listener(static_cast<int>(handed.socket.release()),
                        (handed.flags & owns_file_flag) != 0);
    });
}

VoidResult listener::send_to(std::string_view address, std::chrono::milliseconds timeout) {
    return detail::within_memory([&]() -> VoidResult {
        const auto place = meeting_place(address, timeout);
        if (!place) {
            return place.error();
        }
        if (!is_open()) {
            return detail::failure(errc::invalid_argument, "the listener is not open",
                                   listener_source);
        }
        const auto error =
            runtime::send_socket(place.value(), static_cast<runtime::socket_handle>(descriptor_),
                                 owns_file() ? owns_file_flag : std::uint8_t{0},
                                 detail::after(std::chrono::steady_clock::now(), timeout));
        if (error) {
            return detail::failure(code_of(error, errc::connection_failed),
                                   fmt::format("cannot send a listener to {}", address),
                                   listener_source, error);
        }
        file_owner_ = 0;
        return ok();
    });
}

endpoint listener::local_endpoint() const {
    return is_open()
               ? runtime::sockets::local_endpoint(static_cast<runtime::socket_handle>(descriptor_))
               : endpoint{};
}

}  // namespace network_system::core
