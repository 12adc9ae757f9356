#!/usr/bin/env bash
# Before each commit: the layout of the code, the build, and the Swift tests of what changed against main, in a few minutes.
#   scripts/check.sh [BASE]   against another commit or branch than main
set -euo pipefail
cd "$(dirname "$0")/.."
base=$(git merge-base HEAD "${1:-main}")
mapfile -t changed < <({ git diff --name-only "$base"; git ls-files --others --exclude-standard; } | sort -u)

# Which test targets are about a file. A module's own tests come first; those of its neighbours prove how it is joined to them.
targets_of() {
    case $1 in
    Package.swift | Tests/TestSupport/* | Tests/ServerSupport/*) echo all ;;
    Tests/*Tests/*.swift) cut -d / -f 2 <<<"$1" ;;
    Sources/Domain/*) echo DomainTests ManageTests ;;
    Sources/AuthMethods/* | Sources/Ingest/*) echo IngestTests ;;
    Sources/Storage/* | Sources/CPostgres/*) echo StorageTests ManageTests ;;
    Sources/Destinations/* | Sources/Deliver/*) echo DeliverTests ;;
    Sources/Manage/* | Sources/CArgon2/*) echo ManageTests ;;
    Sources/WebSupport/* | Sources/Contract/*) echo WebSupportTests RestTests ConsoleTests ;;
    Sources/RestAPI/*) echo RestTests CommandTests ;;
    Sources/Client/*) echo RestTests CommandTests ;;
    Sources/Console/* | Sources/ConsoleFiles/*) echo ConsoleTests ;;
    Sources/inlet/*) echo CommandTests ServerTests ;;
    esac
}

scripts/stage.sh clear
scripts/stage.sh run lint scripts/lint.sh
scripts/stage.sh run build scripts/build-tests.sh
targets=$(for file in "${changed[@]}"; do targets_of "$file"; done | tr ' ' '\n' | sort -u)
if [[ -z $targets ]]; then
    echo "==> Nothing changed that Swift tests are about"
elif grep -qx all <<<"$targets"; then
    scripts/stage.sh run unit scripts/unit.sh
else
    echo "==> Tests of what changed: $(tr '\n' ' ' <<<"$targets")"
    scripts/stage.sh run unit scripts/unit.sh "^($(paste -sd '|' <<<"$targets"))\."
fi
scripts/stage.sh table
