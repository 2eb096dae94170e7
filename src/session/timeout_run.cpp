#include "session/timeout_impl.h"
#include "utils/contain.h"

namespace network_system::inline v0_1 {

using detail::steady_time;
using session::message_connection;

void session_timeout::impl::run::begin(message_connection& over) {
    if (over.loop()->runs_here()) {
        arm(over);
        return;
    }
    over.loop()->post([self = shared_from_this()] {
        if (const auto who = self->who_.lock()) {
            auto& connection = message_connection::of(*who);
            if (!detail::contain([&] { self->arm(connection); })) {
                self->on_end();
                connection.abort(errc::out_of_memory);
            }
        }
    });
}

void session_timeout::impl::run::arm(message_connection& over) {
    const auto owner = owner_.lock();
    if (!owner || !owner->is_running(*this)) {
        return;
    }
    if (over.add_timer(shared_from_this())) {
        over.loop()->deadlines().set(*this, owner->first_look(*this));
    } else {
        owner->finish(*this);
    }
}

void session_timeout::impl::run::leave() noexcept {
    const auto who = who_.lock();
    if (!who) {
        return;  // it has ended with the connection
    }
    auto& over = message_connection::of(*who);
    if (over.loop()->runs_here()) {
        over.remove_timer(*this);
    } else {
        // Without memory for that, it ends at its deadline.
        (void)detail::attempt([&] {
            over.loop()->post([self = shared_from_this()] {
                if (const auto kept = self->who_.lock()) {
                    message_connection::of(*kept).remove_timer(*self);
                }
            });
        });
    }
}

void session_timeout::impl::run::on_deadline(steady_time now) {
    const auto self = shared_from_this();
    const auto owner = owner_.lock();
    const auto who = who_.lock();
    if (!who) {
        return;
    }
    auto& over = message_connection::of(*who);
    steady_time again = now;
    const auto found =
        owner && !who->is_stopped() ? owner->look(*this, now, again) : impl::outcome::ended;
    if (found == impl::outcome::wait) {
        over.loop()->deadlines().set(*this, again);
        return;
    }
    over.remove_timer(*this);
    if (found == impl::outcome::expired) {
        owner->call(who);
    } else {
        on_end();
    }
}

}  // namespace network_system
