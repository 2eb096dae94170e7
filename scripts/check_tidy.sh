#!/usr/bin/env bash
# Runs clang-tidy over the library, the samples and every public header; warnings are errors. What is
# as it was when it last passed is known from .ci/tidy.hashes; a file that passes enters that list,
# which is committed with it.
#
#   scripts/check_tidy.sh             what has changed
#   scripts/check_tidy.sh --all       all of them
#   scripts/check_tidy.sh FILE...     only these
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need clang-tidy-16 dev
need python3 test
preset=clang-16
# The commands of a Clang build: those of GCC contain options clang-tidy does not know. Nothing has to
# be built; the generated headers appear while configuring.
configure "$preset"

log="$ROOT/build/tidy.log"
python3 scripts/tidy.py --build "build/$preset" "$@" | tee "$log"
counts=$(tail -n 1 "$log") # "3 tidied, 140 unchanged"
[[ $counts =~ ^([0-9]+)\ tidied,\ ([0-9]+)\ unchanged$ ]]
proved $((BASH_REMATCH[1] + BASH_REMATCH[2])) "files: $counts"
