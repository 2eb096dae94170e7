#include "utils/failure.h"
#include "utils/process.h"

#include <network_system/session/messaging_session.h>

#include <array>
#include <functional>
#include <mutex>
#include <utility>

namespace network_system::inline v0_1::session {
namespace {

struct user_data_mutexes {
    std::array<std::mutex, 16> all;
};

/// Guards the user data of the sessions that hash to it: a mutex in each would weigh on every
/// idle connection, and is held for two pointer copies.
std::mutex& user_data_mutex(const messaging_session* session) {
    auto& mutexes = detail::per_process<user_data_mutexes>::get().all;
    return mutexes[std::hash<const messaging_session*>{}(session) / 64 % mutexes.size()];
}

}  // namespace

messaging_session::messaging_session(std::string id, const endpoint& remote, const endpoint& local)
    : id_(std::move(id)), remote_(remote), local_(local) {}

messaging_session::~messaging_session() = default;

Result<tls_info> messaging_session::tls() const {
    return detail::within_memory([&]() -> Result<tls_info> {
        return detail::failure(errc::not_supported,
                               "no TLS on the connection to " + remote_.to_string(), id_);
    });
}

Result<certificate_info> messaging_session::peer_certificate() const {
    return detail::within_memory([&]() -> Result<certificate_info> {
        return tls().and_then([this](const tls_info& agreed) -> Result<certificate_info> {
            if (agreed.peer) {
                return *agreed.peer;
            }
            return detail::failure(errc::certificate_verification_failed,
                                   remote_.to_string() + " has sent no certificate", id_);
        });
    });
}

VoidResult messaging_session::not_supported(std::string_view what) const {
    return detail::within_memory([&]() -> VoidResult {
        return detail::failure(errc::not_supported, std::string(what) + " is not supported here",
                               id_);
    });
}

VoidResult messaging_session::receive_packet(receive_handler&&, operation_id) {
    return not_supported("receiving on demand");
}

VoidResult messaging_session::receive_all(receive_all_handler&&, received_messages&&,
                                          operation_id) {
    return not_supported("receiving on demand");
}
bool messaging_session::cancel(operation_id) {
    return false;
}
VoidResult messaging_session::post(unique_function<void()>) {
    return not_supported("posting a task");
}
discardable_result messaging_session::pause_receiving() {
    return not_supported("pausing");
}
discardable_result messaging_session::resume_receiving() {
    return not_supported("resuming");
}
VoidResult messaging_session::stop_session(stop_handler&&) {
    return not_supported("a stop with a handler");
}
discardable_result messaging_session::abort_session(std::error_code) {
    return stop_session();
}
Result<std::size_t> messaging_session::unacknowledged_bytes() const {
    return not_supported("a look at what is not acknowledged").error();
}
VoidResult messaging_session::ping(ping_handler&&, operation_id) {
    return not_supported("a ping");
}

VoidResult messaging_session::send_owned(std::vector<std::uint8_t>& data, send_callback& done) {
    auto sent = send_copy(data, done);
    if (sent) {
        data.clear();
    }
    return sent;
}
VoidResult messaging_session::send_keyed(std::string_view, std::span<const std::uint8_t> data,
                                         send_callback& done) {
    return send_copy(data, done);
}
VoidResult messaging_session::send_request(std::span<const std::uint8_t>, std::chrono::milliseconds,
                                           operation_id, response_handler&) {
    return not_supported("a request");
}
VoidResult messaging_session::send_response(std::uint64_t, int, std::span<const std::uint8_t>) {
    return not_supported("an answer");
}
void messaging_session::settle_request(std::uint64_t request_id, int code,
                                       std::span<const std::uint8_t> data) noexcept {
    (void)send_response(request_id, code, data);
}

void messaging_session::set_user_data(typed_pointer data) {
    const std::lock_guard lock(user_data_mutex(this));
    // Swapped, so that the old value's destructor (user code) runs after the lock is released.
    std::swap(user_data_, data);
}

typed_pointer messaging_session::typed_user_data() const {
    const std::lock_guard lock(user_data_mutex(this));
    return user_data_;
}

}  // namespace network_system::session
