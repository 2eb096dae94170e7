#!/usr/bin/env bash
# Makes the API reference of the public headers in build/docs/html; a warning is an error.
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need doxygen dev
cmake -S . -B build/docs -G Ninja -DBUILD_TESTS=OFF -DBUILD_SAMPLES=OFF -DNETWORK_BUILD_DOCS=ON \
    >build/docs.configure.log 2>&1 || {
    cat build/docs.configure.log >&2
    die "configuring the documentation failed"
}
cmake --build build/docs --target docs
proved "$(find build/docs/html -name '*.html' | wc -l)" "pages of reference, without a warning"
say "reference: build/docs/html/index.html"
