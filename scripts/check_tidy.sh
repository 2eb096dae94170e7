#!/usr/bin/env bash
# Runs clang-tidy over the library, the samples and every public header; warnings are errors.
#
#   scripts/check_tidy.sh             all of them
#   scripts/check_tidy.sh FILE...     only these
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need clang-tidy-16 dev
need run-clang-tidy-16 dev
preset=clang-16
# The commands of a Clang build: those of GCC contain options clang-tidy does not know. Nothing has to
# be built; the generated headers appear while configuring.
cmake --preset "$preset" >"build/$preset.configure.log" 2>&1 || {
    cat "build/$preset.configure.log" >&2
    die "configuring preset $preset failed"
}

# run-clang-tidy takes regular expressions over absolute paths.
quote() { printf '%s' "$1" | sed 's/[][\.*^$+?(){}|]/\\&/g'; }
patterns=()
if [ $# -gt 0 ]; then
    for file in "$@"; do
        patterns+=("^$(quote "$(cd "$(dirname "$file")" && pwd)/$(basename "$file")")\$")
    done
else
    root=$(quote "$ROOT")
    patterns+=("^$root/(src|samples)/" "^$root/build/$preset/tests/compile/all_public_headers\\.cpp\$")
fi

log=build/tidy.log
if ! run-clang-tidy-16 -quiet -p "build/$preset" -j "$CMAKE_BUILD_PARALLEL_LEVEL" "${patterns[@]}" \
    >"$log" 2>&1; then
    # Without progress lines and counts; what is wrong in a header is found once for every file.
    grep -Ev '^(.*/?clang-tidy-16 |[0-9]+ warnings? (generated|treated)|Suppressed )' "$log" |
        awk '!seen[$0]++' >&2
    die "clang-tidy found something (the whole log: $log)"
fi
say "clang-tidy found nothing"
