#!/usr/bin/env python3
"""Checks that each suite of Swift tests that reaches a store has the tag `store`, without which the pass on PostgreSQL leaves it out."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
REACHES = re.compile(r"\bTestHouse\.(open|openTwice|openSeveral|move)\b|\bwith(Store|Stores|Embedded|Database)\b|\bSQLiteEngine\(")
missing = []
for file in sorted((root / "Tests").glob("*Tests/*.swift")):
    for suite in re.split(r"(?m)^(?=@Suite)", file.read_text(encoding="utf-8"))[1:]:
        if REACHES.search(suite) and not re.match(r"@Suite\(\.tags\([^)]*\.store\b", suite):
            missing.append(f"{file.relative_to(root)}: {suite.splitlines()[0]} reaches a store and lacks .tags(.store)")
print("\n".join(missing) or "Each suite on a store says so")
sys.exit(1 if missing else 0)
