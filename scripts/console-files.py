#!/usr/bin/env python3
"""Writes Sources/ConsoleFiles/Contents.swift, the list of the console's files; run it after adding or removing one."""
import pathlib
import re

folder = pathlib.Path(__file__).resolve().parent.parent / "Sources/ConsoleFiles"
names = sorted(path.name for kind in ("Assets", "Templates", "Words") for path in (folder / kind).iterdir())
lines = [f'        "{name}": {{ PackageResources.{re.sub(r"[^A-Za-z0-9]", "_", name)} }},' for name in names]
(folder / "Contents.swift").write_text(
    "extension ConsoleFiles {\n"
    "    /// Every file by its name; written by `scripts/console-files.py`.\n"
    "    static let all: [String: @Sendable () -> [UInt8]] = [\n" + "\n".join(lines) + "\n    ]\n}\n"
)
