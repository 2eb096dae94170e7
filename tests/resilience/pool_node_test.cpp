// Every event in every state of a pooled connection, as a table.
#include "resilience/pool_node.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <map>
#include <ostream>
#include <utility>

namespace network_system::inline v0_1::resilience {
namespace {

using state = node_state;
using event = node_event;

constexpr std::array all_states{state::connecting, state::idle,   state::checking,
                                state::quiet,      state::leased, state::broken,
                                state::replaced,   state::ended,  state::closing};
static_assert(all_states.size() == node_states);
constexpr std::array all_events{event::opened,       event::lost,        event::gave_up,
                                event::taken,        event::check_begun, event::check_passed,
                                event::check_failed, event::went_quiet,  event::answered,
                                event::returned,     event::discarded,   event::retired};

/// Whatever is not here does nothing.
const std::map<std::pair<state, event>, node_step> table{
    {{state::connecting, event::opened}, {state::idle, node_action::offer}},
    {{state::connecting, event::gave_up}, {state::closing, node_action::close}},
    {{state::connecting, event::retired}, {state::closing, node_action::close}},

    {{state::idle, event::taken}, {state::leased, node_action::withdraw}},
    {{state::idle, event::check_begun}, {state::checking, node_action::check}},
    {{state::idle, event::went_quiet}, {state::quiet, node_action::withdraw}},
    {{state::idle, event::lost}, {state::connecting, node_action::withdraw}},
    {{state::idle, event::gave_up}, {state::closing, node_action::withdraw_and_close}},
    {{state::idle, event::retired}, {state::closing, node_action::withdraw_and_close}},

    {{state::checking, event::check_passed}, {state::idle, node_action::offer}},
    {{state::checking, event::check_failed}, {state::closing, node_action::close}},
    {{state::checking, event::went_quiet}, {state::quiet, node_action::none}},
    {{state::checking, event::lost}, {state::connecting, node_action::none}},
    {{state::checking, event::gave_up}, {state::closing, node_action::close}},
    {{state::checking, event::retired}, {state::closing, node_action::close}},

    {{state::quiet, event::answered}, {state::idle, node_action::offer}},
    {{state::quiet, event::lost}, {state::connecting, node_action::none}},
    {{state::quiet, event::gave_up}, {state::closing, node_action::close}},
    {{state::quiet, event::retired}, {state::closing, node_action::close}},

    {{state::leased, event::returned}, {state::idle, node_action::offer}},
    {{state::leased, event::discarded}, {state::closing, node_action::close}},
    {{state::leased, event::lost}, {state::broken, node_action::none}},
    {{state::leased, event::gave_up}, {state::ended, node_action::none}},
    {{state::leased, event::retired}, {state::closing, node_action::close}},

    {{state::broken, event::opened}, {state::replaced, node_action::none}},
    {{state::broken, event::returned}, {state::connecting, node_action::none}},
    {{state::broken, event::discarded}, {state::connecting, node_action::none}},
    {{state::broken, event::gave_up}, {state::ended, node_action::none}},
    {{state::broken, event::retired}, {state::closing, node_action::close}},

    {{state::replaced, event::lost}, {state::broken, node_action::none}},
    {{state::replaced, event::returned}, {state::idle, node_action::offer}},
    {{state::replaced, event::discarded}, {state::idle, node_action::offer}},
    {{state::replaced, event::gave_up}, {state::ended, node_action::none}},
    {{state::replaced, event::retired}, {state::closing, node_action::close}},

    {{state::ended, event::returned}, {state::closing, node_action::close}},
    {{state::ended, event::discarded}, {state::closing, node_action::close}},
    {{state::ended, event::retired}, {state::closing, node_action::close}},
};

TEST(pool_node, does_what_the_table_says_and_nothing_else) {
    for (const state from : all_states) {
        for (const event what : all_events) {
            const auto found = table.find({from, what});
            const node_step expected =
                found != table.end() ? found->second : node_step{from, node_action::none};
            const node_step done = step(from, what);
            EXPECT_EQ(done, expected)
                << "state " << static_cast<int>(from) << ", event " << static_cast<int>(what)
                << ": state " << static_cast<int>(done.next) << ", action "
                << static_cast<int>(done.action);
        }
    }
}

TEST(pool_node, is_in_the_idle_list_exactly_while_it_is_idle) {
    for (const state from : all_states) {
        for (const event what : all_events) {
            const node_step done = step(from, what);
            const bool leaves = done.action == node_action::withdraw ||
                                done.action == node_action::withdraw_and_close ||
                                done.action == node_action::check;
            EXPECT_EQ(from == state::idle && done.next != state::idle, leaves);
            EXPECT_EQ(from != state::idle && done.next == state::idle,
                      done.action == node_action::offer);
        }
    }
}

TEST(pool_node, closes_once) {
    for (const state from : all_states) {
        for (const event what : all_events) {
            const node_step done = step(from, what);
            const bool closes =
                done.action == node_action::close || done.action == node_action::withdraw_and_close;
            EXPECT_EQ(from != state::closing && done.next == state::closing, closes);
        }
    }
}

}  // namespace
}  // namespace network_system::resilience
