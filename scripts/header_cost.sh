#!/usr/bin/env bash
# What it costs to include core/messaging_server.h, against <asio.hpp>: the CPU time of compiling a
# source that does nothing else, in turns, as medians.
#
#   scripts/header_cost.sh [ROUNDS]
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need g++ build
rounds=${1:-7}
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cmake -S "$ROOT" -B "$directory/build" -DBUILD_TESTS=OFF -DBUILD_SAMPLES=OFF \
    -DCMAKE_INSTALL_PREFIX="$directory/prefix" >"$directory/configure.log" 2>&1 ||
    { cat "$directory/configure.log" >&2; die "configuring failed"; }

compile() { # HEADER: prints the CPU seconds of one compilation
    printf '#include <%s>\nint main() {}\n' "$1" >"$directory/unit.cpp"
    local TIMEFORMAT='%U %S'
    { time "${CXX:-g++}" -std=c++20 -O2 -DASIO_STANDALONE -I"$ROOT/include" \
        -I"$directory/build/include" -c "$directory/unit.cpp" -o "$directory/unit.o"; } 2>&1 |
        awk 'END { print $1 + $2 }'
}
median() { sort -n "$1" | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

for ((round = 0; round < rounds; ++round)); do
    compile asio.hpp >>"$directory/asio"
    compile network_system/core/messaging_server.h >>"$directory/ours"
done
awk -v asio="$(median "$directory/asio")" -v ours="$(median "$directory/ours")" 'BEGIN {
    printf "<asio.hpp>                              %.2f s\n", asio
    printf "<network_system/core/messaging_server.h> %.2f s\n", ours
    printf "ratio                                   %.0f %%\n", 100 * ours / asio
}'
