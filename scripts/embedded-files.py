#!/usr/bin/env python3
"""Writes Sources/CEmbeddedFiles/files.c, which puts files into the program; run it after adding or removing one."""
import os
import pathlib

root = pathlib.Path(__file__).resolve().parent.parent
target = root / "Sources/CEmbeddedFiles"
kinds = [root / "Sources/ConsoleFiles" / kind for kind in ("Assets", "Templates", "Words")]
files = sorted((path for folder in kinds for path in folder.iterdir()), key=lambda path: path.name)
files.append(root / "docs/openapi.yaml")


def embed(number, path):
    return f'static const unsigned char file_{number}[] = {{\n#embed "{os.path.relpath(path, target)}"\n}};\n'


def entry(number, path):
    return f'    {{"{path.name}", file_{number}, sizeof file_{number}}},\n'


(target / "files.c").write_text(
    "// Written by scripts/embedded-files.py.\n"
    '#include "CEmbeddedFiles.h"\n\n'
    "// #embed is of C23, and known to the compiler as an extension before.\n"
    '#pragma clang diagnostic ignored "-Wc23-extensions"\n\n'
    + "".join(embed(number, path) for number, path in enumerate(files))
    + "\nstatic const struct embedded_file all[] = {\n"
    + "".join(entry(number, path) for number, path in enumerate(files))
    + "};\n\n"
    "const struct embedded_file *embedded_files(size_t *count) {\n"
    "    *count = sizeof all / sizeof all[0];\n"
    "    return all;\n"
    "}\n"
)
