#!/usr/bin/env bash
# Installs what the project needs from the system's package manager (apt or Homebrew). Says and does
# nothing when all is there.
#
#   scripts/install_dependencies.sh [GROUP...]
#
#   build     what the library needs (default, together with test)
#   test      what the tests need, the peers they talk to among it; includes build
#   bench     what the benchmarks need; includes build
#   dev       clang-format, clang-tidy, sanitizers, second compilers, ccache, Doxygen, TLS scanners;
#             includes test
#   coverage  the coverage report; includes test
#   browser   a browser, if there is none that scripts/browser_test.sh could use
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ $# -gt 0 ] || set -- test

has_browser() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
} >/dev/null 2>&1

debian_packages() {
    case $1 in
    build) echo g++ cmake ninja-build libasio-dev libfmt-dev libssl-dev ;;
    test)
        echo "$(debian_packages build)" libgtest-dev python3 openssl curl iproute2 \
            python3-websockets node-ws
        ;;
    bench) echo "$(debian_packages build)" libbenchmark-dev libboost-dev python3 util-linux ;;
    dev)
        echo "$(debian_packages test)" g++-11 clang-16 clang-format-16 clang-tidy-16 \
            libclang-rt-16-dev llvm-16 ccache doxygen shellcheck pkg-config make git util-linux \
            sslscan testssl.sh
        ;;
    coverage) echo "$(debian_packages test)" gcovr ;;
    browser) has_browser || echo chromium ;;
    *) die "unknown group '$1' (build, test, bench, dev, coverage, browser)" ;;
    esac
}

brew_packages() {
    case $1 in
    build) echo cmake ninja asio fmt openssl ;;
    test) echo "$(brew_packages build)" googletest python3 ;;
    bench) echo "$(brew_packages build)" google-benchmark boost ;;
    dev) echo "$(brew_packages test)" llvm@16 ccache doxygen shellcheck pkg-config ;;
    coverage) echo "$(brew_packages test)" gcovr ;;
    *) die "unknown group '$1' (build, test, bench, dev, coverage)" ;;
    esac
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        die "root rights are needed to install packages, and sudo is missing. As root: $*"
    fi
}

missing=()
if command -v apt-get >/dev/null 2>&1; then
    for group in "$@"; do
        packages=$(debian_packages "$group")
        for package in $packages; do
            # "install ok installed"; packages may carry an architecture or be virtual.
            dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' ||
                case " ${missing[*]-} " in
                *" $package "*) ;;
                *) missing+=("$package") ;;
                esac
        done
    done
    [ ${#missing[@]} -gt 0 ] || exit 0
    say "installing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    log="$ROOT/build/apt.log"
    # An index that cannot be refreshed is no reason to stop when the packages can be had.
    as_root apt-get update -q >"$log" 2>&1 || say "apt-get update failed; trying with the old index"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        "${missing[@]}" >>"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        die "apt-get could not install: ${missing[*]}"
    }
elif command -v brew >/dev/null 2>&1; then
    installed=" $(brew list --formula -1 | tr '\n' ' ') "
    for group in "$@"; do
        packages=$(brew_packages "$group")
        for package in $packages; do
            case "$installed ${missing[*]-} " in
            *" $package "*) ;;
            *) missing+=("$package") ;;
            esac
        done
    done
    [ ${#missing[@]} -gt 0 ] || exit 0
    say "installing: ${missing[*]}"
    brew install --quiet "${missing[@]}"
else
    die "neither apt-get nor brew was found. Needed: a C++20 compiler, CMake 3.16+, standalone Asio \
1.22+, fmt 9+, GoogleTest for the tests (names for other systems: .github/workflows/ci.yml)"
fi
