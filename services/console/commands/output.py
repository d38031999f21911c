"""How commands print lists, and how they say that they cannot do what was asked."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


class CommandError(Exception):
    """The command cannot do what was asked; the text is one line for the operator."""


def show(rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print the rows as a table, or as JSON; `empty` says in words that there are none."""
    if as_json:
        print(json.dumps(list(rows), indent=2, default=str))
    elif not rows:
        print(empty)
    else:
        print(_table(rows))


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(rows[0])
    cells = [[name.replace("_", " ") for name in columns]]
    cells += [[_cell(row[name]) for name in columns] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(columns))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else str(value)
