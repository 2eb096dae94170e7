# Sourced by the other scripts; not a program.
# shellcheck shell=bash

set -euo pipefail

# Nothing here reads from the terminal, and nothing may wait for one.
exec </dev/null

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export ROOT
cd "$ROOT"

if [ -z "${CMAKE_BUILD_PARALLEL_LEVEL:-}" ]; then
    CMAKE_BUILD_PARALLEL_LEVEL=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
fi
export CMAKE_BUILD_PARALLEL_LEVEL
# A compiler cache reads the lists of dependencies instead of preprocessing. It serves checkouts at other
# paths, too, except what comes from unity builds, whose files name the sources by absolute paths.
export CCACHE_DEPEND=1 CCACHE_BASEDIR="${CCACHE_BASEDIR:-$ROOT}" CCACHE_NOHASHDIR=1
export CTEST_PARALLEL_LEVEL="${CTEST_PARALLEL_LEVEL:-$CMAKE_BUILD_PARALLEL_LEVEL}"

say() { printf '==> %s\n' "$*"; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# need PROGRAM GROUP: stops with advice when the program is missing.
need() {
    command -v "$1" >/dev/null 2>&1 ||
        die "$1 was not found; scripts/install_dependencies.sh $2 installs it"
}

# The project's C++ files, one a line: those git knows or would add; without git, all of them.
project_sources() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard -- '*.h' '*.cpp'
    else
        find include src samples tests integration_tests benchmarks \
            \( -name '*.h' -o -name '*.cpp' \) -print
    fi | sort -u | while IFS= read -r file; do
        # Deleted but still in the index.
        [ -f "$file" ] && printf '%s\n' "$file"
    done
    return 0
}

# proved COUNT WHAT...: says what a check has looked at. Nothing is no proof. Collected by .ci/run.
proved() {
    [[ $1 =~ ^[1-9][0-9]*$ ]] || die "nothing was checked ($*)"
    say "$*"
    if [ -n "${PROOF_FILE:-}" ]; then
        printf '%s\n' "$*" >>"$PROOF_FILE"
    fi
}

# configure PRESET [cmake arguments]
configure() {
    local preset=$1
    shift
    need cmake build
    say "configuring build/$preset"
    cmake --preset "$preset" "$@" >"$ROOT/build/$preset.configure.log" 2>&1 || {
        cat "$ROOT/build/$preset.configure.log" >&2
        die "configuring preset $preset failed"
    }
}

# configure_and_build PRESET [cmake --build arguments]
configure_and_build() {
    local preset=$1
    shift
    configure "$preset"
    say "building build/$preset"
    cmake --build --preset "$preset" "$@"
}

# run_ctest PRESET [ctest arguments]: runs the tests of a preset and prints ctest's summary last.
run_ctest() {
    local preset=$1 log output status=0 summary tests
    shift
    log="$ROOT/build/$preset.ctest.log"
    say "testing build/$preset"
    "${TEST_WRAPPER[@]}" ctest --preset "$preset" "$@" 2>&1 | tee "$log" || status=$?
    summary=$(grep -E '[0-9]+% tests passed, [0-9]+ tests failed out of [0-9]+' "$log" | tail -n 1) || {
        printf 'error: ctest printed no summary (%s)\n' "$log" >&2
        [ "$status" -ne 0 ] || status=1
    }
    if [ "$status" -eq 0 ]; then
        output="$ROOT/build/$preset/Testing/Temporary/LastTest.log"
        ! grep -q '^\[=*\] Running 0 tests' "$output" || die "a program ran no test ($output)"
        # GoogleTest's own counts: one process may run many.
        tests=$(awk '/^\[  PASSED  \]/ { sum += $4 } END { print sum + 0 }' "$output")
        proved "${summary##* }" "processes of $preset ran $tests GoogleTest tests and others"
    fi
    printf '%s\n' "$summary"
    return "$status"
}

# A command put before ctest; see sanitizers.sh.
TEST_WRAPPER=(env)

mkdir -p "$ROOT/build"
