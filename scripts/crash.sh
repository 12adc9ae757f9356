#!/usr/bin/env bash
# Kills the program, or with --database-kill the PostgreSQL it uses, under load and while it delivers.
#   scripts/crash.sh ROUNDS PROGRAM [--database-kill]
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=$1 program=$2
shift 2
for script in crash deliver; do
    .venv/bin/python "Tests/Crash/$script.py" --rounds "$rounds" --inlet "$program" "$@"
done
