#include "server/shared_offer.h"

#include "utils/deadline.h"

#include <chrono>

namespace network_system::inline v0_1::session {

shared_offer::~shared_offer() {
    for (pending& each : pending_) {
        if (each.receiver != nullptr) {
            each.receiver->withdraw(each);
        }
    }
}

void shared_offer::offer_to(message_connection& receiver) {
    const auto answer = receiver.offer(frame_, payload_size_, key_, wakes_, true);
    if (answer != admission::waiting) {
        count(answer);
        return;
    }
    if (pending_.empty()) {
        give_up_ = detail::after(std::chrono::steady_clock::now(), receiver.send_patience());
    }
    pending& added = pending_.emplace_back(bell_, frame_->size());
    receiver.join_senders(added, wakes_);
    added.receiver = &receiver;
    ++left_;
}

const shared_offer::outcome& shared_offer::settle() {
    wakes_.wake();
    while (left_ > 0 && std::chrono::steady_clock::now() < give_up_) {
        waiting_sender* called = bell_.wait_until(give_up_);
        while (called != nullptr) {
            // From then on it may be called again.
            auto& each = static_cast<pending&>(*std::exchange(called, called->next()));
            try_again(each, false);
        }
        wakes_.wake();
    }
    for (pending& each : pending_) {
        if (each.receiver != nullptr) {
            try_again(each, true);
        }
    }
    wakes_.wake();
    return outcome_;
}

void shared_offer::try_again(pending& who, bool is_last) {
    const auto answer = who.receiver->offer_again(frame_, who, wakes_, is_last);
    if (answer != admission::waiting) {
        who.receiver = nullptr;
        --left_;
        count(answer);
    }
}

void shared_offer::count(admission answer) noexcept {
    switch (answer) {
        case admission::granted: ++outcome_.queued; break;
        case admission::full: ++outcome_.refused; break;
        default: ++outcome_.closed; break;
    }
}

}  // namespace network_system::session
