#!/usr/bin/env bash
# Compares the library with raw epoll and hand-written Asio, on this machine, in one run; with --tls
# over TLS, with OpenSSL on the socket and asio::ssl::stream; with --ws over WebSocket, with
# Boost.Beast and, given a checkout of it, uWebSockets; with --replay what WebSocket costs outside
# the kernel, and with --instructions how many instructions a message takes there, beside those of
# another version's build tree (Valgrind counts them); with --resilience what a resilient client costs
# beside the plain one, and a pooled connection that is acquired and given back; with --integration
# what a logger, a pool for callbacks and values cost.
#
#   scripts/compare.sh [arguments of benchmarks/compare/run.py]
#   scripts/compare.sh --tls [arguments of benchmarks/compare/tls.py]
#   scripts/compare.sh --ws [--uwebsockets CHECKOUT] [arguments of benchmarks/compare/ws.py]
#   scripts/compare.sh --replay [--uwebsockets CHECKOUT] [arguments of benchmarks/compare/replay.py]
#   scripts/compare.sh --instructions [--base TREE] [arguments of benchmarks/compare/instructions.py]
#   scripts/compare.sh --resilience [arguments of benchmarks/compare/resilience.cpp]
#   scripts/compare.sh --integration [arguments of benchmarks/compare/integration.cpp]
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scripts/install_dependencies.sh bench
configure_and_build bench
program=run.py
case ${1-} in
--tls | --ws | --replay | --instructions)
    program=${1#--}.py
    shift
    ;;
--integration)
    shift
    exec build/bench/benchmarks/compare/compare_integration "$@"
    ;;
--resilience)
    shift
    build/bench/benchmarks/compare/compare_resilience "$@"
    exec build/bench/benchmarks/network_benchmarks --benchmark_filter=AcquireRelease
    ;;
esac
exec python3 "benchmarks/compare/$program" --build-dir build/bench "$@"
