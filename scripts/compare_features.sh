#!/usr/bin/env bash
# Measures what the library's features cost beside what they are compared with, in one run.
#
#   scripts/compare_features.sh [arguments of benchmarks/compare/features.py]
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scripts/install_dependencies.sh bench
configure_and_build bench
exec python3 benchmarks/compare/features.py --build-dir build/bench "$@"
