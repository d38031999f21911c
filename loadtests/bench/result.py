"""A measurement's figures: a table for people, JSON for machines."""

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(".run/bench")

Row = Mapping[str, str | int | float | None]


@dataclass(frozen=True, slots=True)
class Result:
    name: str  # of its file
    title: str
    rows: Sequence[Row]


def table(result: Result) -> str:
    columns = list(result.rows[0]) if result.rows else []
    lines = [columns, *([_cell(row.get(name)) for name in columns] for row in result.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    text = "\n".join("  ".join(map(str.rjust, line, widths)) for line in lines)
    return f"{result.title}\n{text}\n"


def write(result: Result) -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{result.name}.json"
    facts = {
        "measurement": result.title,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "figures": list(result.rows),
    }
    path.write_text(json.dumps(facts, indent=2) + "\n")
    return path


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _cell(value: str | float | None) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}" if value >= 10 else f"{value:.3g}"
    if isinstance(value, int):
        return f"{value:,}"
    return value or "-"
