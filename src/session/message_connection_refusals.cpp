// What message_connection says to messages it does not take. Apart from the sending half: there the
// compiler has to see little besides the few instructions that each message costs.
#include "session/message_connection.h"
#include "utils/failure.h"

#include <fmt/format.h>

namespace network_system::inline v0_1::session {

VoidResult message_connection::refusal_of(std::size_t size) const {
    if (!may_send()) {
        return closed_error();
    }
    if (size < encoder_.smallest_message()) {
        return detail::failure(errc::invalid_argument, "an empty message cannot be sent", id());
    }
    const std::size_t limit = max_sendable();
    return detail::failure(
        errc::message_too_large,
        describe(fmt::format("message of {} bytes, over the limit of {}, to", size, limit)), id());
}

VoidResult message_connection::refusal_of(admission refused) const {
    if (refused == admission::closed) {
        return closed_error();
    }
    return detail::failure(errc::send_buffer_full,
                           describe(fmt::format("{} bytes queued, high watermark {}, to",
                                                queued_bytes(), config().high_watermark)),
                           id());
}

void message_connection::record_full(std::size_t queued) {
    outbox_.count_rejected();
    record_refused(queued);
    if (config().policy == send_policy::close) {
        if (loop()->runs_here()) {
            begin_close(errc::send_buffer_full);
        } else {
            post_own([this] { begin_close(errc::send_buffer_full); });
        }
    }
}

void message_connection::record_refused(std::size_t queued) {
    if (outbox_.record_refused() && !loop()->runs_here()) {
        // The queue may have drained meanwhile: look once from the loop, which sees all of it. If
        // it has not, its next write looks; an empty one has none.
        post_own([this, queued] {
            if (const std::size_t now = queued_bytes(); now < queued || now == 0) {
                check_room();
            }
        });
    }
}

}  // namespace network_system::session
