"""Where the search values of one resource come together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from libs.fhir.definitions import Walk, main_date, patient_compartment
from libs.fhir.search_keys import Form, key_of


@dataclass
class IndexValues:
    """The index rows of one resource."""

    tokens: list[int] = field(default_factory=list)  # sorted, unique
    patient: str | None = None  # id of the patient whose compartment it is in
    date: tuple[datetime, datetime] | None = None  # of the type's main date: first begin, last end
    strings: list[tuple[str, str]] = field(default_factory=list)  # parameter, normalized text
    dates: list[tuple[str, datetime, datetime]] = field(default_factory=list)  # all but the main one
    numbers: list[tuple[str, int, Decimal, Decimal]] = field(
        default_factory=list
    )  # parameter, key, low, high
    references: list[tuple[str, str, str]] = field(default_factory=list)  # parameter, type, id
    identifiers: list[tuple[str, str]] = field(default_factory=list)  # system ("" for none), value


class Collector:
    """Gathers the values of one resource."""

    def __init__(self, org: str, resource_type: str, zone: tzinfo) -> None:
        self.head = f"{org}\0{resource_type}\0"  # of every key
        self.type = resource_type
        self.zone = zone
        self.texts: set[str] = set()  # texts of the token keys
        self.present: set[str] = set()
        self.values = IndexValues()

    def token(self, parameter: str, form: Form, system: str, code: str) -> None:
        self.texts.add(f"{self.head}{parameter}\0{form.value}\0{system}\0{code}")

    def key(self, parameter: str, form: Form, system: str, code: str) -> int:
        return key_of(f"{self.head}{parameter}\0{form.value}\0{system}\0{code}")

    def coded(self, parameter: str, system: Any, code: str) -> None:
        """The three ways a token is asked for."""
        head = f"{self.head}{parameter}\0"
        if system and isinstance(system, str):
            self.texts.update((f"{head}1\0{system}\0{code}", f"{head}2\0\0{code}", f"{head}3\0{system}\0"))
        else:
            self.texts.update((f"{head}1\0\0{code}", f"{head}2\0\0{code}"))

    def finish(self, resource: dict[str, Any]) -> IndexValues:
        values = self.values
        for parameter in self.present:
            self.token(parameter, Form.PRESENT, "", "")
        values.tokens = sorted({key_of(text) for text in self.texts})
        values.patient = self._patient(resource)
        values.references = list(dict.fromkeys(values.references))
        values.strings = list(dict.fromkeys(values.strings))
        values.identifiers = list(dict.fromkeys(_identifiers(resource)))
        self._part_dates()
        return values

    def _part_dates(self) -> None:
        main = main_date(self.type)
        found = [row for row in self.values.dates if row[0] == main]
        if found:
            self.values.date = min(row[1] for row in found), max(row[2] for row in found)
            self.values.dates = [row for row in self.values.dates if row[0] != main]

    def _patient(self, resource: dict[str, Any]) -> str | None:
        if self.type == "Patient":
            identity = resource.get("id")
            return identity if isinstance(identity, str) else None
        compartment = patient_compartment().get(self.type)
        if compartment is None:
            return None
        patients = {
            parameter: identity
            for parameter, kind, identity in reversed(self.values.references)
            if kind == "Patient"
        }
        return next((patients[code] for code in ("patient", *compartment) if code in patients), None)


def many(value: Any) -> list[Any]:
    """`value` where an array belongs; empty for anything else."""
    return value if isinstance(value, list) else []


def _identifiers(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    stated = resource.get("identifier")
    for identifier in stated if isinstance(stated, list) else [stated]:
        if isinstance(identifier, dict):
            value, system = identifier.get("value"), identifier.get("system", "")
            if value and isinstance(value, str) and isinstance(system, str):
                yield system, value


Take = Callable[[Collector, str, Walk, Any], None]  # indexes one value that a walk led to
