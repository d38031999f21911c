"""Expands the value sets that required bindings name into codes."""

from pathlib import Path
from typing import Any

import orjson

FILES = ("valuesets.json", "v3-codesystems.json", "v2-tables.json")


class ValueSets:
    """The value sets and code systems of the definitions package."""

    def __init__(self, folder: Path) -> None:
        self._sets: dict[str, dict[str, Any]] = {}
        self._systems: dict[str, dict[str, Any]] = {}
        for file in FILES:
            for entry in orjson.loads((folder / file).read_bytes())["entry"]:
                found = entry["resource"]
                kind = {"ValueSet": self._sets, "CodeSystem": self._systems}.get(found["resourceType"])
                if kind is not None:
                    kind[found["url"]] = found

    def expand(self, url: str) -> dict[str, list[str]] | None:
        """Code system -> the codes of it in the value set; None when they are not all known here."""
        definition = self._sets.get(url)
        if definition is None:
            return None
        expansion: dict[str, list[str]] = {}
        for include in definition["compose"]["include"]:
            for imported in include.get("valueSet", []):
                part = self.expand(imported.partition("|")[0])
                if part is None:
                    return None
                for system, codes in part.items():
                    expansion.setdefault(system, []).extend(codes)
            if "system" in include:
                included = self._included(include)
                if included is None:
                    return None
                expansion.setdefault(include["system"], []).extend(included)
        return expansion

    def system_of(self, url: str) -> str | None:
        """The one code system that the value set draws on, known or not."""
        includes = self._sets.get(url, {}).get("compose", {}).get("include", [])
        systems = {include.get("system") for include in includes}
        return systems.pop() if len(systems) == 1 else None

    def _included(self, include: dict[str, Any]) -> list[str] | None:
        if "concept" in include:
            return [concept["code"] for concept in include["concept"]]
        system = self._systems.get(include["system"], {})
        if "concept" not in system or "filter" in include:
            return None
        return _codes(system["concept"])


def _codes(concepts: list[dict[str, Any]]) -> list[str]:
    found = []
    for concept in concepts:
        found.append(concept["code"])
        found.extend(_codes(concept.get("concept", [])))
    return found
