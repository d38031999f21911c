"""The folder that holds everything of a local installation: data, logs, lock, credentials (`.run`)."""

import fcntl
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from libs.embedded.process import NotStarted

NEEDED = 200_000_000  # bytes free on the disk; an empty database and its log take half of it


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Hold the folder for this process alone. Raises NotStarted when that cannot be, OSError."""
    _make(home)
    with (home / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise NotStarted(
                f"it is already running here, as process {lock.read().strip()}; "
                f"{home / 'env'} says how to reach it"
            ) from None
        free = shutil.disk_usage(home).free
        if free < NEEDED:
            raise NotStarted(
                f"the disk of {home} is full: {free // 1_000_000} MB free, {NEEDED // 1_000_000} MB needed"
            )
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def write_env(home: Path, told: Mapping[str, str]) -> None:
    """Write `env`: shell lines, for this user's eyes only, there in one piece or not at all."""
    write_private(home / "env", "".join(f"{name}={shlex.quote(value)}\n" for name, value in told.items()))


def remove_env(home: Path) -> None:
    (home / "env").unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.rename(path)


def _make(home: Path) -> None:
    for folder in (home, home / "log"):
        folder.mkdir(mode=0o755 if folder == home else 0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            owner = folder.stat().st_uid
            raise NotStarted(f"{folder} belongs to user {owner}, and this user may not write into it")
