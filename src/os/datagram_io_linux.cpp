// Many datagrams a system call: recvmmsg and sendmmsg, with UDP_SEGMENT and UDP_GRO where the
// kernel has them.
#include "os/datagram_io.h"

#ifdef __linux__

#include "os/datagram_control.h"
#include "os/send_recovery.h"
#include "os/socket_platform.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace network_system::inline v0_1::runtime {
namespace {

constexpr std::size_t max_messages = 64;
// UDP_MAX_SEGMENTS of the kernel.
constexpr std::size_t max_segments = 64;
// What fits behind the headers of the longest IPv4 packet; IPv6 has 20 bytes more.
constexpr std::size_t max_payload = 65'507;
constexpr std::size_t largest_coalesced = 65'536;

/// Places at a distance of a power of two would fall into the same few sets of the processor's
/// caches.
constexpr std::size_t stagger(std::size_t size) noexcept {
    constexpr std::size_t line = 64;
    const std::size_t rounded = (size + line - 1) / line * line;
    return rounded % (8 * line) == 0 ? rounded + line : rounded;
}

/// Calls again while a signal interrupts.
template <typename Call>
int uninterrupted(const Call& call) noexcept {
    int answer = call();
    while (answer < 0 && errno == EINTR) {
        answer = call();
    }
    return answer;
}

/// The receiving half: places in the loop's memory, and their headers.
class receive_places {
public:
    receive_places(std::size_t count, std::size_t size, bool reports_destinations)
        : size_(size), distance_(stagger(size)), reports_destinations_(reports_destinations),
          control_size_(reports_destinations ? sizeof(control) : coalesced_space), headers_(count),
          slices_(count), names_(count), controls_(count), received_(count) {
        for (std::size_t i = 0; i < count; ++i) {
            ::msghdr& header = headers_[i].msg_hdr;
            header.msg_name = names_[i].bytes.data();
            header.msg_iov = &slices_[i];
            header.msg_iovlen = 1;
            header.msg_control = controls_[i].bytes;
            received_[i].from = &names_[i];
        }
    }

    [[nodiscard]] std::size_t memory_size() const noexcept { return distance_ * headers_.size(); }

    datagram_receive_result receive(socket_handle handle, std::span<std::uint8_t> memory) {
        prepare(memory);
        const int got = uninterrupted([&] {
            return ::recvmmsg(handle, headers_.data(), static_cast<unsigned>(headers_.size()), 0,
                              nullptr);
        });
        if (got < 0) {
            used_ = 0;
            const bool blocked = errno == EAGAIN || errno == EWOULDBLOCK;
            return {{}, blocked ? std::error_code{} : sockets::last_error(), !blocked};
        }
        used_ = static_cast<std::size_t>(got);
        for (std::size_t i = 0; i < used_; ++i) {
            record(i);
        }
        return {{received_.data(), used_}, {}, used_ == headers_.size()};
    }

private:
    static constexpr std::size_t coalesced_space = CMSG_SPACE(sizeof(int));
    /// Room for the size of coalesced datagrams, and for where they went.
    struct control {
        alignas(
            ::cmsghdr) std::uint8_t bytes[coalesced_space + datagram_control::destination_space];
    };

    /// Whatever the kernel has written to since the last call is set again.
    void prepare(std::span<std::uint8_t> memory) noexcept {
        if (memory.data() != memory_) {
            memory_ = memory.data();
            used_ = headers_.size();
            for (std::size_t i = 0; i < headers_.size(); ++i) {
                slices_[i] = {memory_ + i * distance_, size_};
            }
        }
        for (std::size_t i = 0; i < used_; ++i) {
            headers_[i].msg_hdr.msg_namelen = datagram_address::capacity;
            headers_[i].msg_hdr.msg_controllen = control_size_;
        }
    }

    void record(std::size_t i) noexcept {
        ::msghdr& header = headers_[i].msg_hdr;
        names_[i].length = header.msg_namelen;
        incoming_datagrams& place = received_[i];
        place.bytes = {memory_ + i * distance_, headers_[i].msg_len};
        place.segment_size = 0;
        place.is_truncated = (header.msg_flags & MSG_TRUNC) != 0;
        if (reports_destinations_) {
            place.asked = {};
        }
        if (header.msg_controllen == 0) {
            return;
        }
        for (::cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr;
             each = CMSG_NXTHDR(&header, each)) {
            if (each->cmsg_level == IPPROTO_UDP && each->cmsg_type == UDP_GRO) {
                int value = 0;
                std::memcpy(&value, CMSG_DATA(each), sizeof value);
                place.segment_size = value > 0 ? static_cast<std::size_t>(value) : 0;
            } else if (reports_destinations_) {
                datagram_control::read_destination(*each, place.asked);
            }
        }
    }

    const std::size_t size_;
    const std::size_t distance_;
    const bool reports_destinations_;
    const std::size_t control_size_;
    std::vector<::mmsghdr> headers_;
    std::vector<::iovec> slices_;
    std::vector<datagram_address> names_;
    std::vector<control> controls_;
    std::vector<incoming_datagrams> received_;
    std::uint8_t* memory_ = nullptr;
    std::size_t used_ = 0;
};

/// The sending half: datagrams of one size to one peer, from one source, become segments of one
/// message.
class send_messages {
public:
    send_messages(std::size_t count, bool segments, const datagram_io_settings& settings)
        : headers_(count), slices_(datagram_io::max_send),
          controls_(segments || settings.reports_destinations ? count : 0), counts_(count),
          segment_limit_(segments ? max_payload : 0), recovery_(settings.is_connected) {}

    [[nodiscard]] bool segments() const noexcept { return segment_limit_ != 0; }

    datagram_send_result send(socket_handle handle, std::span<const outgoing_datagram> what) {
        datagram_send_result result;
        recovery_.begin();
        while (result.sent < what.size()) {
            const auto rest = what.subspan(result.sent);
            const std::size_t messages = gather(rest);
            const int done = uninterrupted([&] {
                return ::sendmmsg(handle, headers_.data(), static_cast<unsigned>(messages),
                                  MSG_NOSIGNAL);
            });
            ++result.calls;
            if (done < 0) {
                if (ends_at(rest[0], errno, result)) {
                    break;
                }
                continue;
            }
            // Fewer than asked for: the next call says why.
            for (int i = 0; i < done; ++i) {
                result.sent += counts_[static_cast<std::size_t>(i)];
            }
            if (recovery_.on_success(rest[0], counts_[0], result)) {
                break;
            }
        }
        return result;
    }

private:
    struct control {
        alignas(::cmsghdr)
            std::uint8_t bytes[CMSG_SPACE(sizeof(std::uint16_t)) + datagram_control::source_space];
    };

    /// A call was refused that began with this datagram: whether the send is over.
    [[nodiscard]] bool ends_at(const outgoing_datagram& first, int error,
                               datagram_send_result& result) noexcept {
        if (error == EAGAIN || error == EWOULDBLOCK) {
            result.would_block = true;
            return true;
        }
        const std::error_code cause(error, std::system_category());
        switch (recovery_.on_failure(first, cause, result)) {
            case send_recovery::verdict::again: return false;
            case send_recovery::verdict::tell: return true;
            case send_recovery::verdict::own: break;
        }
        if (counts_[0] > 1 && give_up_segments(error, first.bytes.size())) {
            return false;
        }
        result.error = cause;
        return true;
    }

    /// A network interface may refuse segments although the kernel has them (EIO), or their size
    /// although it would take it as fragments (EINVAL, EMSGSIZE): they go one by one then, and from
    /// then on. False: it was another failure.
    [[nodiscard]] bool give_up_segments(int error, std::size_t size) noexcept {
        constexpr std::size_t smallest = 1024;
        switch (error) {
            case EIO:
            case EOPNOTSUPP:
            case ENOPROTOOPT: segment_limit_ = 0; return true;
            case EINVAL:
            case EMSGSIZE: segment_limit_ = size > smallest ? size - 1 : 0; return true;
            default: return false;
        }
    }

    /// Fills the headers; how many.
    [[nodiscard]] std::size_t gather(std::span<const outgoing_datagram> what) noexcept {
        std::size_t message = 0;
        std::size_t next = 0;
        while (next < what.size() && message < headers_.size()) {
            const std::size_t count = run_length(what.subspan(next));
            for (std::size_t i = next; i < next + count; ++i) {
                slices_[i] = {const_cast<std::uint8_t*>(what[i].bytes.data()),
                              what[i].bytes.size()};
            }
            ::msghdr& header = headers_[message].msg_hdr;
            header = {};
            if (what[next].to != nullptr) {
                header.msg_name = const_cast<std::uint8_t*>(what[next].to->bytes.data());
                header.msg_namelen = what[next].to->length;
            }
            header.msg_iov = &slices_[next];
            header.msg_iovlen = count;
            const bool leaves_source_out = message == 0 && recovery_.leaves_source_out();
            add_control(header, message, count, what[next], leaves_source_out);
            counts_[message] = count;
            next += count;
            ++message;
        }
        return message;
    }

    /// How many of the first datagrams can go as one message.
    [[nodiscard]] std::size_t run_length(std::span<const outgoing_datagram> what) const noexcept {
        const std::size_t size = what[0].bytes.size();
        if (size == 0 || size > segment_limit_) {
            return 1;
        }
        const std::size_t most =
            std::min({what.size(), max_segments, std::max<std::size_t>(max_payload / size, 1)});
        std::size_t count = 1;
        while (count < most && what[count].bytes.size() == size &&
               is_same(what[count].to, what[0].to) && is_same(what[count].from, what[0].from)) {
            ++count;
        }
        return count;
    }

    template <typename Address>
    static bool is_same(const Address* one, const Address* other) noexcept {
        return one == other || (one != nullptr && other != nullptr && *one == *other);
    }

    /// The size of the segments and the source, of a message that has one of them.
    void add_control(::msghdr& header, std::size_t message, std::size_t count,
                     const outgoing_datagram& first, bool leaves_source_out) noexcept {
        const bool has_source = first.from != nullptr && !leaves_source_out;
        if (count == 1 && !has_source) {
            return;
        }
        std::uint8_t* const place = controls_[message].bytes;
        std::size_t size = 0;
        if (count > 1) {
            size = datagram_control::put(place, IPPROTO_UDP, UDP_SEGMENT,
                                         static_cast<std::uint16_t>(first.bytes.size()));
        }
        if (has_source) {
            size += datagram_control::put_source(place + size, *first.from);
        }
        header.msg_control = place;
        header.msg_controllen = size;
    }

    std::vector<::mmsghdr> headers_;
    std::vector<::iovec> slices_;
    std::vector<control> controls_;
    std::vector<std::size_t> counts_;
    std::size_t segment_limit_;
    send_recovery recovery_;
};

class batched_datagram_io final : public datagram_io {
public:
    batched_datagram_io(const datagram_io_settings& settings, bool segments, bool coalesces)
        : coalesces_(coalesces),
          places_(settings.batch_size,
                  coalesces ? largest_coalesced : settings.max_datagram_size + 1,
                  settings.reports_destinations),
          messages_(std::min(settings.batch_size, max_messages), segments, settings) {}

    std::size_t memory_size() const noexcept override { return places_.memory_size(); }
    datagram_receive_result receive(socket_handle handle, std::span<std::uint8_t> memory) override {
        return places_.receive(handle, memory);
    }
    datagram_send_result send(socket_handle handle,
                              std::span<const outgoing_datagram> what) override {
        return messages_.send(handle, what);
    }
    /// SO_RXQ_OVFL has the same counter, but once there was a drop it costs a control message with
    /// every datagram.
    std::uint64_t kernel_drops(socket_handle handle) noexcept override {
        std::array<std::uint32_t, 9> memory{};  // SK_MEMINFO_DROPS is the last
        ::socklen_t length = sizeof memory;
        if (::getsockopt(handle, SOL_SOCKET, SO_MEMINFO, memory.data(), &length) == 0 &&
            length >= sizeof memory) {
            drops_ += static_cast<std::uint32_t>(memory.back() - last_drops_);
            last_drops_ = memory.back();
        }
        return drops_;
    }
    bool has_segmentation() const noexcept override { return messages_.segments(); }
    bool has_coalescing() const noexcept override { return coalesces_; }

private:
    const bool coalesces_;
    receive_places places_;
    send_messages messages_;
    // The kernel counts in 32 bits.
    std::uint64_t drops_ = 0;
    std::uint32_t last_drops_ = 0;
};

}  // namespace

std::unique_ptr<datagram_io> make_batched_datagram_io(socket_handle handle,
                                                      const datagram_io_settings& settings) {
    // What the kernel does not know it refuses. A size of 0 changes nothing.
    const auto accepts = [handle](int level, int option, int value) {
        return !sockets::set_option(handle, level, option, value);
    };
    const bool segments = settings.uses_segmentation && accepts(IPPROTO_UDP, UDP_SEGMENT, 0);
    const bool coalesces = settings.uses_coalescing && accepts(IPPROTO_UDP, UDP_GRO, 1);
    return std::make_unique<batched_datagram_io>(settings, segments, coalesces);
}

}  // namespace network_system::runtime

#else

namespace network_system::inline v0_1::runtime {

std::unique_ptr<datagram_io> make_batched_datagram_io(socket_handle, const datagram_io_settings&) {
    return nullptr;
}

}  // namespace network_system::runtime

#endif
