#!/usr/bin/env bash
# Compares UDP with the kernel's batched calls and with hand-written Asio, on this machine, in one run.
#
#   scripts/compare_udp.sh [--check] [arguments of benchmarks/compare/udp.py]
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scripts/install_dependencies.sh bench
configure_and_build bench
exec python3 benchmarks/compare/udp.py --build-dir build/bench "$@"
