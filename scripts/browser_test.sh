#!/usr/bin/env bash
# Lets a browser talk to a WebSocket server. The tests do that where there is a browser, and it is too
# large to be installed for every run; here it has to be there.
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scripts/install_dependencies.sh test browser
configure_and_build dev --target websocket_tests
export NETWORK_NEEDS_PROGRAMS=1
run_ctest dev -R browser_as_websocket_peer
