#!/usr/bin/env bash
# Runs the Swift tests, and says once more at the end which of them failed: their lines stand far above the last ones.
# On the PostgreSQL that TEST_POSTGRES names, only those that touch the store.
set -uo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
chosen=()
if [ -n "${TEST_POSTGRES:-}" ]; then chosen=(--filter '^(HouseTests|StorageTests)\.'); fi
swift test --skip-build "${chosen[@]}" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
if [ "$status" -ne 0 ]; then
    echo "==> What failed"
    grep -E -A 3 'recorded an issue|error: Exited|Fatal error' "$log" | head -n 60
    grep -E '^✘|^. Test run' "$log" | tail -n 20
fi
exit "$status"
