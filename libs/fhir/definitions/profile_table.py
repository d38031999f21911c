"""Reads the packed table of US Core's profiles (see generate_profiles.py); treat it as immutable."""

import gzip
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from libs.fhir.definitions import codes

PATH = Path(__file__).with_name("us-core.json.gz")


def profiles() -> dict[str, dict[str, Any]]:
    """What each profile asks beyond R4, by canonical URL."""
    found: dict[str, dict[str, Any]] = _table()["profiles"]
    return found


@cache
def profile_codes(value_set: str) -> dict[str, frozenset[str] | None]:
    """Code system -> the codes of it in a value set that a rule names; None for any."""
    listed = _table()["codes"].get(value_set)
    if listed is None:
        return dict(codes(value_set) or {})
    return {system: None if some is None else frozenset(some) for system, some in listed.items()}


@cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(gzip.decompress(PATH.read_bytes()))
    return found
