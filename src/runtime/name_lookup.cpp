#include "runtime/name_lookup.h"

#include "utils/contain.h"

#include <utility>

namespace network_system::inline v0_1::runtime {

void name_lookup::start(const std::string& host, std::uint16_t port, steady_time deadline,
                        handler done) {
    done_ = std::move(done);
    loop_->sockets().add_waiting(*this);
    is_waiting_ = true;
    loop_->deadlines().set(*this, deadline);
    const bool is_asked = detail::contain([&] {
        question_ = loop_->net().resolve(loop_, host, port,
                                         [self = shared_from_this(), this](resolve_result result) {
                                             on_resolved(std::move(result));
                                         });
    });
    if (!is_asked) {
        finish({{}, errc::out_of_memory, {}});
    }
}

void name_lookup::on_resolved(resolve_result result) {
    question_.reset();
    const errc code = result.endpoints.empty() ? errc::resolve_failed : errc{};
    finish({std::move(result.endpoints), code, std::move(result.error)});
}

void name_lookup::on_deadline(steady_time) {
    finish({{}, errc::connection_timeout, "the name did not resolve in time"});
}

void name_lookup::on_loop_shutdown() {
    is_waiting_ = false;
    cancel();
}

void name_lookup::finish(lookup_outcome outcome) {
    if (!done_) {
        return;
    }
    const auto done = std::move(done_);
    done_ = {};
    if (std::exchange(is_waiting_, false)) {
        loop_->sockets().remove_waiting(*this);
    }
    deadline_wheel::cancel(*this);
    withdraw(question_);
    question_.reset();
    loop_->retire(shared_from_this());
    done(std::move(outcome));
}

}  // namespace network_system::runtime
