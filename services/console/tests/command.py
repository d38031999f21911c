"""Runs the command as an operator does: as a process."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Run:
    code: int
    out: str
    err: str


def ehrconnect(*arguments: str | Path, settings: Mapping[str, str] = NONE, folder: Path | None = None) -> Run:
    """`ehrconnect ARGUMENTS` in `folder`, with no EHR_* settings but these."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EHR_")}
    done = subprocess.run(
        [sys.executable, "-m", "services.console.commands", *map(str, arguments)],
        env={**environment, **settings, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)
