#!/usr/bin/env bash
# Checks how the Swift code is laid out, that each fault still fits the code, and that each suite on a store says so.
set -euo pipefail
cd "$(dirname "$0")/.."
swift format lint --strict --parallel --recursive Package.swift Sources Tests Benchmarks
python3 Tests/Faults/faults.py --check
scripts/store-tags.py
