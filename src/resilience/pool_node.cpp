#include "resilience/pool_node.h"

namespace network_system::inline v0_1::resilience {
namespace {

[[nodiscard]] node_step step_of_idle(node_event event) noexcept {
    switch (event) {
        case node_event::taken: return {node_state::leased, node_action::withdraw};
        case node_event::check_begun: return {node_state::checking, node_action::check};
        case node_event::went_quiet: return {node_state::quiet, node_action::withdraw};
        case node_event::lost: return {node_state::connecting, node_action::withdraw};
        case node_event::gave_up:
        case node_event::retired: return {node_state::closing, node_action::withdraw_and_close};
        default: return {node_state::idle, node_action::none};
    }
}

[[nodiscard]] node_step step_of_checking(node_event event) noexcept {
    switch (event) {
        case node_event::check_passed: return {node_state::idle, node_action::offer};
        case node_event::went_quiet: return {node_state::quiet, node_action::none};
        case node_event::lost: return {node_state::connecting, node_action::none};
        case node_event::check_failed:
        case node_event::gave_up:
        case node_event::retired: return {node_state::closing, node_action::close};
        default: return {node_state::checking, node_action::none};
    }
}

[[nodiscard]] node_step step_of_quiet(node_event event) noexcept {
    switch (event) {
        case node_event::answered: return {node_state::idle, node_action::offer};
        case node_event::lost: return {node_state::connecting, node_action::none};
        case node_event::gave_up:
        case node_event::retired: return {node_state::closing, node_action::close};
        default: return {node_state::quiet, node_action::none};
    }
}

[[nodiscard]] node_step step_of_connecting(node_event event) noexcept {
    switch (event) {
        case node_event::opened: return {node_state::idle, node_action::offer};
        case node_event::gave_up:
        case node_event::retired: return {node_state::closing, node_action::close};
        default: return {node_state::connecting, node_action::none};
    }
}

/// Of those that are leased: what the way back is like.
[[nodiscard]] node_step step_of_leased(node_state state, node_event event) noexcept {
    const bool has_client = state != node_state::ended;
    const bool is_leased_one_open = state == node_state::leased;
    switch (event) {
        case node_event::lost: return {has_client ? node_state::broken : state, node_action::none};
        case node_event::opened:
            return {state == node_state::broken ? node_state::replaced : state, node_action::none};
        case node_event::gave_up: return {node_state::ended, node_action::none};
        case node_event::retired: return {node_state::closing, node_action::close};
        case node_event::discarded:
            if (is_leased_one_open) {
                return {node_state::closing, node_action::close};
            }
            [[fallthrough]];  // another connection has taken, or will take, its place
        case node_event::returned:
            if (!has_client) {
                return {node_state::closing, node_action::close};
            }
            return state == node_state::broken
                       ? node_step{node_state::connecting, node_action::none}
                       : node_step{node_state::idle, node_action::offer};
        default: return {state, node_action::none};
    }
}

}  // namespace

node_step step(node_state state, node_event event) noexcept {
    switch (state) {
        case node_state::connecting: return step_of_connecting(event);
        case node_state::idle: return step_of_idle(event);
        case node_state::checking: return step_of_checking(event);
        case node_state::quiet: return step_of_quiet(event);
        case node_state::leased:
        case node_state::broken:
        case node_state::replaced:
        case node_state::ended: return step_of_leased(state, event);
        case node_state::closing: break;
    }
    return {node_state::closing, node_action::none};
}

}  // namespace network_system::resilience
