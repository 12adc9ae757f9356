#!/usr/bin/env bash
# Builds the program and the Swift tests, or with TEST_MODULE=Manage the tests of one module.
set -euo pipefail
cd "$(dirname "$0")/.."
what=(--build-tests)
[[ -z ${TEST_MODULE:-} ]] || what=(--product inletPackageTests)
# See Package.swift.
export TEST_OPTIMIZED=yes
# Every import stands in Package.swift, or the build fails. The index stays: from nothing, SwiftPM finds no tests without it.
exec swift build "${what[@]}" --explicit-target-dependency-import-check error
