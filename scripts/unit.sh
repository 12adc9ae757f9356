#!/usr/bin/env bash
# Runs the Swift tests that are built, and says once more at the end which of them failed: their lines stand far above the last ones.
#   scripts/unit.sh [PATTERN …]   all of them, or those that fit a pattern, as `swift test --filter` takes it
# On the PostgreSQL that TEST_POSTGRES names only the suites that reach a store run; they have the tag `store`.
set -uo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
chosen=()
for pattern in "$@"; do chosen+=(--filter "$pattern"); done
if [[ -n ${TEST_POSTGRES:-} ]]; then
    # The tool of this Swift knows no filter by tag, so the tag is read where it stands.
    suites=$(grep -rhE -A 1 '^@Suite\(.*\.tags\(.*\.store\b' Tests --include='*.swift' | grep -oE 'struct [A-Za-z]+' | cut -d ' ' -f 2)
    chosen+=(--filter "\.($(tr '\n' '|' <<<"$suites" | sed 's/|$//'))/")
fi
# Not by `swift test`, which lets only one of its kind run in a folder.
.build/debug/inletPackageTests.xctest --testing-library swift-testing "${chosen[@]}" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
if [ "$status" -ne 0 ]; then
    echo "==> What failed"
    grep -E -A 3 'recorded an issue|error: Exited|Fatal error' "$log" | head -n 60
    grep -E '^✘|^. Test run' "$log" | tail -n 20
fi
exit "$status"
