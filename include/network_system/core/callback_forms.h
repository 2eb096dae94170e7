#pragma once

#include <network_system/core/reconnect_options.h>
#include <network_system/session/request.h>
#include <network_system/utils/endpoint.h>
#include <network_system/utils/result_types.h>
#include <network_system/utils/unique_function.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

// An application's callback takes what it needs: the library offers a session, and a callable may
// take that, or its id, or neither, with or without the rest. Each kind of callback has a table of
// its forms here, the richest first. The first form that a callable takes is the one it gets, so a
// callable that takes several, or has `auto` parameters, gets the richest.

namespace network_system::inline v0_1::detail {

using received_bytes = std::span<const std::uint8_t>;

inline const std::string id_of_nobody;

/// The id of a session; empty when there is none.
template <typename Session>
[[nodiscard]] const std::string& id_of(const Session& who) noexcept {
    return who ? who->id() : id_of_nobody;
}

// What a form passes on. Each picks it from what the library offers, which begins with a session
// where there is one.

struct whole_session {
    template <typename Session, typename... Rest>
    static const Session& get(const Session& who, const Rest&...) noexcept {
        return who;
    }
};

struct session_id {
    template <typename Session, typename... Rest>
    static const std::string& get(const Session& who, const Rest&...) noexcept {
        return id_of(who);
    }
};

/// What is offered at this place, as it is.
template <std::size_t Place>
struct argument {
    template <typename... Offered>
    static auto get(const Offered&... offered) noexcept
        -> std::tuple_element_t<Place, std::tuple<const Offered&...>> {
        return std::get<Place>(std::tuple<const Offered&...>(offered...));
    }
};

/// A copy of the bytes or the text that is offered at this place.
template <std::size_t Place, typename Copy>
struct copied {
    template <typename... Offered>
    static Copy get(const Offered&... offered) {
        const auto& data = std::get<Place>(std::tuple<const Offered&...>(offered...));
        return Copy(data.begin(), data.end());
    }
};

template <std::size_t Place>
using copied_bytes = copied<Place, std::vector<std::uint8_t>>;
template <std::size_t Place>
using copied_text = copied<Place, std::string>;

/// Of an attempt that is about to be made: which one it is.
struct attempt_number {
    static unsigned get(const core::reconnect_attempt& next) noexcept { return next.number; }
};

/// One way to call a callback: with these arguments, in this order.
template <typename... Arguments>
struct form {
    /// Whether `F` takes that, and the call.
    template <typename F, typename... Offered>
    struct of
        : std::is_invocable<F&, decltype(Arguments::get(std::declval<const Offered&>()...))...> {
        /// Whether it is all that is offered, in that order, in an ordinary call: then there is
        /// nothing to adapt.
        static constexpr bool is_as_offered =
            std::is_same_v<
                std::tuple<decltype(Arguments::get(std::declval<const Offered&>()...))...>,
                std::tuple<const Offered&...>> &&
            requires(F& callback, Offered... offered) {
                callback(std::forward<Offered>(offered)...);
            };

        static void call(F& callback, const Offered&... offered) {
            // What it returns is nobody's.
            static_cast<void>(std::invoke(callback, Arguments::get(offered...)...));
        }
    };
};

/// The forms of one kind of callback, the richest first.
template <typename... Forms>
struct forms {
    /// The first form that `F` takes. The ones behind it are not looked at: the body of a generic
    /// lambda need not compile with them.
    template <typename F, typename... Offered>
    using first_of = std::disjunction<typename Forms::template of<F, Offered...>...>;
};

/// Whether a callable is a null pointer, or says by its own `operator bool` that it is empty.
template <typename F>
[[nodiscard]] bool is_empty_callable(const F& callable) {
    if constexpr (std::is_pointer_v<F> || std::is_member_pointer_v<F>) {
        return callable == nullptr;
    } else if constexpr (requires { callable.operator bool(); }) {
        return !static_cast<bool>(callable);
    } else {
        return false;
    }
}

/// The adapter of a kind of callback whose forms are a table. `Kind::require<bool>()` says what is
/// accepted to whoever passes something else.
template <typename Kind, typename Table>
struct kind_of_callback {
    template <typename... Offered, typename F>
    static auto adapt(F&& callback) {
        using chosen = typename Table::template first_of<std::decay_t<F>, Offered...>;
        Kind::template require<chosen::value>();
        if constexpr (chosen::value && chosen::is_as_offered) {
            return std::decay_t<F>(std::forward<F>(callback));
        } else {
            return [callback = std::forward<F>(callback)](Offered... offered) mutable {
                if constexpr (chosen::value) {
                    chosen::call(callback, offered...);
                }
            };
        }
    }
};

/// A callback of the application's in any of the forms of its kind. Null, and an empty
/// std::function, are no callback.
template <typename Kind, typename Signature>
class callback_of_kind;

template <typename Kind, typename... Offered>
class callback_of_kind<Kind, void(Offered...)> : public unique_function<void(Offered...)> {
    using function = unique_function<void(Offered...)>;

public:
    callback_of_kind() noexcept = default;
    callback_of_kind(std::nullptr_t) noexcept {}

    template <typename F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, callback_of_kind>)
    callback_of_kind(F&& callable) : function(adapted(std::forward<F>(callable))) {}

private:
    template <typename F>
    [[nodiscard]] static function adapted(F&& callable) {
        // Functions are pointers from here on.
        if (is_empty_callable<std::decay_t<F>>(callable)) {
            return {};
        }
        return Kind::template adapt<Offered...>(std::forward<F>(callable));
    }
};

// The kinds.

/// A connection was made, or has room for sends again.
struct session_kind
    : kind_of_callback<session_kind, forms<form<whole_session>, form<session_id>, form<>>> {
    template <bool IsAccepted>
    static constexpr void require() {
        static_assert(IsAccepted, "this callback takes (session), (const std::string& id) or ()");
    }
};

/// A connection has ended.
struct end_kind
    : kind_of_callback<end_kind,
                       forms<form<whole_session, argument<1>>, form<session_id, argument<1>>,
                             form<whole_session>, form<session_id>, form<argument<1>>, form<>>> {
    template <bool IsAccepted>
    static constexpr void require() {
        static_assert(IsAccepted, "a disconnection callback takes (session, std::error_code), "
                                  "(const std::string& id, std::error_code), (session), "
                                  "(const std::string& id), (std::error_code) or ()");
    }
};

/// The same of a WebSocket. Offered are the session, the error, the code and the reason.
struct ws_end_kind
    : kind_of_callback<ws_end_kind,
                       forms<form<whole_session, argument<2>, argument<3>>,
                             form<whole_session, argument<2>, copied_text<3>>,
                             form<session_id, argument<2>, argument<3>>,
                             form<session_id, argument<2>, copied_text<3>>,
                             form<whole_session, argument<1>>, form<session_id, argument<1>>,
                             form<argument<2>, argument<3>>, form<argument<2>, copied_text<3>>,
                             form<whole_session>, form<session_id>, form<argument<1>>, form<>>> {
    template <bool IsAccepted>
    static constexpr void require() {
        static_assert(IsAccepted,
                      "a disconnection callback takes (session, ws_close_code, reason), "
                      "(const std::string& id, ws_close_code, reason), (session, std::error_code), "
                      "(const std::string& id, std::error_code), (ws_close_code, reason), "
                      "(session), (const std::string& id), (std::error_code) or (); the reason is "
                      "a std::string_view or a const std::string&");
    }
};

/// Something has failed; the session is null, and its id empty, when that concerns no connection.
struct failure_kind
    : kind_of_callback<failure_kind,
                       forms<form<whole_session, argument<1>>, form<session_id, argument<1>>,
                             form<argument<1>>, form<>>> {
    template <bool IsAccepted>
    static constexpr void require() {
        static_assert(IsAccepted,
                      "an error callback takes (session, std::error_code), "
                      "(const std::string& id, std::error_code), (std::error_code) or ()");
    }
};

/// The answer to a message with an id.
struct acknowledgement_kind
    : kind_of_callback<acknowledgement_kind,
                       forms<form<whole_session, argument<1>, argument<2>>,
                             form<session_id, argument<1>, argument<2>>,
                             form<argument<1>, argument<2>>, form<argument<1>>, form<>>> {
    template <bool IsAccepted>
    static constexpr void require() {
        static_assert(IsAccepted,
                      "an acknowledged callback takes (session, std::uint64_t message, "
                      "std::error_code), (const std::string& id, std::uint64_t message, "
                      "std::error_code), (std::uint64_t message, std::error_code), "
                      "(std::uint64_t message) or ()");
    }
};

/// A message, as bytes.
struct data_kind
    : kind_of_callback<data_kind,
                       forms<form<whole_session, argument<1>>, form<whole_session, copied_bytes<1>>,
                             form<session_id, argument<1>>, form<session_id, copied_bytes<1>>,
                             form<argument<1>>, form<copied_bytes<1>>, form<>>> {
    template <bool IsAccepted>
    static constexpr void require() {
        static_assert(IsAccepted,
                      "a receive callback takes (session, data), (const std::string& id, data), "
                      "(data) or (); the data is a std::span<const std::uint8_t> or a "
                      "const std::vector<std::uint8_t>&");
    }
};

/// A message, as text.
struct text_kind
    : kind_of_callback<text_kind,
                       forms<form<whole_session, argument<1>>, form<whole_session, copied_text<1>>,
                             form<session_id, argument<1>>, form<session_id, copied_text<1>>,
                             form<argument<1>>, form<copied_text<1>>, form<>>> {
    template <bool IsAccepted>
    static constexpr void require() {
        static_assert(IsAccepted,
                      "a text callback takes (session, text), (const std::string& id, text), "
                      "(text) or (); the text is a std::string_view or a const std::string&");
    }
};

/// A message of a WebSocket, text or binary.
struct message_kind
    : kind_of_callback<message_kind,
                       forms<form<whole_session, argument<1>>, form<session_id, argument<1>>,
                             form<argument<1>>, form<>>> {
    template <bool IsAccepted>
    static constexpr void require() {
        static_assert(IsAccepted,
                      "a message callback takes (session, const ws_message&), "
                      "(const std::string& id, const ws_message&), (const ws_message&) or ()");
    }
};

/// A request, which is answered with what the callback returns, or through a responder.
struct request_kind {
    template <typename F, typename... Prefix>
    static constexpr bool answers = std::disjunction_v<
        std::is_invocable<F&, Prefix..., received_bytes, session::responder>,
        std::is_invocable_r<Result<std::vector<std::uint8_t>>, F&, Prefix..., received_bytes>>;

    template <typename Who, typename Data, typename Call, typename F>
    static auto adapt(F&& callback) {
        using callable = std::decay_t<F>;
        if constexpr (answers<callable, Who>) {
            return make_request_handler<Who>(std::forward<F>(callback));
        } else if constexpr (answers<callable, const std::string&>) {
            return [handler = make_request_handler<const std::string&>(std::forward<F>(callback))](
                       Who who, Data data, Call call) mutable { handler(id_of(who), data, call); };
        } else {
            static_assert(answers<callable>,
                          "a request callback takes (session, data), (const std::string& id, data) "
                          "or (data) and returns Result<std::vector<std::uint8_t>>, or takes a "
                          "session::responder as well; the data is a "
                          "std::span<const std::uint8_t>");
            return [handler = make_request_handler<>(std::forward<F>(callback))](
                       Who, Data data, Call call) mutable { handler(data, call); };
        }
    }
};

/// A datagram, and who has sent it.
struct datagram_kind
    : kind_of_callback<datagram_kind,
                       forms<form<argument<0>, argument<1>>, form<copied_bytes<0>, argument<1>>,
                             form<argument<0>>, form<copied_bytes<0>>, form<>>> {
    template <bool IsAccepted>
    static constexpr void require() {
        static_assert(IsAccepted,
                      "a receive callback takes (data, const endpoint&), (data) or (); the data is "
                      "a std::span<const std::uint8_t> or a const std::vector<std::uint8_t>&");
    }
};

/// What has one argument, or is not asked for it.
struct plain_kind : kind_of_callback<plain_kind, forms<form<argument<0>>, form<>>> {
    template <bool IsAccepted>
    static constexpr void require() {
        static_assert(IsAccepted,
                      "this callback takes what its documentation says (the std::error_code of an "
                      "error, the const endpoint& of a peer) or ()");
    }
};

/// A client without a connection is about to try again.
struct attempt_kind
    : kind_of_callback<attempt_kind, forms<form<argument<0>>, form<attempt_number>, form<>>> {
    template <bool IsAccepted>
    static constexpr void require() {
        static_assert(IsAccepted, "a reconnecting callback takes (const core::reconnect_attempt&), "
                                  "(unsigned attempt) or ()");
    }
};

/// Bytes, of a socket that has no sessions.
struct bytes_kind
    : kind_of_callback<bytes_kind, forms<form<argument<0>>, form<copied_bytes<0>>, form<>>> {
    template <bool IsAccepted>
    static constexpr void require() {
        static_assert(IsAccepted, "a receive callback takes std::span<const std::uint8_t> or "
                                  "const std::vector<std::uint8_t>& as its data");
    }
};

/// Nothing to be told.
struct signal_kind : kind_of_callback<signal_kind, forms<form<>>> {
    template <bool IsAccepted>
    static constexpr void require() {
        static_assert(IsAccepted, "this callback takes nothing");
    }
};

// As servers and clients have them. `Session` is a shared_ptr.

template <typename Session>
using session_callback = callback_of_kind<session_kind, void(const Session&)>;
template <typename Session>
using end_callback = callback_of_kind<end_kind, void(const Session&, std::error_code)>;
template <typename Session>
using failure_callback = callback_of_kind<failure_kind, void(const Session&, std::error_code)>;
template <typename Session>
using acknowledgement_callback =
    callback_of_kind<acknowledgement_kind, void(const Session&, std::uint64_t, std::error_code)>;
template <typename Session>
using data_callback = callback_of_kind<data_kind, void(const Session&, received_bytes)>;
template <typename Session>
using text_callback = callback_of_kind<text_kind, void(const Session&, std::string_view)>;
template <typename Session>
using request_callback =
    callback_of_kind<request_kind, void(const Session&, received_bytes, request_call&)>;
using datagram_callback = callback_of_kind<datagram_kind, void(received_bytes, const endpoint&)>;
using error_callback = callback_of_kind<plain_kind, void(std::error_code)>;
using peer_callback = callback_of_kind<plain_kind, void(const endpoint&)>;
using reconnecting_callback = callback_of_kind<attempt_kind, void(const core::reconnect_attempt&)>;
using signal_callback = callback_of_kind<signal_kind, void()>;

}  // namespace network_system::detail
