"""What each process of the system occupies."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from loadtests.bench.result import Row


def resident(processes: Mapping[str, Sequence[int]]) -> list[Row]:
    """Resident memory of each service's processes. Linux only: elsewhere there are no rows."""
    return [
        {
            "service": name,
            "process": "main" if pid == pids[0] else "child",
            "MB": round(_kilobytes(pid, "VmRSS") / 1024, 1),
            "of it shared MB": round(_kilobytes(pid, "RssShmem") / 1024, 1),
        }
        for name, pids in processes.items()
        for pid in pids
        if Path(f"/proc/{pid}/status").exists()
    ]


def _kilobytes(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return int(values.get(name, "0 kB").split()[0])
