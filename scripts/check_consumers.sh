#!/usr/bin/env bash
# Uses the library as its users do: installs it, static (of the build release) and shared (of the
# build gcc-11: libraries often come from another compiler than programs), each into a prefix of its
# own, moves these prefixes, and builds and runs the projects of tests/consumer against them; then
# the same with add_subdirectory, FetchContent and pkg-config.
#
#   scripts/check_consumers.sh [--slow] [subproject] [static] [shared]
#
#   --slow    also compiles the library with flags that have to be a program's, too
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

slow=
parts=()
for argument in "$@"; do
    case $argument in
    --slow) slow=1 ;;
    subproject | static | shared) parts+=("$argument") ;;
    *) die "unknown part '$argument' (subproject, static, shared)" ;;
    esac
done
[ ${#parts[@]} -gt 0 ] || parts=(subproject static shared)

# has PART: whether it was asked for.
has() {
    case " ${parts[*]} " in *" $1 "*) ;; *) return 1 ;; esac
}

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

# fails_with TEXT COMMAND...: the command has to fail, and to say why.
fails_with() {
    local text=$1
    shift
    if "$@" >"$log" 2>&1; then
        die "succeeded, but should say '$text': $*"
    fi
    # CMake breaks lines where it likes.
    tr -s ' \n' ' ' <"$log" | grep -qF -e "$text" || {
        cat "$log" >&2
        die "failed for another reason than '$text': $*"
    }
    checks=$((checks + 1))
}

# finds PREFIX ARGUMENTS: configures a project that says find_package(network_system ARGUMENTS).
finds() {
    local directory="$work/projects/find"
    rm -rf "$directory"
    mkdir -p "$directory"
    printf 'cmake_minimum_required(VERSION 3.16)\nproject(p LANGUAGES CXX)\nfind_package(network_system %s)\n' \
        "$2" >"$directory/CMakeLists.txt"
    cmake -S "$directory" -B "$directory/build" -Dnetwork_system_ROOT="$1"
}

if has subproject; then
    # These compile the library themselves.
    subproject=(add_subdirectory -DNETWORK_SYSTEM_SOURCE="$ROOT" -DCMAKE_UNITY_BUILD=ON)
    project add_subdirectory "${subproject[@]}"
    # All files at once, in which names of unnamed namespaces must not clash.
    project unity "${subproject[@]}" -DCMAKE_UNITY_BUILD_BATCH_SIZE=0 -DNETWORK_SYSTEM_BUILD_SAMPLES=ON
    project fetch_content "${subproject[@]}" -DUSE_FETCHCONTENT=ON -DBUILD_SHARED_LIBS=ON
    if [ -n "$slow" ]; then
        project debug_containers "${subproject[@]}" -DCMAKE_CXX_FLAGS=-D_GLIBCXX_DEBUG
        project lto "${subproject[@]}" -DCMAKE_CXX_FLAGS="-O2 -flto=auto -Werror=odr"
    fi
fi

for kind in static shared; do
    has $kind || continue
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
    project "flags-$kind" flags -Dnetwork_system_ROOT="$prefix"

    # A version that nobody promised compatibility with is not accepted, nor what is not there.
    say "versions and components ($kind)"
    for version in 0.0 0.2 1.0; do
        fails_with "requested version \"$version\"" finds "$prefix" "$version REQUIRED"
    done
    fails_with "has no component 'telepathy'. It has: msgpack, spdlog, testing." finds "$prefix" "COMPONENTS testing telepathy REQUIRED"

    # Static and shared use of the .pc file, by compilers that know different parts of Asio; the shared
    # library is found through its search path.
    libdir=$(dirname "$(find "$prefix" -name network_system.pc)")/..
    export PKG_CONFIG_PATH="$libdir/pkgconfig"
    for mode in "pkg-config" "pkg-config --static"; do
        for compiler in "${CXX:-c++}" clang++-14; do
            say "$mode, $compiler ($kind)"
            out="$work/projects/pkg-config-$kind-$checks"
            mkdir -p "$out"
            quietly make -C tests/consumer/pkg_config OUT="$out" CXX="$compiler" PKG_CONFIG="$mode"
            for program in round_trip readme; do
                quietly env LD_LIBRARY_PATH="$libdir" "$out/$program"
                checks=$((checks + 1))
            done
        done
    done

    say "components with pkg-config ($kind)"
    read -ra spdlog_flags <<<"$(pkg-config --cflags --libs network_system-spdlog network_system-msgpack)"
    quietly "${CXX:-c++}" -std=c++20 tests/consumer/typed_round_trip.cpp "${spdlog_flags[@]}" \
        -o "$work/projects/typed_round_trip-$kind"
    quietly env LD_LIBRARY_PATH="$libdir" "$work/projects/typed_round_trip-$kind"
    checks=$((checks + 1))

    say "a program with another Asio, or other containers ($kind)"
    read -ra flags <<<"$(pkg-config --static --cflags --libs network_system)"
    # links_with FLAG...: compiles and links a program with these flags, too.
    links_with() {
        "${CXX:-c++}" -std=c++20 "$@" tests/consumer/asio_mismatch/main.cpp "${flags[@]}" \
            -o "$work/projects/mismatch"
    }
    quietly links_with -DSAME_ASIO_VERSION
    fails_with library_built_with_asio_100000 links_with
    for macro in ASIO_ENABLE_HANDLER_TRACKING ASIO_DISABLE_EPOLL ASIO_DISABLE_THREADS; do
        fails_with library_built_with_asio_ links_with -DSAME_ASIO_VERSION -D$macro
    done
    fails_with library_built_with_GLIBCXX_DEBUG links_with -DSAME_ASIO_VERSION -D_GLIBCXX_DEBUG
done

if has static; then
    mkdir -p "$work/projects/samples"
    cp -r samples/*.h samples/*.cpp samples/messaging_system_integration "$work/projects/samples"
    rm "$work/projects/samples/run_all_samples.cpp" # it looks for the others where they were built
    project samples samples -Dnetwork_system_ROOT="$work/moved/static" -DSAMPLES="$work/projects/samples"
fi

proved "$checks" "consumer checks passed"
