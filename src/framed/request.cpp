#include "session/message_host.h"
#include "utils/bytes.h"
#include "utils/failure.h"

#include <network_system/session/messaging_session.h>
#include <network_system/session/request.h>

#include <utility>

namespace network_system::inline v0_1 {
namespace {

/// 0 on the wire is an answer: an error without a number (an application's own, or an empty
/// std::error_code) must not arrive as one.
int code_of_failure(int code) noexcept {
    return code != 0 ? code : static_cast<int>(errc::internal_error);
}

constexpr std::string_view unanswered = "the request was given up without an answer";

}  // namespace

namespace session {

void message_host::on_request(const session_ptr&, std::span<const std::uint8_t>,
                              detail::request_call& call) {
    call.answer(detail::failure(errc::not_supported, "nobody answers requests here", {}));
}

responder& responder::operator=(responder&& other) noexcept {
    // The request held so far is answered by the destructor of the other.
    std::swap(session_, other.session_);
    std::swap(request_id_, other.request_id_);
    return *this;
}

responder::~responder() {
    if (session_) {
        session_->settle_request(request_id_, static_cast<int>(errc::internal_error),
                                 bytes_of(unanswered));
    }
}

VoidResult responder::answer(int code, std::span<const std::uint8_t> data) {
    if (!session_) {
        return detail::failure(errc::invalid_argument, "the request was answered before",
                               "responder");
    }
    auto sent = session_->send_response(request_id_, code, data);
    if (sent.is_ok() || sent.error().code == static_cast<int>(errc::connection_closed)) {
        session_.reset();
    }
    return sent;
}

VoidResult responder::respond(std::span<const std::uint8_t> data) {
    return answer(0, data);
}

VoidResult responder::respond(std::string_view text) {
    return answer(0, bytes_of(text));
}

VoidResult responder::fail(errc code, std::string_view text) {
    return fail(static_cast<int>(code), text);
}

VoidResult responder::fail(int code, std::string_view text) {
    return answer(code_of_failure(code), bytes_of(text));
}

}  // namespace session

namespace detail {

Result<std::vector<std::uint8_t>> copy_answer(Result<std::span<const std::uint8_t>>&& answer) {
    return within_memory([&] {
        return std::move(answer).map([](std::span<const std::uint8_t> data) {
            return std::vector<std::uint8_t>(data.begin(), data.end());
        });
    });
}

request_call::~request_call() {
    if (!is_settled_) {
        session_.settle_request(id_, static_cast<int>(errc::internal_error), bytes_of(unanswered));
    }
}

void request_call::answer(const Result<std::vector<std::uint8_t>>& result) {
    is_settled_ = true;
    if (result) {
        session_.settle_request(id_, 0, result.value());
    } else {
        session_.settle_request(id_, code_of_failure(result.error().code),
                                bytes_of(result.error().message));
    }
}

session::responder request_call::defer() {
    is_settled_ = true;
    return {session_.shared_from_this(), id_};
}

}  // namespace detail
}  // namespace network_system
