#!/usr/bin/env bash
# Runs every fuzzer for a while, starting from the committed corpus. What it finds stays in
# build/fuzz/artifacts; a finding worth keeping is copied into tests/fuzz/corpus/<name>.
#
#   scripts/fuzz.sh [SECONDS [FUZZER...]]     30 seconds each by default
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

seconds=${1:-30}
[ $# -eq 0 ] || shift
[[ $seconds =~ ^[0-9]+$ ]] || die "'$seconds' is not a number of seconds"
need clang++-16 dev

configure_and_build fuzz
if [ $# -gt 0 ]; then
    fuzzers=("${@/#/build/fuzz/bin/fuzz/}")
else
    shopt -s nullglob
    fuzzers=(build/fuzz/bin/fuzz/fuzz_*)
fi
[ ${#fuzzers[@]} -gt 0 ] || die "no fuzzers were built: there is no tests/fuzz/fuzz_*.cpp"

mkdir -p build/fuzz/artifacts
for fuzzer in "${fuzzers[@]}"; do
    name=$(basename "$fuzzer")
    committed=tests/fuzz/corpus/${name#fuzz_}
    found=build/fuzz/corpus/${name#fuzz_}
    [ -x "$fuzzer" ] || die "there is no fuzzer $name"
    [ -d "$committed" ] || die "$name has no corpus ($committed)"
    mkdir -p "$found"
    say "$name: $seconds s"
    log="build/fuzz/$name.log"
    "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/artifacts/$name-" "$found" "$committed" >"$log" 2>&1 || {
        tail -n 60 "$log" >&2
        die "$name found something: build/fuzz/artifacts/$name-* (the whole log: $log)"
    }
    grep -E 'number_of_executed_units|new_units_added' "$log" || true
done
say "nothing found"
