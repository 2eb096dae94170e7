// Requests and responses of framed_session.
#include "framed/session.h"
#include "utils/contain.h"
#include "utils/failure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace network_system::inline v0_1::session {
namespace {

using protocol::frame_type;

/// The header and the prefix of a request or response.
struct call_header {
    static constexpr std::size_t capacity =
        protocol::message_header_size + protocol::response_prefix_size;

    static call_header of_request(std::uint64_t id, std::size_t size) noexcept {
        call_header header(frame_type::request, size);
        protocol::put(header.bytes_.data() + protocol::message_header_size, id);
        return header;
    }
    static call_header of_response(std::uint64_t id, int code, std::size_t size) noexcept {
        call_header header(frame_type::response, size);
        std::uint8_t* const prefix = header.bytes_.data() + protocol::message_header_size;
        protocol::put(prefix, id);
        protocol::put(prefix + sizeof id, static_cast<std::uint32_t>(code));
        return header;
    }
    [[nodiscard]] bytes_view view() const noexcept { return bytes_view(bytes_).first(size_); }

private:
    call_header(frame_type type, std::size_t size) noexcept
        : size_(protocol::message_header_size + protocol::prefix_size(type, 0)) {
        protocol::write_header(bytes_.data(), framing::message, type, 0,
                               protocol::prefix_size(type, 0) + size);
    }

    std::array<std::uint8_t, capacity> bytes_{};
    std::size_t size_;
};

}  // namespace

framed_session::request_state& framed_session::requests() {
    request_state* state = requests_.load(std::memory_order_acquire);
    if (state == nullptr) {
        const auto held = acquire_remote();
        state = requests_.load(std::memory_order_relaxed);
        if (state == nullptr) {
            state = new request_state(*this);
            requests_.store(state, std::memory_order_release);
        }
    }
    return *state;
}

VoidResult framed_session::refusal_of_call(std::size_t size) const {
    if (!is_framed()) {
        return detail::failure(errc::not_supported,
                               describe("requests need framing::message; connection to"), id());
    }
    // Answers may follow a stop until the goodbye.
    if (!may_send_at_all() || (loop()->runs_here() && is_closing())) {
        return closed_error();
    }
    if (size > max_sendable()) {
        return refusal_of(size);
    }
    return ok();
}

VoidResult framed_session::refusal_of_request(std::size_t size) const {
    if (auto refused = refusal_of_call(size); refused.is_err()) {
        return refused;
    }
    if (is_stopped()) {
        return closed_error();
    }
    if (!takes_requests()) {
        return detail::failure(errc::connection_closed,
                               describe("no new requests, it is about to close: connection to"),
                               id());
    }
    return ok();
}

VoidResult framed_session::send_request(std::span<const std::uint8_t> data,
                                        std::chrono::milliseconds timeout, operation_id operation,
                                        response_handler& handler) {
    return detail::within_memory([&]() -> VoidResult {
        if (timeout < std::chrono::milliseconds{0}) {
            return detail::failure(errc::invalid_argument, "the timeout of a request is negative",
                                   id());
        }
        if (!handler) {
            return detail::failure(errc::invalid_argument,
                                   "a request has no handler for the answer", id());
        }
        if (auto refused = refusal_of_request(data.size()); refused.is_err()) {
            return refused;
        }
        request_state& calls = requests();
        if (config().max_pending_requests != 0 &&
            calls.pending() >= config().max_pending_requests) {
            return detail::failure(errc::send_buffer_full,
                                   describe(fmt::format("{} requests wait for an answer from",
                                                        config().max_pending_requests)),
                                   id());
        }
        const std::size_t wire_bytes =
            protocol::message_header_size + protocol::request_prefix_size + data.size();
        bool is_named_twice = false;
        auto queued = queue_frame(wire_bytes, [&](transport::write_queue& queue, bool is_own) {
            // Under the lock of the other threads, so that a cancellation finds the request.
            pending_operation pending;
            is_named_twice = !begin_operation(pending, operation);
            if (is_named_twice) {
                return;
            }
            new_request added{calls.next_id(is_own), timeout, std::move(pending),
                              std::move(handler)};
            const call_header header = call_header::of_request(added.id, data.size());
            try {
                calls.enter(added, is_own);
                append_message(queue, is_own, header.view(), data, {});
            } catch (...) {
                handler = calls.withdraw(added, is_own);
                throw;
            }
        });
        return is_named_twice ? operation_exists(id()) : std::move(queued);
    });
}

void framed_session::adopt_calls() {
    request_state* const calls = requests_.load(std::memory_order_acquire);
    if (calls == nullptr || calls->from_other_threads.empty()) {
        return;
    }
    auto& waiting = calls->from_other_threads;
    auto next = waiting.begin();
    const bool are_all_there = detail::attempt([&] {
        for (; next != waiting.end(); ++next) {
            calls->table.add(std::move(*next));
        }
    });
    waiting.erase(waiting.begin(), next);
    calls->not_adopted.store(waiting.size(), std::memory_order_relaxed);
    if (!are_all_there) {
        throw std::bad_alloc();
    }
}

VoidResult framed_session::send_response(std::uint64_t request_id, int code,
                                         std::span<const std::uint8_t> data) {
    return detail::within_memory([&]() -> VoidResult {
        if (code != 0) {
            data = data.first(std::min(data.size(), protocol::max_control_payload -
                                                        protocol::response_prefix_size));
        }
        if (auto refused = refusal_of_call(data.size()); refused.is_err()) {
            return refused;
        }
        const call_header header = call_header::of_response(request_id, code, data.size());
        return queue_frame(header.view().size() + data.size(),
                           [&](transport::write_queue& queue, bool is_own) {
                               append_message(queue, is_own, header.view(), data, {});
                               requests().count_answer(is_own);
                           });
    });
}

void framed_session::settle_request(std::uint64_t request_id, int code,
                                    std::span<const std::uint8_t> data) noexcept {
    try {
        const auto sent = send_response(request_id, code, data);
        if (sent.is_ok() || is_gone()) {
            return;
        }
        const int reason = sent.error().code;
        const auto settle = [this, request_id, reason] {
            if (is_closing()) {
                return;
            }
            // Past the mark, as answers to pings: the asker must not wait for nothing.
            const call_header header = call_header::of_response(request_id, reason, 0);
            if (may_send_control()) {
                transport().queue().append(header.view());
                transport().queue().end_message({});
                requests().count_answer(true);
                publish_queued();
                transport().request_flush();
            }
        };
        if (loop()->runs_here()) {
            settle();
        } else {
            post_own(settle);
        }
    } catch (const std::bad_alloc&) {
        // Without memory for an answer the connection is of no use to the asker.
        const auto end = [this] { abort(errc::out_of_memory); };
        if (loop()->runs_here()) {
            end();
        } else {
            detail::insist([&] { post_own(end); });
        }
    }
}

bool framed_session::on_request_frame(const protocol::frame& frame) {
    if (frame.flags != 0) {
        return violate(errc::pipeline_mismatch, "compressed or encrypted request, no pipeline");
    }
    count_received();
    requests().received.add();
    if (is_winding_down()) {
        // It crossed the word that there should be no more: not taken, so that it can be asked
        // elsewhere.
        constexpr std::string_view text = "not taken: the connection is about to close";
        settle_request(protocol::get<std::uint64_t>(frame.payload.data()),
                       static_cast<int>(errc::connection_closed),
                       {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
        return takes_more();
    }
    detail::request_call call(*this, protocol::get<std::uint64_t>(frame.payload.data()));
    host().on_request(self(), frame.payload.subspan(protocol::request_prefix_size), call);
    return takes_more();
}

bool framed_session::on_response_frame(const protocol::frame& frame) {
    if (frame.flags != 0) {
        return violate(errc::pipeline_mismatch, "compressed or encrypted response, no pipeline");
    }
    count_received();
    request_state& calls = requests();
    auto waiting = calls.table.take(protocol::get<std::uint64_t>(frame.payload.data()));
    const bool is_wanted = waiting && waiting->operation.complete();
    if (is_wanted) {
        answer_request(waiting->done, frame);
    } else {
        calls.late.add();
    }
    if (waiting && !is_wanted) {
        waiting->done(failure_of(errc::cancelled, "request to"));
    }
    if (waiting) {
        end_if_done();
    }
    return takes_more();
}

void framed_session::answer_request(const response_handler& done, const protocol::frame& frame) {
    const auto code = static_cast<std::int32_t>(
        protocol::get<std::uint32_t>(frame.payload.data() + sizeof(std::uint64_t)));
    const auto body = frame.payload.subspan(protocol::response_prefix_size);
    if (code == 0) {
        done(body);
        return;
    }
    done(detail::told_anyway(static_cast<errc>(code), [&] {
        error_info failure;
        failure.code = code;
        failure.source = id();
        failure.details =
            protocol::printable(body.first(std::min(body.size(), protocol::max_control_payload)));
        failure.message = describe("request answered with an error by");
        failure.message += ": ";
        failure.message += failure.details.empty()
                               ? make_error_code(static_cast<errc>(code)).message()
                               : failure.details;
        return failure;
    }));
}

void framed_session::on_request_expired(asker waiting, std::chrono::milliseconds timeout) {
    if (!waiting.operation.complete()) {
        fail_request(waiting, errc::cancelled);
        end_if_done();
        return;
    }
    requests().timeouts.add();
    guarded([&] {
        waiting.done(detail::told_anyway(errc::connection_timeout, [&] {
            return detail::failure_in_words(
                errc::connection_timeout,
                fmt::format("{}: no response within {} ms, the timeout of the request",
                            describe("request to"), timeout.count()),
                id());
        }));
    });
    end_if_done();
}

bool framed_session::cancel_call(operation_id operation) {
    request_state* const calls = requests_.load(std::memory_order_acquire);
    auto waiting = calls != nullptr ? calls->take(operation) : std::nullopt;
    if (!waiting) {
        return false;
    }
    fail_request(*waiting, errc::cancelled);
    end_if_done();
    return true;
}

void framed_session::fail_request(asker& waiting, errc code) {
    const errc told = waiting.operation.complete_with(code);
    guarded([&] { waiting.done(failure_of(told, "request to")); });
}

void framed_session::fail_calls(errc code) {
    request_state* const calls = requests_.load(std::memory_order_acquire);
    while (calls != nullptr) {
        auto waiting = calls->take_any();
        if (!waiting) {
            break;
        }
        fail_request(*waiting, code);
    }
}

}  // namespace network_system::session
