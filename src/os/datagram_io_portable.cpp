// One datagram a system call, as every platform has it; and the choice of the calls.
#include "os/datagram_control.h"
#include "os/datagram_io.h"
#include "os/send_recovery.h"
#include "os/socket_platform.h"

#include <array>
#include <vector>

namespace network_system::inline v0_1::runtime {
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
        : size_(settings.max_datagram_size + 1),
          reports_destinations_(settings.reports_destinations), names_(settings.batch_size),
          received_(settings.batch_size), recovery_(settings.is_connected) {}

    std::size_t memory_size() const noexcept override { return size_ * names_.size(); }

    datagram_receive_result receive(socket_handle handle, std::span<std::uint8_t> memory) override {
        for (std::size_t i = 0; i < names_.size(); ++i) {
            std::uint8_t* const place = memory.data() + i * size_;
            received_[i].from = &names_[i];
            const auto got = receive_one(handle, {place, size_}, received_[i]);
            const auto error = got < 0 ? sockets::last_error() : std::error_code{};
            if (error && !is_truncation(error)) {
                const bool blocked = sockets::would_block(error);
                return {{received_.data(), i}, blocked ? std::error_code{} : error, !blocked};
            }
            received_[i].bytes = {place, error ? size_ : static_cast<std::size_t>(got)};
            received_[i].is_truncated = static_cast<bool>(error);
        }
        return {received_, {}, true};
    }

    datagram_send_result send(socket_handle handle,
                              std::span<const outgoing_datagram> what) override {
        datagram_send_result result;
        recovery_.begin();
        while (result.sent < what.size()) {
            const outgoing_datagram& next = what[result.sent];
            const auto error = send_one(handle, next);
            ++result.calls;
            if (!error) {
                ++result.sent;
                if (recovery_.on_success(next, 1, result)) {
                    break;
                }
            } else if (sockets::would_block(error)) {
                result.would_block = true;
                break;
            } else if (const auto verdict = recovery_.on_failure(next, error, result);
                       verdict != send_recovery::verdict::again) {
                result.error = verdict == send_recovery::verdict::own ? error : std::error_code{};
                break;
            }
        }
        return result;
    }

    std::uint64_t kernel_drops(socket_handle) noexcept override { return 0; }
    bool has_segmentation() const noexcept override { return false; }
    bool has_coalescing() const noexcept override { return false; }

private:
    using slice = std::span<std::uint8_t>;
#ifdef _WIN32
    using io_size = int;
    using io_count = int;
#else
    using io_size = std::size_t;
    using io_count = ::ssize_t;
#endif

    [[nodiscard]] io_count receive_one(socket_handle handle, slice into,
                                       incoming_datagrams& place) const {
#if NETWORK_HAS_PACKET_INFO
        if (reports_destinations_) {
            return receive_with_destination(handle, into, place);
        }
#else
        (void)reports_destinations_;
#endif
        auto length = static_cast<sockets::socklen_type>(datagram_address::capacity);
        const auto got = ::recvfrom(
            handle, reinterpret_cast<char*>(into.data()), static_cast<io_size>(into.size()), 0,
            reinterpret_cast<::sockaddr*>(place.from->bytes.data()), &length);
        place.from->length = static_cast<std::uint32_t>(length);
        return got;
    }

    [[nodiscard]] std::error_code send_one(socket_handle handle, const outgoing_datagram& what) {
#if NETWORK_HAS_PACKET_INFO
        if (what.from != nullptr && !recovery_.leaves_source_out()) {
            return send_from_source(handle, what);
        }
#endif
        const auto* const to = what.to;
        const auto sent = ::sendto(
            handle, reinterpret_cast<const char*>(what.bytes.data()),
            static_cast<io_size>(what.bytes.size()), send_flags,
            to == nullptr ? nullptr : reinterpret_cast<const ::sockaddr*>(to->bytes.data()),
            to == nullptr ? 0 : static_cast<sockets::socklen_type>(to->length));
        return sent < 0 ? sockets::last_error() : std::error_code{};
    }

#if NETWORK_HAS_PACKET_INFO
    [[nodiscard]] static io_count receive_with_destination(socket_handle handle, slice into,
                                                           incoming_datagrams& place) {
        alignas(::cmsghdr) std::array<std::uint8_t, datagram_control::destination_space> control;
        ::iovec memory{into.data(), into.size()};
        ::msghdr header{};
        header.msg_name = place.from->bytes.data();
        header.msg_namelen = datagram_address::capacity;
        header.msg_iov = &memory;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        const auto got = ::recvmsg(handle, &header, 0);
        place.from->length = static_cast<std::uint32_t>(header.msg_namelen);
        place.asked = {};
        if (got < 0) {
            return got;
        }
        for (::cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr;
             each = CMSG_NXTHDR(&header, each)) {
            datagram_control::read_destination(*each, place.asked);
        }
        return got;
    }

    [[nodiscard]] static std::error_code send_from_source(socket_handle handle,
                                                          const outgoing_datagram& what) {
        alignas(::cmsghdr) std::array<std::uint8_t, datagram_control::source_space> control;
        ::iovec memory{const_cast<std::uint8_t*>(what.bytes.data()), what.bytes.size()};
        ::msghdr header{};
        if (what.to != nullptr) {
            header.msg_name = const_cast<std::uint8_t*>(what.to->bytes.data());
            header.msg_namelen = what.to->length;
        }
        header.msg_iov = &memory;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = static_cast<decltype(header.msg_controllen)>(
            datagram_control::put_source(control.data(), *what.from));
        return ::sendmsg(handle, &header, send_flags) < 0 ? sockets::last_error()
                                                          : std::error_code{};
    }
#endif

    // One more than the limit shows what is longer.
    const std::size_t size_;
    const bool reports_destinations_;
    std::vector<datagram_address> names_;
    std::vector<incoming_datagrams> received_;
    send_recovery recovery_;
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
