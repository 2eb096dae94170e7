#pragma once

#include <network_system/export.h>
#include <network_system/utils/error_codes.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace network_system::inline v0_1::session {

class messaging_session;

/// Gets the answer to a request, once. The bytes are valid during the call.
using response_handler = unique_function<void(Result<std::span<const std::uint8_t>>)>;

/// The right, and the duty, to answer one request. Answer with `respond` or `fail`, now or later;
/// a responder that is destroyed without an answer answers `internal_error`, so that the peer does
/// not wait for its deadline.
///
/// Thread-safety: as a value type; any one thread at a time.
///
/// Object lifetimes: keeps the session's object, not its connection. Move-only.
class NETWORK_SYSTEM_EXPORT responder {
public:
    responder(std::shared_ptr<messaging_session> session, std::uint64_t request_id) noexcept
        : session_(std::move(session)), request_id_(request_id) {}
    responder(responder&&) noexcept = default;
    responder& operator=(responder&& other) noexcept;
    responder(const responder&) = delete;
    responder& operator=(const responder&) = delete;
    ~responder();

    /// Sends the answer, which may be empty. On `send_buffer_full` nothing was sent, and the
    /// request can still be answered. Errors also: `invalid_argument` (answered already, moved
    /// from), `message_too_large`, `connection_closed`.
    VoidResult respond(std::span<const std::uint8_t> data);
    VoidResult respond(std::string_view text);
    /// Answers with an error: `code` reaches the asker as the code of its Result, `text` (cut to
    /// 1,000 bytes, printable ASCII) in its message. Errors: those of `respond`.
    VoidResult fail(errc code, std::string_view text = {});
    /// The same with a code of the application's, which is any number. 0 is none on the wire, where
    /// it says that there is an answer: the asker gets `internal_error`.
    VoidResult fail(int code, std::string_view text = {});

    [[nodiscard]] bool is_answered() const noexcept { return session_ == nullptr; }

private:
    VoidResult answer(int code, std::span<const std::uint8_t> data);

    std::shared_ptr<messaging_session> session_;
    std::uint64_t request_id_;
};

}  // namespace network_system::session

namespace network_system::inline v0_1::detail {

/// A request while its handler runs: answered at once, without an allocation, or later.
class NETWORK_SYSTEM_EXPORT request_call {
public:
    request_call(session::messaging_session& session, std::uint64_t id) noexcept
        : session_(session), id_(id) {}
    request_call(const request_call&) = delete;
    request_call& operator=(const request_call&) = delete;
    /// Answers `internal_error` if nobody has answered or will: the handler threw.
    ~request_call();

    void answer(const Result<std::vector<std::uint8_t>>& result);
    [[nodiscard]] session::responder defer();
    /// Leaves the answer to another call with the id that is returned.
    [[nodiscard]] std::uint64_t release() noexcept {
        is_settled_ = true;
        return id_;
    }

private:
    session::messaging_session& session_;
    std::uint64_t id_;
    bool is_settled_ = false;
};

/// Adapts a user's request handler: one that returns `Result<std::vector<std::uint8_t>>`, or one
/// that takes a responder and completes later.
template <typename... Prefix, typename F>
auto make_request_handler(F&& handler) {
    using bytes = std::span<const std::uint8_t>;
    return [handler = std::forward<F>(handler)](Prefix... prefix, bytes data,
                                                request_call& call) mutable {
        if constexpr (std::is_invocable_v<F&, Prefix..., bytes, session::responder>) {
            static_cast<void>(handler(prefix..., data, call.defer()));
        } else {
            static_assert(
                std::is_invocable_r_v<Result<std::vector<std::uint8_t>>, F&, Prefix..., bytes>,
                "a request callback takes the data and returns "
                "Result<std::vector<std::uint8_t>>, or takes a responder as well");
            call.answer(handler(prefix..., data));
        }
    };
}

/// The answer with its own memory. Error also: `out_of_memory`.
[[nodiscard]] NETWORK_SYSTEM_EXPORT Result<std::vector<std::uint8_t>> copy_answer(
    Result<std::span<const std::uint8_t>>&& answer);

/// Adapts a user's response handler: one that takes `Result<std::span<const std::uint8_t>>` gets
/// the bytes where they lie, one that takes `Result<std::vector<std::uint8_t>>` a copy.
template <typename F>
session::response_handler make_response_handler(F&& handler) {
    using bytes = std::span<const std::uint8_t>;
    using buffer = std::vector<std::uint8_t>;
    if constexpr (std::is_invocable_v<F&, Result<bytes>>) {
        return session::response_handler(std::forward<F>(handler));
    } else {
        static_assert(std::is_invocable_v<F&, Result<buffer>>,
                      "a response handler takes Result<std::span<const std::uint8_t>> or "
                      "Result<std::vector<std::uint8_t>>");
        return [handler = std::forward<F>(handler)](Result<bytes> answer) mutable {
            static_cast<void>(handler(copy_answer(std::move(answer))));
        };
    }
}

}  // namespace network_system::detail
