#include "testing/event_trace.h"

#include <fmt/format.h>

#include <utility>

namespace network_system::inline v0_1::testing::detail {
namespace {

const char* describe(event what) noexcept {
    switch (what) {
        case event::batch_of_tasks: return "loop {0} runs its tasks";
        case event::batch_of_deadlines: return "loop {0} runs its deadlines";
        case event::batch_of_sockets: return "loop {0} runs {1} ready sockets";
        case event::thread_stalled: return "loop {0} stands still for {1} ns";
        case event::pool_task: return "pool {0} runs a task, {1} wait";
        case event::listening: return "socket {0} listens on port {1}";
        case event::connecting: return "socket {0} connects to port {1}";
        case event::connected: return "socket {0} is connected to socket {1}";
        case event::connect_refused: return "socket {0} is refused";
        case event::connect_lost: return "the first packet of socket {0} is lost";
        case event::accepted: return "socket {1} is accepted from socket {0}";
        case event::accept_failed: return "socket {0} fails to accept";
        case event::resolving: return "host {0} resolves a name, taking {1} ns";
        case event::resolve_failed: return "host {0} cannot resolve a name";
        case event::wrote: return "socket {0} writes {1} bytes";
        case event::write_full: return "socket {0} has room for {1} bytes only";
        case event::arrived: return "{1} bytes arrive at socket {0}";
        case event::end_arrived: return "the end of the stream arrives at socket {0}";
        case event::reset_arrived: return "socket {0} is reset";
        case event::read: return "socket {0} reads {1} bytes";
        case event::read_nothing: return "socket {0} reads nothing, though it was announced";
        case event::shut_down: return "socket {0} shuts its writing side down";
        case event::closed: return "socket {0} is closed, reset: {1}";
        case event::stalled: return "what socket {0} sent comes {1} ns late";
        case event::held_up: return "a partition holds socket {0} up until {1} ns";
        case event::partitioned: return "hosts {0} and {1} are partitioned";
        case event::crashed: return "host {0} crashes";
        case event::note: return "note: {2}";
    }
    return "";
}

}  // namespace

void event_trace::keep(record&& one) {
    if (latest_.size() < length_) {
        latest_.push_back(std::move(one));
    } else if (length_ > 0) {
        latest_[next_] = std::move(one);
        next_ = (next_ + 1) % length_;
    }
}

void event_trace::add_note(std::chrono::nanoseconds when, std::string_view text) {
    mix(static_cast<std::uint64_t>(when.count()));
    for (const char each : text) {
        mix(static_cast<unsigned char>(each));
    }
    keep({when, event::note, 0, 0, std::string(text)});
}

std::string event_trace::text() const {
    std::string all;
    for (std::size_t i = 0; i < latest_.size(); ++i) {
        const record& each = latest_[(next_ + i) % latest_.size()];
        all += fmt::format("{:>16.9f} s  ", std::chrono::duration<double>(each.when).count());
        all += fmt::format(fmt::runtime(describe(each.what)), each.who, each.value, each.text);
        all += '\n';
    }
    return all;
}

}  // namespace network_system::testing::detail
