#!/usr/bin/env bash
# Runs the tests with coverage and writes build/coverage/report/index.html (and coverage.xml beside
# it, for services that read Cobertura).
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scripts/install_dependencies.sh coverage
configure_and_build coverage
# Counters of an earlier run would be added to.
find build/coverage -name '*.gcda' -delete
run_ctest coverage
mkdir -p build/coverage/report
gcovr --root . --filter src/ --filter include/ --exclude-throw-branches --print-summary \
    --gcov-ignore-parse-errors \
    --html-details build/coverage/report/index.html --xml build/coverage/report/coverage.xml \
    build/coverage
say "report: build/coverage/report/index.html"
