// The requests of a framed_session between being sent and being answered.
#include "framed/session.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace network_system::inline v0_1::session {
namespace {

/// Without read-modify-write: one thread at a time changes the number, others read it.
std::uint64_t add(std::atomic<std::uint64_t>& number, std::uint64_t more) noexcept {
    const std::uint64_t sum = number.load(std::memory_order_relaxed) + more;
    number.store(sum, std::memory_order_relaxed);
    return sum;
}

}  // namespace

void framed_session::request_state::count_answer(bool is_own) noexcept {
    std::atomic<std::uint64_t>& counter = is_own ? answered : answered_remotely;
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

std::uint64_t framed_session::request_state::next_id(bool is_own) noexcept {
    return add(is_own ? last_own_id : last_remote_id, std::uint64_t{2});
}

void framed_session::request_state::enter(new_request& added, bool is_own) {
    if (is_own) {
        table.add(std::move(added));
    } else {
        from_other_threads.push_back(std::move(added));
        not_adopted.store(from_other_threads.size(), std::memory_order_relaxed);
    }
}

response_handler framed_session::request_state::withdraw(new_request& last, bool is_own) {
    add(is_own ? last_own_id : last_remote_id, ~std::uint64_t{1});
    if (last.done) {
        return std::move(last.done);  // it was not entered
    }
    if (is_own) {
        auto entered = table.take(last.id);
        return entered ? std::move(entered->done) : response_handler();
    }
    response_handler done = std::move(from_other_threads.back().done);
    from_other_threads.pop_back();
    not_adopted.store(from_other_threads.size(), std::memory_order_relaxed);
    return done;
}

std::optional<asker> framed_session::request_state::take_any() {
    if (auto waiting = table.take_any()) {
        return waiting;
    }
    const auto held = of.acquire_remote();
    if (from_other_threads.empty()) {
        return std::nullopt;
    }
    return take_not_adopted(std::prev(from_other_threads.end()));
}

std::optional<asker> framed_session::request_state::take(operation_id operation) {
    if (auto waiting = table.take(operation)) {
        return waiting;
    }
    const auto held = of.acquire_remote();
    const auto found =
        std::find_if(from_other_threads.begin(), from_other_threads.end(),
                     [&](const new_request& each) { return each.operation.id() == operation; });
    if (found == from_other_threads.end()) {
        return std::nullopt;
    }
    return take_not_adopted(found);
}

asker framed_session::request_state::take_not_adopted(std::vector<new_request>::iterator which) {
    asker waiting{std::move(which->operation), std::move(which->done)};
    from_other_threads.erase(which);
    not_adopted.store(from_other_threads.size(), std::memory_order_relaxed);
    return waiting;
}

}  // namespace network_system::session
