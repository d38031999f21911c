"""Reads the packed table of FHIR R4 line by line as asked for; what nobody asks for is never decoded."""

import gzip
from functools import cache
from pathlib import Path
from typing import Any

import orjson

PATH = Path(__file__).with_name("r4.json.gz")


def content(kind: str, name: str = "") -> Any:
    """What the table's line of that kind and name says, decoded anew; None when there is no such line."""
    line = _lines().get((kind, name))
    return None if line is None else orjson.loads(line)[2]


def names(kind: str) -> list[str]:
    """The names of the lines of a kind, in the table's order."""
    return [name for line_kind, name in _lines() if line_kind == kind]


@cache
def _lines() -> dict[tuple[str, str], bytes]:
    found = {}
    for line in gzip.decompress(PATH.read_bytes()).split(b"\n"):
        found[_head(line)] = line
    return found


def _head(line: bytes) -> tuple[str, str]:
    """Kind and name of a line, `["kind","name",...]`; neither ever holds a quote."""
    _, kind, _, name, _ = line.split(b'"', 4)
    return kind.decode(), name.decode()
