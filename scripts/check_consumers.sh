#!/usr/bin/env bash
# Uses the library as its users do: installs it, static (of the build release) and shared (of the
# build gcc-11: libraries often come from another compiler than programs), each into a prefix of its
# own, moves these prefixes, and builds and runs the projects of tests/consumer against them; then
# the same with add_subdirectory, FetchContent and pkg-config.
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need cmake build
need pkg-config dev
need make dev
need python3 test

work="$ROOT/build/consumers"
log="$work/log"
mkdir -p "$work"
# Compiler output is cached, everything else is made anew.
rm -rf "$work"/{prefix,moved,projects} "$ROOT"/build/consumer-* "$log"

export CMAKE_GENERATOR=Ninja
if command -v ccache >/dev/null 2>&1; then
    export CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi
checks=0

# quietly COMMAND...: shows the output of a failed command only.
quietly() {
    "$@" >"$log" 2>&1 || {
        cat "$log" >&2
        die "failed: $*"
    }
}

# project NAME DIRECTORY [cmake arguments]: configures, builds and tests a consumer project.
project() {
    local name=$1 directory=$2 build=$ROOT/build/consumer-$1
    shift 2
    say "$name"
    quietly cmake -S "tests/consumer/$directory" -B "$build" "$@"
    quietly cmake --build "$build"
    quietly ctest --test-dir "$build" --output-on-failure --no-tests=error
    checks=$((checks + $(grep -oE 'out of [0-9]+' "$log" | tail -n 1 | grep -oE '[0-9]+')))
}

# These two compile the library themselves.
subproject=(add_subdirectory -DNETWORK_SYSTEM_SOURCE="$ROOT" -DCMAKE_UNITY_BUILD=ON)
project add_subdirectory "${subproject[@]}"
# All files at once, in which names of unnamed namespaces must not clash.
project unity "${subproject[@]}" -DCMAKE_UNITY_BUILD_BATCH_SIZE=0 -DNETWORK_SYSTEM_BUILD_SAMPLES=ON
project fetch_content "${subproject[@]}" -DUSE_FETCHCONTENT=ON -DBUILD_SHARED_LIBS=ON

for kind in static shared; do
    preset=release
    [ $kind = static ] || preset=gcc-11
    configure_and_build $preset --target network_system
    say "installing the $kind library"
    quietly cmake --install "build/$preset" --prefix "$work/prefix/$kind"
    # An installed tree must not remember where it was put.
    mkdir -p "$work/moved"
    mv "$work/prefix/$kind" "$work/moved/$kind"
    prefix="$work/moved/$kind"
    if grep -rIlF -e "$work/prefix" -e "$ROOT/src" -e "$ROOT/include" -e "$ROOT/build" "$prefix"; then
        die "the installed files above name the place they were built in or installed to"
    fi

    project "find_package-$kind" find_package -Dnetwork_system_ROOT="$prefix"
    project "spec_snippets-$kind" spec_snippets -Dnetwork_system_ROOT="$prefix"

    # A version that nobody promised compatibility with is not accepted.
    say "version check ($kind)"
    for version in 0.0 0.2 1.0; do
        mkdir -p "$work/projects/version-$version"
        printf 'cmake_minimum_required(VERSION 3.16)\nproject(v LANGUAGES CXX)\nfind_package(network_system %s REQUIRED)\n' \
            "$version" >"$work/projects/version-$version/CMakeLists.txt"
        if cmake -S "$work/projects/version-$version" -B "$work/projects/version-$version-$kind" \
            -Dnetwork_system_ROOT="$prefix" >"$log" 2>&1; then
            die "find_package(network_system $version) accepts version 0.1"
        fi
        checks=$((checks + 1))
    done

    # Static and shared use of the .pc file; the shared library is found through its search path.
    libdir=$(dirname "$(find "$prefix" -name network_system.pc)")/..
    export PKG_CONFIG_PATH="$libdir/pkgconfig"
    for mode in "pkg-config" "pkg-config --static"; do
        say "$mode ($kind)"
        out="$work/projects/pkg-config-$kind-$checks"
        mkdir -p "$out"
        quietly make -C tests/consumer/pkg_config OUT="$out" PKG_CONFIG="$mode"
        quietly env LD_LIBRARY_PATH="$libdir" "$out/round_trip"
        checks=$((checks + 1))
    done

    say "Asio version check ($kind)"
    read -ra flags <<<"$(pkg-config --static --cflags --libs network_system)"
    if "${CXX:-c++}" -std=c++20 tests/consumer/asio_mismatch/main.cpp "${flags[@]}" \
        -o "$work/projects/asio_mismatch" >"$log" 2>&1; then
        die "a program compiled with another Asio links with the $kind library"
    fi
    grep -q 'library_built_with_asio_100000' "$log" || {
        cat "$log" >&2
        die "linking with another Asio failed for another reason than the version"
    }
    checks=$((checks + 1))
    for macro in ASIO_ENABLE_HANDLER_TRACKING ASIO_DISABLE_EPOLL ASIO_DISABLE_THREADS; do
        if "${CXX:-c++}" -std=c++20 tests/consumer/asio_mismatch/main.cpp "${flags[@]}" \
            -DSAME_ASIO_VERSION -D$macro -o "$work/projects/asio_mismatch" >"$log" 2>&1; then
            die "a program compiled with $macro links with the $kind library"
        fi
        grep -q 'library_built_with_asio_' "$log" || {
            cat "$log" >&2
            die "linking with $macro failed for another reason than that"
        }
        checks=$((checks + 1))
    done
done

proved "$checks" "consumer checks passed"
