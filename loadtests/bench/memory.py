"""What each process of the system occupies."""

from collections.abc import Mapping
from pathlib import Path

from loadtests.bench.result import Row


def processes(pids: Mapping[str, int]) -> list[Row]:
    """Resident memory of each service's processes. Linux only; elsewhere there are no rows."""
    if not Path("/proc/self/status").exists():
        return []
    rows: list[Row] = []
    for name, leader in pids.items():
        for pid in _family(leader):
            size = _status(pid).get("VmRSS", "0 kB").split()[0]
            shared = _status(pid).get("RssShmem", "0 kB").split()[0]
            rows.append(
                {
                    "service": name,
                    "process": "leader" if pid == leader else "worker",
                    "MB": round(int(size) / 1024, 1),
                    "of it shared MB": round(int(shared) / 1024, 1),
                }
            )
    return rows


def _family(leader: int) -> list[int]:
    """The process and what it has started."""
    children = Path(f"/proc/{leader}/task/{leader}/children")
    try:
        return [leader, *map(int, children.read_text().split())]
    except OSError:
        return [leader]


def _status(pid: int) -> dict[str, str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
