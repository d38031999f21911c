"""Code maps: from the codes of an HL7 table to FHIR codes.

The maps are TOML files, one an HL7 table, because a hospital's terminologist reads and mends them, and
because TOML keys stay strings (`012`, `NO`). In a map `""` means "maps to nothing, on purpose", which is
another thing than a code the map does not know.

Source: HL7 v2-to-FHIR IG 1.0.0, concept maps; each file says where it departs from them.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

V2_TABLE = "http://terminology.hl7.org/CodeSystem/v2-"


@dataclass(frozen=True, slots=True)
class Target:
    """What a code becomes in FHIR. False when the map takes it to nothing."""

    system: str
    code: str
    display: str = ""

    def __bool__(self) -> bool:
        return bool(self.code)


NOTHING = Target("", "")


@dataclass(frozen=True, slots=True)
class ConceptMap:
    """One map of one HL7 table."""

    table: str  # four digits, "0127"
    name: str  # of the guide's concept map, "AllergyType"
    targets: Mapping[str, Target]

    def get(self, code: str) -> Target | None:
        """The FHIR code of `code` (letter case aside if need be), None when the map does not know it."""
        found = self.targets.get(code)
        return found if found is not None else self.targets.get(code.upper())

    @property
    def source_system(self) -> str:
        """The URI of the HL7 table's own code system."""
        return V2_TABLE + self.table


@cache
def concept_map(table: str, name: str) -> ConceptMap:
    """The map `name` of an HL7 table (four digits).

    Raises KeyError when there is none: a mistake in the code, not in a message.
    """
    document = _document(table)
    if name not in document:
        raise KeyError(f"tables/{table}.toml has no map {name!r}")
    return _read(table, name, document[name])


def tables() -> list[str]:
    """The HL7 tables that have maps, in order."""
    names = (file.name for file in files(__package__).joinpath("tables").iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def map_names(table: str) -> list[str]:
    """The names of the maps of an HL7 table."""
    return list(_document(table))


@cache
def _document(table: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("tables", f"{table}.toml").read_text("utf-8"))


def _read(table: str, name: str, text: dict[str, Any]) -> ConceptMap:
    display, systems = text.get("display", {}), text.get("systems", {})
    targets = {
        code: Target(systems.get(target, text["system"]), target, display.get(target, ""))
        if target
        else NOTHING
        for code, target in text["codes"].items()
    }
    return ConceptMap(table, name, targets)
