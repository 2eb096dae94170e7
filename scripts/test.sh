#!/usr/bin/env bash
# Builds everything and runs all tests. A fresh machine is enough: what is missing is installed.
#
#   scripts/test.sh [ctest arguments, such as -R name]
#
# CMAKE_BUILD_PARALLEL_LEVEL limits the number of compilers running at once.
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scripts/install_dependencies.sh test
configure_and_build dev
run_ctest dev "$@"
