#!/usr/bin/env python3
"""Puts one small fault at a time into the sources and demands that the tests notice it.

    faults.py [--list | --check] [NAME ...]

Each fault is a patch beside this file; README.md says how one is written. Without names all are taken, with names these.

    --list   a table of the faults and of what notices each
    --check  every patch applies and says all that it must; builds nothing

Works in place, so it refuses to begin while Sources have changes that are not committed; each patch is taken back, whatever
happens. What stands in FAULTS_BUILD_PREFIX, if anything, is put before each build: a lock, for example. The last line is
`N caught, M not`; exit code 0 only if M is 0 and N is not.
"""

import argparse
import collections
import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAM = ".build/debug/inlet"
PYTHON = ".venv/bin/python"
# A debug build that is told so reads these anew for each page, so that faults in them need no build.
CONSOLE_FILES = ROOT / "Sources/ConsoleFiles"
# What stands before the hyphen in the name of a patch, and the folder that it changes.
MODULES = {
    "domain": "Domain", "auth": "AuthMethods", "ingest": "Ingest", "storage": "Storage", "deliver": "Deliver",
    "destinations": "Destinations", "manage": "Manage", "contract": "Contract", "restapi": "RestAPI", "console": "Console",
    "websupport": "WebSupport", "client": "Client", "inlet": "inlet",
}
BUILDS = {
    "unit": ["scripts/build-tests.sh"],
    "program": ["swift", "build", "--product", "inlet", "--explicit-target-dependency-import-check", "error"],
}
SECONDS_MAX = {"unit": 300, "clients": 600, "browser": 600, "crash": 900}
BUILD_SECONDS_MAX = 3600
ENDS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
HEADER = re.compile(r"(Fault|Stage|Tests|Hangs): (\S.*)")

Fault = collections.namedtuple("Fault", "name file module what stage tests hangs")
# A run of tests: `verdict` is "passed", "failed", "hung", or else what kept it from being a run.
Outcome = collections.namedtuple("Outcome", "verdict output")


class FaultsError(Exception):
    """Why nothing can be said about the faults."""


# --- patches ---


def read(file):
    """A fault from its patch, and what is wrong with the patch: a list that is empty for a good one."""
    text = file.read_text(encoding="utf-8")
    head, _, body = text.partition("diff --git ")
    fields, wrong = {}, []
    for line in head.splitlines():
        match = HEADER.fullmatch(line)
        if match:
            fields[match[1]] = match[2].strip()
        elif line.strip():
            wrong.append(f"its head has a line that is no field: {line!r}")
    wrong += [f"`{name}:` is missing" for name in ["Fault", "Stage", "Tests"] if name not in fields]
    if fields.get("Stage", "unit") not in SECONDS_MAX:
        wrong.append(f"there is no stage {fields['Stage']!r}")
    if fields.get("Hangs", "yes") != "yes":
        wrong.append("`Hangs:` is `yes` or left out")
    module = MODULES.get(file.stem.partition("-")[0])
    if not module:
        wrong.append("its name begins with no module")
    changed = re.findall(r"^\+\+\+ (?:b/)?(\S+)", "diff --git " + body, re.MULTILINE)
    if not changed:
        wrong.append("it changes nothing")
    wrong += [f"it changes {name}, which is not of {module}" for name in changed
              if module and not name.startswith((f"Sources/{module}/", f"Sources/{module}Files/"))]
    fault = Fault(file.stem, file, module or "?", fields.get("Fault", ""), fields.get("Stage", ""), fields.get("Tests", ""),
                  "Hangs" in fields)
    return fault, wrong


def chosen(names):
    """The faults of those names, or all of them, by the stage that notices them, so that each stage is built for once."""
    files = sorted(HERE.glob("*.patch"))
    if names:
        wanted = {name.rsplit("/", 1)[-1].removesuffix(".patch") for name in names}
        if unknown := wanted - {file.stem for file in files}:
            raise FaultsError(f"there is no fault {', '.join(sorted(unknown))}")
        files = [file for file in files if file.stem in wanted]
    if not files:
        raise FaultsError("there is no fault")
    faults = []
    for file in files:
        fault, wrong = read(file)
        if wrong:
            raise FaultsError(f"{file.name}: {'; '.join(wrong)}")
        faults.append(fault)
    return sorted(faults, key=lambda fault: (list(SECONDS_MAX).index(fault.stage), list(MODULES.values()).index(fault.module)))


def git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)


def changed_files(fault):
    return [ROOT / line.split("\t")[2] for line in git("apply", "--numstat", str(fault.file)).stdout.splitlines()]


def needs_build(fault):
    return fault.stage != "browser" or any(
        CONSOLE_FILES not in file.parents or file.suffix == ".swift" for file in changed_files(fault))


def apply(fault):
    done = git("apply", str(fault.file))
    if done.returncode != 0:
        raise FaultsError(f"{fault.file.name} does not apply: {done.stderr.strip()}")


def take_back(fault, times):
    """Takes a patch out of the sources.

    Files get the time of now, so that no build takes what it made of the fault for what they say now; or, if no build has seen it,
    those that they had.
    """
    # A second Ctrl-C must not leave the patch in; git does not hear of one either.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    try:
        done = git("apply", "--reverse", str(fault.file))
        if done.returncode != 0:
            raise FaultsError(f"{fault.file.name} could not be taken back; use `git checkout -- Sources`: {done.stderr.strip()}")
        for file in changed_files(fault):
            os.utime(file, ns=times.get(file) or (time.time_ns(), time.time_ns()))
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)


# --- builds and tests ---


def run(command, seconds_max, environment=None):
    """Runs a command with all it starts, for so long at most; returns (exit code, output), the code None if it took longer."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | (environment or {}), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)
    try:
        output, _ = process.communicate(timeout=seconds_max)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        end(process)
        output, _ = process.communicate()
        return None, output
    except BaseException:
        end(process)
        raise


def end(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def build(stage):
    prefix = shlex.split(os.environ.get("FAULTS_BUILD_PREFIX", ""))
    code, output = run(prefix + BUILDS["unit" if stage == "unit" else "program"], BUILD_SECONDS_MAX)
    if code != 0:
        errors = [line for line in output.splitlines() if "error:" in line]
        raise FaultsError(f"it does not build (exit code {code}): " + (errors[0] if errors else output.strip()[-500:]))


def unit(patterns):
    filters = [word for pattern in patterns for word in ("--filter", pattern)]
    code, output = run(["swift", "test", "--skip-build", *filters], SECONDS_MAX["unit"] * len(patterns))
    count = re.search(r"Test run with (\d+) tests?", output)
    if code is None:
        return Outcome("hung", output)
    if code == 0:
        return Outcome("passed" if count and int(count[1]) > 0 else "no test is of that name", output)
    # A test that brings the process down tells of the fault as well.
    if "recorded an issue" in output or "unexpected signal" in output:
        return Outcome("failed", output)
    return Outcome(f"the tests did not run (exit code {code})", output)


def pytest(stage, words):
    environment = {"INLET_BIN": PROGRAM} | ({"CONSOLE_FILES": str(CONSOLE_FILES)} if stage == "browser" else {})
    code, output = run([PYTHON, "-m", "pytest", "-q", *shlex.split(words)], SECONDS_MAX[stage], environment)
    if code is None:
        return Outcome("hung", output)
    last = output.strip().splitlines()[-1] if output.strip() else ""
    if code == 0 and re.search(r"\d+ passed", last):
        return Outcome("passed", output)
    if code == 1 and re.search(r"\d+ failed", last):
        return Outcome("failed", output)
    return Outcome(f"the tests did not run (exit code {code}): {last}", output)


def crash(words):
    code, output = run([PYTHON, *shlex.split(words), "--inlet", PROGRAM], SECONDS_MAX["crash"])
    if code is None:
        return Outcome("hung", output)
    # A run that could not go on proves nothing.
    if "the run could not go on" in output or not re.search(r"\d+ passed, \d+ failed", output):
        return Outcome(f"the run could not go on (exit code {code})", output)
    return Outcome("passed" if code == 0 else "failed", output)


def tests(fault):
    if fault.stage == "unit":
        return unit([fault.tests])
    return crash(fault.tests) if fault.stage == "crash" else pytest(fault.stage, fault.tests)


# --- the run ---


def unharmed(faults):
    """Demands that without a fault every test that is to notice one is there and passes."""
    for stage in dict.fromkeys(fault.stage for fault in faults):
        of_stage = [fault for fault in faults if fault.stage == stage]
        print(f"without a fault: {stage}", flush=True)
        build(stage)
        if stage == "unit":
            code, output = run(["swift", "test", "list", "--skip-build"], BUILD_SECONDS_MAX)
            if code != 0:
                raise FaultsError(f"the tests cannot be listed: {output.strip()[-500:]}")
            for fault in of_stage:
                if not re.search(fault.tests, output):
                    raise FaultsError(f"{fault.name}: no test is named {fault.tests}")
            check(unit(list(dict.fromkeys(fault.tests for fault in of_stage))), stage)
        else:
            for fault in {fault.tests: fault for fault in of_stage}.values():
                check(tests(fault), fault.name)


def check(outcome, what):
    if outcome.verdict != "passed":
        raise FaultsError(f"{what}: without a fault the tests do not pass: {outcome.verdict}\n{outcome.output[-3000:]}")


def try_one(fault):
    """Returns whether the tests notice the fault, and how in words."""
    times = {}
    if not needs_build(fault):
        # What was built last may be of another fault.
        build(fault.stage)
        times = {file: (file.stat().st_atime_ns, file.stat().st_mtime_ns) for file in changed_files(fault)}
    apply(fault)
    try:
        if needs_build(fault):
            build(fault.stage)
        outcome = tests(fault)
    finally:
        take_back(fault, times)
    if outcome.verdict == "hung":
        return fault.hangs, "the tests hang" if fault.hangs else "the tests hang, which proves nothing"
    if outcome.verdict == "passed":
        return False, "NOT CAUGHT"
    return outcome.verdict == "failed", outcome.verdict if outcome.verdict != "failed" else "caught"


def try_all(faults):
    rows = []
    is_harmed = False
    try:
        unharmed(faults)
        for fault in faults:
            begin = time.monotonic()
            is_harmed = True
            try:
                is_caught, words = try_one(fault)
            except FaultsError as error:
                is_caught, words = False, str(error)
            rows.append((fault, is_caught, words, time.monotonic() - begin))
            print(f"{fault.name}: {words} ({rows[-1][3]:.0f} s)", flush=True)
        # What was built last is of a fault; nobody is to go on with that.
        print("without a fault again", flush=True)
        build("unit")
        is_harmed = False
    finally:
        if is_harmed:
            forget_build()
    report(rows)
    caught = sum(is_caught for _, is_caught, _, _ in rows)
    print(f"{caught} caught, {len(rows) - caught} not")
    return 0 if caught == len(rows) and caught > 0 else 1


def forget_build():
    """Takes the programs away that were built with a fault; the next build makes them anew."""
    for file in [ROOT / PROGRAM, *(ROOT / ".build/debug").glob("*.xctest")]:
        if file.is_dir():
            shutil.rmtree(file, ignore_errors=True)
        else:
            file.unlink(missing_ok=True)


def report(rows):
    table(["MODULE", "FAULT", "STAGE", "SECONDS", "RESULT"],
          [[fault.module, fault.name, fault.stage, f"{seconds:.0f}", words.splitlines()[0]] for fault, _, words, seconds in rows])


def table(heading, rows):
    widths = [max(len(row[column]) for row in [heading, *rows]) for column in range(len(heading))]
    for row in [heading, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def show(faults):
    for fault in faults:
        print(f"{fault.name} ({fault.module})\n    {fault.what}\n    noticed by {fault.stage}: {fault.tests}")
    print(f"{len(faults)} faults")
    return 0


def check_patches(names):
    """Looks at every patch without building anything."""
    count, bad = 0, 0
    wanted = {name.rsplit("/", 1)[-1].removesuffix(".patch") for name in names}
    for file in sorted(HERE.glob("*.patch")):
        if wanted and file.stem not in wanted:
            continue
        fault, wrong = read(file)
        done = git("apply", "--check", str(file))
        if done.returncode != 0:
            wrong.append(f"it does not apply: {done.stderr.strip()}")
        if fault.stage in {"clients", "browser", "crash"} and not (ROOT / fault.tests.split(" ")[0]).is_file():
            wrong.append(f"there is no {fault.tests.split(' ')[0]}")
        count += 1
        bad += bool(wrong)
        for words in wrong:
            print(f"{file.name}: {words}")
    print(f"{count - bad} of {count} patches are good")
    return 0 if bad == 0 and count > 0 else 1


def main():
    parser = argparse.ArgumentParser(description="one small fault at a time, and whether the tests notice it")
    parser.add_argument("names", nargs="*", metavar="NAME", help="faults, by the names of their patches (default: all)")
    parser.add_argument("--list", action="store_true", help="say what there is and what notices it")
    parser.add_argument("--check", action="store_true", help="see whether every patch is whole and applies; builds nothing")
    arguments = parser.parse_args()
    # For what is not built by scripts/build-tests.sh, so that nothing is built in two ways.
    os.environ["TEST_OPTIMIZED"] = "yes"
    # Whichever way it is told to end, also where a shell has its background jobs pass over Ctrl-C, the patch is taken back.
    for sign in ENDS:
        signal.signal(sign, signal.default_int_handler)
    try:
        if arguments.check:
            return check_patches(arguments.names)
        faults = chosen(arguments.names)
        if arguments.list:
            return show(faults)
        if git("status", "--porcelain", "--", "Sources").stdout.strip():
            raise FaultsError("Sources have changes that are not committed; commit them, or `git checkout -- Sources`")
        return try_all(faults)
    except FaultsError as error:
        print(f"faults: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("faults: ended before the end; the patch was taken back", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
