#!/usr/bin/env bash
# Runs the Swift tests, and says once more at the end which of them failed: their lines stand far above the last ones.
set -uo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
swift test --skip-build 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
if [ "$status" -ne 0 ]; then
    echo "==> What failed"
    grep -E -A 3 'recorded an issue|error: Exited|Fatal error' "$log" | head -n 60
    grep -E '^✘|^. Test run' "$log" | tail -n 20
fi
exit "$status"
