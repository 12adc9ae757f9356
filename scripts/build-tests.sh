#!/usr/bin/env bash
# Builds the program and the Swift tests, or with TEST_MODULE=Manage the tests of one module.
set -euo pipefail
cd "$(dirname "$0")/.."
what=(--build-tests)
[[ -z ${TEST_MODULE:-} ]] || what=(--product inletPackageTests)
# No index, which is for editors. Every import stands in Package.swift, or the build fails.
exec swift build "${what[@]}" --disable-index-store --explicit-target-dependency-import-check error
