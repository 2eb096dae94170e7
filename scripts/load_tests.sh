#!/usr/bin/env bash
# Runs the load tests, optimized, at full length, and writes what they measured to build/load/results/
# as JSON. docs/LOAD_TEST_GUIDE.md explains the numbers. Then the failures of servers and links at full
# length, and simulations of clients that heal over thousands of seeds.
#
#   scripts/load_tests.sh                     all of them; about ten minutes
#   scripts/load_tests.sh --update-baseline   and put the results into docs/BASELINE.md
#   scripts/load_tests.sh --compare FILE      and compare them with an earlier results.json
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scripts/install_dependencies.sh test
configure_and_build load

programs=build/load/bin/integration_tests
results=build/load/results
mkdir -p "$results"

for name in tcp_load udp_load websocket_load; do
    say "running ${name}_test"
    "$programs/${name}_test" --full --json "$results/$name.json"
done
export NETWORK_STRICT_TIMES=1 NETWORK_FULL_LENGTH=1
for name in idle_connections stop_under_load accounting_load; do
    say "running ${name}_test"
    "$programs/${name}_test" "--gtest_output=json:$results/$name.json"
done
say "running failure_tests"
"$programs/failure_tests"
say "running simulations"
NETWORK_SIMULATION_SEED=1 NETWORK_SIMULATION_SEEDS=3000 build/load/bin/simulation_tests \
    --gtest_filter='*reconnect_seeds*:quiet_delivery.*:resilient_seeds_test.*:pool_seeds_test.*:health_seeds_test.*'
exec python3 scripts/load_report.py "$results" "$@"
