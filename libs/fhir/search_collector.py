"""Where the search values of one resource come together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from libs.fhir.definitions import Walk, main_date, patient_compartment
from libs.fhir.search_keys import (
    LONG,
    Form,
    head_of,
    key_of,
    keys_of_code,
    keys_of_presence,
    keys_of_words,
)


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
        self.head = head_of(org, resource_type)
        self.type = resource_type
        self.zone = zone
        self.tokens: set[int] = set()
        self.present: set[str] = set()
        self.values = IndexValues()

    def token(self, parameter: str, form: Form, system: str, code: str) -> None:
        self.tokens.add(self.key(parameter, form, system, code))

    def key(self, parameter: str, form: Form, system: str, code: str) -> int:
        make = key_of if len(system) + len(code) < LONG else key_of.__wrapped__
        return make(self.head, parameter, form._value_, system, code)  # as `form.value`, but no slow property

    def coded(self, parameter: str, system: Any, code: str) -> None:
        """All the ways a token is asked for; `system` may be anything that stands in its place."""
        stated = system if isinstance(system, str) else ""
        make = keys_of_code if len(stated) + len(code) < LONG else keys_of_code.__wrapped__
        self.tokens.update(make(self.head, parameter, stated, code))

    def words(self, parameter: str, text: Any) -> None:
        """Each word of a text; anything else has none."""
        if isinstance(text, str):
            make = keys_of_words if len(text) < LONG else keys_of_words.__wrapped__
            self.tokens.update(make(self.head, parameter, text))

    def finish(self, resource: dict[str, Any]) -> IndexValues:
        values = self.values
        self.tokens.update(keys_of_presence(self.head, frozenset(self.present)))
        values.tokens = sorted(self.tokens)
        values.patient = self._patient(resource)
        values.references = list(dict.fromkeys(values.references))
        values.strings = list(dict.fromkeys(values.strings))
        values.identifiers = list(dict.fromkeys(_identifiers(resource)))
        self._part_dates()
        return values

    def _part_dates(self) -> None:
        values, main = self.values, main_date(self.type)
        found = [row for row in values.dates if row[0] == main]
        if found:
            values.date = min(row[1] for row in found), max(row[2] for row in found)
            values.dates = [row for row in values.dates if row[0] != main]

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
