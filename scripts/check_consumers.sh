#!/usr/bin/env bash
# Uses the library as its users do: installs it, static and shared, into prefixes of their own, moves
# these prefixes, and builds and runs the projects of tests/consumer against them; then the same
# with add_subdirectory, FetchContent and pkg-config.
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
rm -rf "$work"/{prefix,moved,projects} "$log"

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
    local name=$1 directory=$2
    shift 2
    say "$name"
    quietly cmake -S "tests/consumer/$directory" -B "$work/projects/$name" "$@"
    quietly cmake --build "$work/projects/$name"
    quietly ctest --test-dir "$work/projects/$name" --output-on-failure --no-tests=error
    checks=$((checks + $(grep -oE 'out of [0-9]+' "$log" | tail -n 1 | grep -oE '[0-9]+')))
}

for kind in static shared; do
    shared=OFF
    [ $kind = static ] || shared=ON

    say "installing the $kind library"
    quietly cmake -S . -B "$work/library-$kind" -DCMAKE_BUILD_TYPE=Release \
        -DBUILD_SHARED_LIBS=$shared -DBUILD_TESTS=OFF -DBUILD_SAMPLES=OFF \
        -DCMAKE_INSTALL_PREFIX="$work/prefix/$kind"
    quietly cmake --build "$work/library-$kind"
    quietly cmake --install "$work/library-$kind"
    # An installed tree must not remember where it was put.
    mkdir -p "$work/moved"
    mv "$work/prefix/$kind" "$work/moved/$kind"
    prefix="$work/moved/$kind"
    if grep -rIlF -e "$work/prefix" -e "$ROOT/src" -e "$ROOT/include" "$prefix"; then
        die "the installed files above name the place they were built in or installed to"
    fi

    project "find_package-$kind" find_package -Dnetwork_system_ROOT="$prefix"
    project "spec_snippets-$kind" spec_snippets -Dnetwork_system_ROOT="$prefix"
    # One of the two with FetchContent: each builds the library once more.
    if [ $kind = static ]; then
        project add_subdirectory add_subdirectory -DNETWORK_SYSTEM_SOURCE="$ROOT"
    else
        project fetch_content add_subdirectory -DNETWORK_SYSTEM_SOURCE="$ROOT" \
            -DUSE_FETCHCONTENT=ON -DBUILD_SHARED_LIBS=ON
    fi

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
done

say "$checks consumer checks passed"
