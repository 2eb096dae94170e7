#include "os/send_recovery.h"

#include <cerrno>

namespace network_system::inline v0_1::runtime {
namespace {

bool is_refusal(const std::error_code& error) noexcept {
    return error == std::errc::connection_refused || error == std::errc::connection_reset;
}

/// EINVAL, ENETUNREACH: Linux, of a source that no interface has. Others, and an interface that is
/// gone: EADDRNOTAVAIL, ENODEV, ENXIO.
bool may_concern_source(const std::error_code& error) noexcept {
    return error == std::errc::invalid_argument || error == std::errc::network_unreachable ||
           error == std::errc::address_not_available || error == std::errc::no_such_device ||
           error == std::errc::no_such_device_or_address;
}

}  // namespace

bool may_concern_earlier(const std::error_code& error) noexcept {
#ifdef EHOSTDOWN
    if (error.value() == EHOSTDOWN && error.category() == std::system_category()) {
        return true;
    }
#endif
#ifdef ENONET
    if (error.value() == ENONET && error.category() == std::system_category()) {
        return true;
    }
#endif
    return is_refusal(error) || error == std::errc::host_unreachable ||
           error == std::errc::network_unreachable || error == std::errc::message_size ||
           error == std::errc::no_protocol_option || error == std::errc::protocol_error ||
           error == std::errc::permission_denied || error == std::errc::operation_not_supported;
}

send_recovery::verdict send_recovery::on_failure(const outgoing_datagram& first,
                                                 std::error_code error,
                                                 datagram_send_result& result) noexcept {
    if (first.from != nullptr && !leaves_source_out_ && may_concern_source(error)) {
        leaves_source_out_ = true;
        return verdict::again;
    }
    leaves_source_out_ = false;
    const bool is_on_connection = is_connected_ || first.to == nullptr;
    if (is_on_connection && is_refusal(error) && ++refusals_ <= most_refusals) {
        // No send is refused by the peer itself.
        result.earlier = error;
        return verdict::tell;
    }
    if (is_on_connection && may_concern_earlier(error) && error != suspected_) {
        result.earlier = std::exchange(suspected_, error);
        return result.earlier ? verdict::tell : verdict::again;
    }
    suspected_.clear();
    refusals_ = 0;
    return verdict::own;
}

bool send_recovery::on_success(const outgoing_datagram& first, std::size_t count,
                               datagram_send_result& result) noexcept {
    refusals_ = 0;
    if (std::exchange(leaves_source_out_, false)) {
        result.without_source = count;
        result.source_gone = first.to;
    }
    result.earlier = std::exchange(suspected_, {});
    return result.earlier || result.without_source > 0;
}

}  // namespace network_system::runtime
