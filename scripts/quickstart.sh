#!/usr/bin/env bash
# Builds the library (optimized, without tests) and runs samples/quickstart.cpp: a server and clients
# that exchange real messages over TCP at a measured rate.
#
#   scripts/quickstart.sh [arguments of the sample]
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scripts/install_dependencies.sh build
configure_and_build release --target quickstart
say "running build/release/bin/quickstart"
exec build/release/bin/quickstart "$@"
