"""The processes of a former run whose supervisor was killed: found by what it wrote down, and stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

STOP_WITHIN = 6.0  # seconds, then they are killed


def record(home: Path, pids: Mapping[str, int]) -> None:
    """Write down the children that run, for the next start."""
    (home / "pids").write_text("".join(f"{name} {pid}\n" for name, pid in pids.items()))


def stop_leftovers(home: Path) -> list[str]:
    """Stop what a killed supervisor left running in `home`; the names of what was stopped."""
    left = _left(home)
    for _, pid in left:
        # SIGINT is PostgreSQL's fast shutdown, and the others take it as they take SIGTERM.
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGINT)
    deadline = time.monotonic() + STOP_WITHIN
    while _left(home) and time.monotonic() < deadline:
        time.sleep(0.1)
    for _, pid in _left(home):
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    (home / "pids").unlink(missing_ok=True)
    return [name for name, _ in left]


def _left(home: Path) -> list[tuple[str, int]]:
    """Name and process group of each recorded child of which something still runs."""
    recorded = [line.split() for line in _lines(home / "pids")]
    if not recorded:
        return []
    # A recycled pid must not cost a stranger's process: ours run out of this very environment.
    groups = {group for group, command in _processes() if sys.prefix in command}
    return [(name, int(pid)) for name, pid in recorded if int(pid) in groups]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []


def _processes() -> list[tuple[int, str]]:
    """Process group and command line of every process that this user may see."""
    if not Path("/proc/self/stat").exists():
        listing = subprocess.run(
            ["ps", "-A", "-o", "pgid=,command="], capture_output=True, text=True, check=True
        ).stdout
        return [
            (int(group), command) for group, command in (line.split(None, 1) for line in listing.splitlines())
        ]
    return [found for folder in Path("/proc").glob("[0-9]*") if (found := _process(folder))]


def _process(folder: Path) -> tuple[int, str] | None:
    try:
        # The name, in parentheses, may hold spaces; after it: state, parent, process group.
        _, _, rest = (folder / "stat").read_text().rpartition(")")
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # it ended meanwhile
        return None
    state, _, group, *_ = rest.split()
    return (int(group), command) if state != "Z" else None
