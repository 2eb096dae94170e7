#!/usr/bin/env bash
# Scans a secure server with testssl.sh, which takes minutes; fails on any finding above
# informational. The tests do the same with sslscan, which takes a second.
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scripts/install_dependencies.sh dev
configure_and_build dev --target tls_scan_server
exec python3 tests/tls/scan.py testssl build/dev/bin/tls_scan_server
