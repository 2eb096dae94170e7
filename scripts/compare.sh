#!/usr/bin/env bash
# Compares the library with raw epoll and hand-written Asio, on this machine, in one run.
#
#   scripts/compare.sh [arguments of benchmarks/compare/run.py]
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scripts/install_dependencies.sh bench
configure_and_build bench
exec python3 benchmarks/compare/run.py --build-dir build/bench "$@"
