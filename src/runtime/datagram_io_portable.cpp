// One datagram a system call, as every platform has it; and the choice of the calls.
#include "runtime/datagram_io.h"
#include "runtime/socket_platform.h"

#include <array>
#include <vector>

namespace network_system::runtime {
namespace {

#ifdef MSG_NOSIGNAL
constexpr int send_flags = MSG_NOSIGNAL;
#else
constexpr int send_flags = 0;
#endif

/// Windows says as an error that a datagram was longer than the buffer.
bool is_truncation([[maybe_unused]] const std::error_code& error) noexcept {
#ifdef _WIN32
    return error.value() == WSAEMSGSIZE;
#else
    return false;
#endif
}

class portable_datagram_io final : public datagram_io {
public:
    explicit portable_datagram_io(const datagram_io_settings& settings)
        : size_(settings.max_datagram_size + 1), names_(settings.batch_size),
          received_(settings.batch_size) {}

    std::size_t memory_size() const noexcept override { return size_ * names_.size(); }

    datagram_receive_result receive(socket_handle handle, std::span<std::uint8_t> memory) override {
        for (std::size_t i = 0; i < names_.size(); ++i) {
            std::uint8_t* const place = memory.data() + i * size_;
            auto length = static_cast<sockets::socklen_type>(datagram_address::capacity);
            const auto got =
                ::recvfrom(handle, reinterpret_cast<char*>(place), static_cast<io_size>(size_), 0,
                           reinterpret_cast<::sockaddr*>(names_[i].bytes.data()), &length);
            names_[i].length = static_cast<std::uint32_t>(length);
            const auto error = got < 0 ? sockets::last_error() : std::error_code{};
            if (error && !is_truncation(error)) {
                const bool blocked = sockets::would_block(error);
                return {{received_.data(), i}, blocked ? std::error_code{} : error, !blocked};
            }
            received_[i].bytes = {place, error ? size_ : static_cast<std::size_t>(got)};
            received_[i].from = &names_[i];
            received_[i].is_truncated = static_cast<bool>(error);
        }
        return {received_, {}, true};
    }

    datagram_send_result send(socket_handle handle,
                              std::span<const outgoing_datagram> what) override {
        for (std::size_t i = 0; i < what.size(); ++i) {
            const auto* const to = what[i].to;
            const auto sent = ::sendto(
                handle, reinterpret_cast<const char*>(what[i].bytes.data()),
                static_cast<io_size>(what[i].bytes.size()), send_flags,
                to == nullptr ? nullptr : reinterpret_cast<const ::sockaddr*>(to->bytes.data()),
                to == nullptr ? 0 : static_cast<sockets::socklen_type>(to->length));
            if (sent < 0) {
                const auto error = sockets::last_error();
                const bool blocked = sockets::would_block(error);
                return {i, blocked ? std::error_code{} : error, blocked, i + 1};
            }
        }
        return {what.size(), {}, false, what.size()};
    }

    std::uint64_t kernel_drops(socket_handle) noexcept override { return 0; }
    bool has_segmentation() const noexcept override { return false; }
    bool has_coalescing() const noexcept override { return false; }

private:
#ifdef _WIN32
    using io_size = int;
#else
    using io_size = std::size_t;
#endif

    // One more than the limit shows what is longer.
    const std::size_t size_;
    std::vector<datagram_address> names_;
    std::vector<incoming_datagrams> received_;
};

}  // namespace

std::unique_ptr<datagram_io> make_portable_datagram_io(const datagram_io_settings& settings) {
    return std::make_unique<portable_datagram_io>(settings);
}

std::unique_ptr<datagram_io> make_datagram_io(socket_handle handle,
                                              const datagram_io_settings& settings,
                                              bool is_portable) {
    auto batched = is_portable ? nullptr : make_batched_datagram_io(handle, settings);
    return batched ? std::move(batched) : make_portable_datagram_io(settings);
}

}  // namespace network_system::runtime
