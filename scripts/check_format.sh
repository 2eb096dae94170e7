#!/usr/bin/env bash
# Checks that every C++ file is formatted as .clang-format says.
#
#   scripts/check_format.sh         lists what is not
#   scripts/check_format.sh --fix   formats it
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

need clang-format-16 dev
mapfile -t files < <(project_sources | grep -v '^tests/consumer/spec_snippets/')
[ ${#files[@]} -gt 0 ] || die "no source files found"

case ${1:-} in
--fix) clang-format-16 -i "${files[@]}" ;;
"")
    clang-format-16 --dry-run -Werror "${files[@]}" ||
        die "the files above are not formatted; scripts/check_format.sh --fix formats them"
    proved ${#files[@]} "files are formatted"
    ;;
*) die "unknown argument '$1'" ;;
esac
