#!/usr/bin/env bash
# Installs what the project needs from the system's package manager (apt or Homebrew). Says and does
# nothing when all is there. Another installation that is under way is waited for.
#
#   scripts/install_dependencies.sh [GROUP...]
#   scripts/install_dependencies.sh --list [GROUP...]    names the packages, one a line
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

is_list=
if [ "${1:-}" = --list ]; then
    is_list=1
    shift
fi
[ $# -gt 0 ] || set -- test

has_browser() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
} >/dev/null 2>&1

debian_packages() {
    case $1 in
    build) echo g++ cmake ninja-build libasio-dev libfmt-dev libssl-dev libmsgpack-cxx-dev ;;
    test)
        echo "$(debian_packages build)" libgtest-dev libspdlog-dev python3 openssl curl iproute2 \
            python3-websockets node-ws tinyproxy squid microsocks dante-server
        ;;
    bench) echo "$(debian_packages build)" libbenchmark-dev libboost-dev python3 util-linux ;;
    dev)
        echo "$(debian_packages test)" g++-11 clang-14 clang-16 clang-format-16 clang-tidy-16 \
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
    build) echo cmake ninja asio fmt openssl msgpack-cxx ;;
    test) echo "$(brew_packages build)" googletest spdlog python3 ;;
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

# What the groups name, and of that what is not installed.
packages=()
missing=()
# PACKAGES_OF IS_INSTALLED GROUP...: fills both.
collect() {
    local packages_of=$1 is_installed=$2 group package
    shift 2
    for group in "$@"; do
        for package in $("$packages_of" "$group"); do
            case " ${packages[*]-} " in *" $package "*) continue ;; esac
            packages+=("$package")
            "$is_installed" "$package" || missing+=("$package")
        done
    done
    if [ -n "$is_list" ]; then
        printf '%s\n' "${packages[@]}"
        exit 0
    fi
    [ ${#missing[@]} -gt 0 ] || exit 0
    say "installing: ${missing[*]}"
}

# "install ok installed"; packages may carry an architecture or be virtual.
has_debian_package() {
    dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null | grep -q 'ok installed'
}

has_brew_package() {
    [ -n "${brew_installed+is set}" ] || brew_installed=" $(brew list --formula -1 | tr '\n' ' ') "
    case "$brew_installed" in *" $1 "*) ;; *) return 1 ;; esac
}

# apt_get ARGUMENTS...: waits up to ten minutes for the locks of another package manager. apt's own
# option covers dpkg's lock, but not those of the package lists and the download cache.
apt_get() {
    local end=$((SECONDS + 600)) output="$log.command"
    until as_root env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 "$@" \
        >"$output" 2>&1; do
        cat "$output" >>"$log"
        grep -q 'Could not get lock' "$output" && [ "$SECONDS" -lt "$end" ] || return 1
        say "waiting for another package manager"
        sleep 5
    done
    cat "$output" >>"$log"
}

if command -v apt-get >/dev/null 2>&1; then
    collect debian_packages has_debian_package "$@"
    log="$ROOT/build/apt.log"
    : >"$log"
    # An index that cannot be refreshed is no reason to stop when the packages can be had.
    apt_get update || say "apt-get update failed; trying with the old index"
    apt_get install -y --no-install-recommends "${missing[@]}" || {
        tail -n 20 "$log" >&2
        die "apt-get could not install: ${missing[*]}"
    }
elif command -v brew >/dev/null 2>&1; then
    collect brew_packages has_brew_package "$@"
    brew install --quiet "${missing[@]}"
else
    die "neither apt-get nor brew was found. Needed: a C++20 compiler, CMake 3.16+, standalone Asio \
1.22+, fmt 8.1+, GoogleTest for the tests (names for other systems: .github/workflows/ci.yml)"
fi
