#!/usr/bin/env bash
# Runs every fuzzer for a while, one on each processor, starting from the committed corpus. What it
# finds stays in build/fuzz/artifacts; a finding worth keeping is copied into
# tests/fuzz/corpus/<name>.
#
#   scripts/fuzz.sh [SECONDS [FUZZER...]]     30 seconds each by default
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

seconds=${1:-30}
[ $# -eq 0 ] || shift
[[ $seconds =~ ^[0-9]+$ ]] || die "'$seconds' is not a number of seconds"
need clang++-16 dev

# The fuzzers are a part of the AddressSanitizer build.
configure_and_build asan --target fuzzers
programs=build/asan/bin/fuzz
if [ $# -gt 0 ]; then
    fuzzers=("${@/#/$programs/}")
else
    shopt -s nullglob
    fuzzers=("$programs"/fuzz_*)
fi
[ ${#fuzzers[@]} -gt 0 ] || die "no fuzzers were built: there is no tests/fuzz/fuzz_*.cpp"

# fuzz PROGRAM
fuzz() {
    local name committed found log
    name=$(basename "$1")
    committed=tests/fuzz/corpus/${name#fuzz_}
    found=build/fuzz/corpus/${name#fuzz_}
    [ -x "$1" ] || die "there is no fuzzer $name"
    [ -d "$committed" ] || die "$name has no corpus ($committed)"
    mkdir -p "$found"
    log="build/fuzz/$name.log"
    "$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/artifacts/$name-" "$found" "$committed" >"$log" 2>&1 || {
        tail -n 60 "$log" >&2
        die "$name found something: build/fuzz/artifacts/$name-* (the whole log: $log)"
    }
    say "$name: $(executed "$log") inputs in $seconds s"
}

# executed LOG...: how many inputs the fuzzers have run.
executed() {
    awk '/number_of_executed_units/ { sum += $2 } END { print sum + 0 }' "$@"
}

mkdir -p build/fuzz/artifacts
failed=0
running=0
for fuzzer in "${fuzzers[@]}"; do
    if [ "$running" -ge "$CMAKE_BUILD_PARALLEL_LEVEL" ]; then
        wait -n || failed=1
        running=$((running - 1))
    fi
    fuzz "$fuzzer" &
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
[ "$failed" -eq 0 ] || die "a fuzzer found something; see above"

logs=()
for fuzzer in "${fuzzers[@]}"; do
    logs+=("build/fuzz/$(basename "$fuzzer").log")
    [ "$(executed "${logs[-1]}")" -gt 0 ] || die "$(basename "$fuzzer") has run no input"
done
proved "$(executed "${logs[@]}")" "inputs by ${#fuzzers[@]} fuzzers, nothing found"
