#!/usr/bin/env bash
# Runs the tests under sanitizers.
#
#   scripts/sanitizers.sh          both
#   scripts/sanitizers.sh asan     AddressSanitizer and UndefinedBehaviorSanitizer: all tests
#   scripts/sanitizers.sh tsan     ThreadSanitizer: the tests that use threads (label "threaded")
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[ $# -gt 0 ] || set -- asan tsan

# The sanitizers of these compilers cannot place their shadow memory when the kernel randomizes more
# than 28 bits of addresses.
if [ "$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)" -gt 28 ]; then
    if setarch "$(uname -m)" -R true 2>/dev/null; then
        TEST_WRAPPER=(setarch "$(uname -m)" -R)
    else
        say "address randomization cannot be turned off here; sanitizers may fail to start"
    fi
fi

need clang++-16 dev
# Their symbolizer is found on the PATH; without it the reports are bare addresses.
export PATH="/usr/lib/llvm-16/bin:$PATH"

for which in "$@"; do
    case $which in
    asan)
        configure_and_build asan
        run_ctest asan
        ;;
    tsan)
        configure_and_build tsan --target threaded_tests
        run_ctest tsan
        ;;
    *) die "unknown sanitizer '$which' (asan, tsan)" ;;
    esac
done
