#!/usr/bin/env python3
"""Cuts the power under load and proves that nothing acknowledged was lost (row N1).

    powercut.py [--rounds 20] [--seed N] [--inlet PATH]

The data folder lies on an ext4 file system in an image file. The cut is the kernel's own: FS_IOC_GOINGDOWN shuts the
file system down without writing its journal, so that everything not yet synced is gone, as after pulling the plug. Then
the image is mounted again (the journal is replayed), the server starts, and every acknowledged event is read back.

A test that cannot fail proves nothing. So the same is done with `synchronous=NORMAL`, where SQLite does not sync before a
commit returns: this control must lose acknowledged events.

Exit codes: 0 nothing was lost and the control lost some; 1 something was lost or broke; 2 this machine cannot run the
test (root and loop mounts are needed); 3 the control lost nothing: the test is void.
"""

import argparse
import fcntl
import http.client
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from crash import SENDERS, Kept, Load, resend  # noqa: E402
from databases import CLUSTER  # noqa: E402
from inlet_server import HANG_SECONDS, Server, ServerError, binary_path, complaint_about, until  # noqa: E402

# _IOR('X', 125, __u32), and its flag to drop the journal that is not on disk yet.
FS_IOC_GOINGDOWN = (2 << 30) | (4 << 16) | (ord("X") << 8) | 125
GOING_DOWN_NOLOGFLUSH = 2

# Sparse. Large enough that a server which refuses calls when its disk is nearly full does not do so here.
IMAGE_BYTES = 8 * 1024**3
BODY_BYTES_MAX = 8_192
# Acknowledgements before the power is cut, at most.
ACKS_MAX = 300

EXIT_FAILED, EXIT_UNABLE, EXIT_VOID = 1, 2, 3


class Unable(Exception):
    """This machine does not let us do it."""


def command(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    except FileNotFoundError as error:
        raise Unable(str(error)) from None
    if done.returncode != 0:
        raise Unable(f"{' '.join(words)}: {(done.stderr or done.stdout).strip()}")


class Disk:
    """An ext4 file system in a file, whose power can be cut."""

    def __init__(self, folder):
        self.image = folder / "disk.img"
        self.mount_point = folder / "disk"
        self.mount_point.mkdir()
        self.is_mounted = False
        with open(self.image, "wb") as file:
            file.truncate(IMAGE_BYTES)
        command("mkfs.ext4", "-q", "-F", str(self.image))

    def mount(self):
        command("mount", "-o", "loop", str(self.image), str(self.mount_point))
        self.is_mounted = True

    def cut(self):
        """From here on nothing reaches the disk any more, and what had not reached it never will."""
        handle = os.open(self.mount_point, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, FS_IOC_GOINGDOWN, struct.pack("I", GOING_DOWN_NOLOGFLUSH))
        except OSError as error:
            raise Unable(f"the file system cannot be shut down: {error}") from None
        finally:
            os.close(handle)

    def unmount(self):
        # Just after a kill the kernel may still be letting go of the last file.
        if not until(self._is_unmounted):
            command("umount", str(self.mount_point))
        self.is_mounted = False

    def _is_unmounted(self):
        return subprocess.run(["umount", self.mount_point], capture_output=True, timeout=HANG_SECONDS).returncode == 0

    def remove(self):
        if self.is_mounted:
            self.unmount()
        self.image.unlink(missing_ok=True)


class Run:
    """Rounds of load and power cut on one disk, in one synchronous mode."""

    def __init__(self, name, rounds, seed, inlet, environment, stop_at_first_loss):
        self.name, self.rounds, self.seed = name, rounds, seed
        self.rng = random.Random(f"{seed}-{name}")
        self.inlet = inlet
        self.environment = environment
        # The control has shown what it must as soon as it lost one; what it did to the rest is of no interest.
        self.stop_at_first_loss = stop_at_first_loss
        self.acks, self.keyed, self.sent, self.violations, self.lost = [], [], set(), [], []

    def main(self):
        folder = Path(tempfile.mkdtemp(prefix="inlet-powercut-"))
        disk = server = None
        try:
            disk = Disk(folder)
            disk.mount()
            # The log and HOME stay off the disk that dies: only the data folder is under test.
            server = Server(folder, data=disk.mount_point / "data", binary=self.inlet, environment=self.environment)
            server.init()
            if self.stop_at_first_loss:
                # The control shall lose events, not the data folder. Without it, `inlet init` must see to that itself.
                os.sync()
            server.start()
            for number in range(1, self.rounds + 1):
                self.round(number, disk, server)
                if self.lost and self.stop_at_first_loss:
                    break
            self.finish(server)
        except (ServerError, OSError, http.client.HTTPException, AssertionError, ValueError, KeyError) as error:
            self.violations.append(f"the run could not go on: {error!r}")
        finally:
            if server:
                server.kill()
                if self.violations:
                    print(f"--- stderr of the server ---\n{server.log_tail(5000)}\n---")
            if disk:
                disk.remove()
            shutil.rmtree(folder, ignore_errors=True)

    def round(self, number, disk, server):
        began = datetime.now(timezone.utc).isoformat()
        load = Load(server, server.info["webhook"], server.info["api_token"], f"{self.seed}-{number}", BODY_BYTES_MAX)
        load.start()
        # Soon: what the kernel writes back by itself after some seconds would hide a missing sync.
        count = self.rng.randint(1, ACKS_MAX)
        load.wait_for(f"acknowledgement {count}", lambda: load.acknowledged() >= count)
        disk.cut()
        # Half of the rounds the server lives on with a disk that fails, until all who call it know: it must not say 202 then.
        if self.rng.choice([False, True]):
            busy = load.busy + SENDERS
            until(lambda: load.busy >= busy or server.process.poll() is not None)
        server.kill()
        load.stop()
        disk.unmount()
        disk.mount()
        ready = server.start()

        # Of this round alone; all of them are read back at the end.
        lost = Kept(server.api(), server.info["webhook"], **{"from": began}).wrong(load.acks)
        again, violations = resend(server, load, load.unanswered)
        print(
            f"{self.name}, round {number:3}: {len(load.acks):5} acknowledged, {len(lost):4} lost or wrong, "
            f"{len(again)} of {len(load.unanswered)} keyed calls resent, ready again after {ready:.2f} s",
            flush=True,
        )
        self.lost += lost
        gone = {ack for ack, _ in lost}
        self.acks += [ack for ack in load.acks if ack not in gone] + again
        self.keyed += load.unanswered
        self.sent |= load.sent
        self.violations += load.violations + violations

    def finish(self, server):
        """All events once more: a later cut must not take what an earlier one left."""
        kept = Kept(server.api(), server.info["webhook"])
        self.lost += kept.wrong(self.acks)
        if not self.lost:
            self.violations += kept.violations_of_the_whole(self.keyed, self.sent)


def cut_the_power(rounds, seed, inlet):
    print(f"seed {seed}, {rounds} rounds", flush=True)
    real = Run("full", rounds, seed, inlet, {}, stop_at_first_loss=False)
    real.main()
    failures = [f"{ack.event} {what}" for ack, what in real.lost] + real.violations
    for failure in failures[:20]:
        print(f"  FAILED {failure}")

    control = Run("control (synchronous=NORMAL)", rounds, seed, inlet, {"INLET_UNSAFE_SYNCHRONOUS": "normal"}, True)
    control.main()
    for violation in control.violations[:20]:
        print(f"  control: {violation}")
    # Only what the server says it does not have: a server that does not answer proves nothing about its disk.
    lost_by_control = sum(what.startswith("LOST") for _, what in control.lost)
    print(f"control: {lost_by_control} acknowledged events lost, as it must be" if lost_by_control else
          "void: the control lost nothing, so this test could not have seen a loss")

    passed = len({ack.event for ack in real.acks} - {ack.event for ack, _ in real.lost})
    print(f"{passed} passed, {len(failures)} failed")
    if failures or not passed:
        return EXIT_FAILED
    return 0 if lost_by_control else EXIT_VOID


def main():
    parser = argparse.ArgumentParser(description="power cut under load: acknowledged events lost 0")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None, help="repeats the sizes and moments of an earlier run")
    parser.add_argument("--inlet", default=None, help="the program (default: INLET_BIN, or the debug build)")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(2**32)
    if CLUSTER:
        print("the power-cut test is about the embedded database; unset TEST_POSTGRES", file=sys.stderr)
        return EXIT_UNABLE
    if complaint := complaint_about(arguments.inlet or binary_path()):
        print(complaint, file=sys.stderr)
        return EXIT_FAILED
    if os.geteuid() != 0:
        print("the power-cut test needs root and loop mounts: not root", file=sys.stderr)
        return EXIT_UNABLE
    try:
        return cut_the_power(arguments.rounds, seed, arguments.inlet)
    except Unable as error:
        print(f"the power-cut test needs root and loop mounts: {error}", file=sys.stderr)
        return EXIT_UNABLE


if __name__ == "__main__":
    sys.exit(main())
