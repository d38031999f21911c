"""What a resource can be found by: the values of all its search parameters, ready for the index.

Source: FHIR R4, "Search". The parameters and the ways to their values come from the definitions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import cache
from typing import Any

from libs.fhir.dates import EARLIEST, LATEST, BadDate, date_range
from libs.fhir.definitions import Walk, main_date, patient_compartment, search_parameters
from libs.fhir.reference import parse_reference
from libs.fhir.search_keys import IDENTIFIER_MODIFIER, Form, key_of, normalize, sound, token_key, words

__all__ = ["Form", "IndexValues", "index_values", "normalize", "token_key"]

INFINITE = Decimal("Infinity")
MAX_EXPONENT = 100  # of an indexed number; beyond it is no measurement
ISO_4217 = "urn:iso:std:iso:4217"


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


def index_values(org: str, resource: dict[str, Any], zone: tzinfo = UTC) -> IndexValues:
    """All search values of `resource`; what has not the shape its definition asks for is passed over.

    The key of a number is 0, or for a quantity that of its unit under SYSTEM_CODE (system and code) or
    CODE (the unit as text), one row each when they differ; for a composite that of its other part under
    COMPOSITE with an empty code. A `near` position is two numbers, latitude (key 1) and longitude (key 2).
    `zone` is that of dates which name none.
    """
    resource_type = resource["resourceType"]
    collector = Collector(org, resource_type, zone)
    plan = _plan(resource_type)
    for name, value in resource.items():
        for follow in plan.get(name, ()):
            follow(collector, value, resource)
    return collector.finish(resource)


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


def _identifiers(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    stated = resource.get("identifier")
    for identifier in stated if isinstance(stated, list) else [stated]:
        if isinstance(identifier, dict):
            value, system = identifier.get("value"), identifier.get("system", "")
            if value and isinstance(value, str) and isinstance(system, str):
                yield system, value


# --- The plan of a type: for each top-level property, what to do with its value. ---

Follow = Callable[[Collector, Any, dict[str, Any]], None]
Take = Callable[[Collector, str, Walk, Any], None]


@cache
def _plan(resource_type: str) -> dict[str, tuple[Follow, ...]]:
    plan: dict[str, list[Follow]] = {}
    for parameter in search_parameters(resource_type).values():
        for walk in parameter.walks:
            if walk.type == "deceased":
                plan.setdefault("resourceType", []).append(_deceased)
            elif (take := _TAKE.get((parameter.kind, walk.type))) is not None and parameter.code != "_id":
                plan.setdefault(walk.path[0], []).append(_follow(parameter.code, walk, take))
        for composite in parameter.composites:
            if composite.path and len(composite.parts) == 2:
                plan.setdefault(composite.path[0], []).append(
                    _pair(parameter.code, composite.path[1:], composite.parts[0][1], composite.parts[1][1])
                )
    return {name: tuple(follows) for name, follows in plan.items()}


def _follow(parameter: str, walk: Walk, take: Take) -> Follow:
    rest = walk.path[1:]
    plain = not rest and walk.where is None and not walk.first

    def follow(collector: Collector, value: Any, resource: dict[str, Any]) -> None:
        found = value if plain else _reach(value, walk)
        for each in found if isinstance(found, list) else (found,):
            take(collector, parameter, walk, each)

    return follow


def _reach(value: Any, walk: Walk) -> list[Any]:
    """What is found from the value of the walk's first property on."""
    found = value if isinstance(value, list) else [value]
    for index, step in enumerate(walk.path):
        if index:
            found = _step(found, step)
        if walk.first:
            found = found[:1]
        if walk.where and walk.where[0] == index:
            _, name, wanted = walk.where
            found = [each for each in found if isinstance(each, dict) and each.get(name) == wanted]
    return found


def _step(values: list[Any], name: str) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if isinstance(value, dict):
            below = value.get(name)
            if isinstance(below, list):
                found.extend(below)
            elif below is not None:
                found.append(below)
    return found


# --- Token ---


def _codeable_concept(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if not isinstance(value, dict):
        return
    collector.present.add(parameter)
    texts = [value.get("text")]
    codings = value.get("coding")
    for coding in codings if isinstance(codings, list) else ():
        if isinstance(coding, dict):
            texts.append(coding.get("display"))
            if isinstance(code := coding.get("code"), str):
                collector.coded(parameter, coding.get("system"), code)
    _words(collector, parameter, texts)


def _coding(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if not isinstance(value, dict):
        return
    collector.present.add(parameter)
    if isinstance(code := value.get("code"), str):
        collector.coded(parameter, value.get("system"), code)
    _words(collector, parameter, [value.get("display")])


def _words(collector: Collector, parameter: str, texts: list[Any]) -> None:
    for text in {text for text in texts if isinstance(text, str)}:
        for word in words(text):
            collector.token(parameter, Form.TEXT, "", word)


def _identifier(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if not isinstance(value, dict):
        return
    collector.present.add(parameter)
    if not isinstance(text := value.get("value"), str):
        return
    collector.coded(parameter, value.get("system"), text)
    kind = value.get("type")
    if not isinstance(kind, dict):
        return
    for coding in kind.get("coding") or ():
        if isinstance(coding, dict) and isinstance(code := coding.get("code"), str):
            collector.token(parameter, Form.OF_TYPE, f"{coding.get('system', '')}|{code}", text)


def _contact_point(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    """The value as it is, without case, and for a telephone its digits alone."""
    if isinstance(value, dict) and isinstance(text := value.get("value"), str):
        collector.present.add(parameter)
        digits = "".join(c for c in text if c.isdigit()) if value.get("system") != "email" else ""
        for form in {text, text.lower(), digits} - {""}:
            collector.token(parameter, Form.CODE, "", form)


def _boolean(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, bool):
        collector.present.add(parameter)
        collector.coded(parameter, None, "true" if value else "false")


def _code(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, str):
        collector.present.add(parameter)
        collector.coded(parameter, walk.system, value)


def _deceased(collector: Collector, value: Any, resource: dict[str, Any]) -> None:
    """Patient.deceased.exists() and Patient.deceased != false: true or false for every patient."""
    dead = bool(resource.get("deceasedDateTime")) or resource.get("deceasedBoolean") is True
    collector.present.add("deceased")
    collector.coded("deceased", None, "true" if dead else "false")


# --- Reference and uri ---


def _reference(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if not isinstance(value, dict):
        return
    text = value.get("reference")
    literal = parse_reference(text) if isinstance(text, str) else None
    kind = literal.type if literal else value.get("type")
    if walk.target and kind != walk.target:
        return
    collector.present.add(parameter)
    if literal and literal.base is None:
        collector.token(parameter, Form.REFERENCE, literal.type, literal.id)
        collector.values.references.append((parameter, literal.type, literal.id))
    elif isinstance(text, str) and not text.startswith("#"):
        collector.token(parameter, Form.URI, "", text)
    identifier = value.get("identifier")
    if isinstance(identifier, dict) and isinstance(code := identifier.get("value"), str):
        collector.coded(parameter + IDENTIFIER_MODIFIER, identifier.get("system"), code)


def _canonical(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    """A canonical is found with its version and without."""
    if isinstance(value, str):
        _reference(collector, parameter, walk, {"reference": value})
        if "|" in value:
            collector.token(parameter, Form.URI, "", value.partition("|")[0])


def _uri(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, str):
        collector.present.add(parameter)
        collector.token(parameter, Form.URI, "", value)
        if "|" in value:
            collector.token(parameter, Form.URI, "", value.partition("|")[0])
        if not parameter.startswith("_"):  # what every resource has is not worth a row each
            collector.values.strings.append((parameter, value))  # for :below, so as it is written


def _attachment(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, dict):
        _canonical(collector, parameter, walk, value.get("url"))


def _contained(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, dict) and "id" in value:
        _canonical(collector, parameter, walk, f"{value.get('resourceType')}/{value['id']}")


# --- String ---

_NAME_PARTS = ("family", "given", "prefix", "suffix", "text")
_ADDRESS_PARTS = ("line", "city", "district", "state", "postalCode", "country", "text")


def _string(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, str):
        collector.present.add(parameter)
        if parameter == "phonetic":
            _sounds(collector, value)
        else:
            collector.values.strings.append((parameter, normalize(value)))


def _sounds(collector: Collector, text: str) -> None:
    for sounding in {sound(word) for word in words(text)} - {""}:
        collector.token("phonetic", Form.TEXT, "", sounding)


def _human_name(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    _parts(collector, parameter, walk, value, _NAME_PARTS)


def _address(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    _parts(collector, parameter, walk, value, _ADDRESS_PARTS)


def _parts(collector: Collector, parameter: str, walk: Walk, value: Any, names: tuple[str, ...]) -> None:
    if isinstance(value, dict):
        for name in names:
            part = value.get(name)
            for text in part if isinstance(part, list) else (part,):
                _string(collector, parameter, walk, text)


# --- Date ---


def _date(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    span = _span(value, collector.zone)
    if span is not None:
        collector.present.add(parameter)
        collector.values.dates.append((parameter, *span))


def _period(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, dict):
        start = _span(value.get("start"), collector.zone)
        end = _span(value.get("end"), collector.zone)
        if start or end:
            collector.present.add(parameter)
            row = (parameter, start[0] if start else EARLIEST, end[1] if end else LATEST)
            collector.values.dates.append(row)


def _timing(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, dict):
        for event in value.get("event") or ():
            _date(collector, parameter, walk, event)
        if isinstance(repeat := value.get("repeat"), dict):
            _period(collector, parameter, walk, repeat.get("boundsPeriod"))


def _span(value: Any, zone: tzinfo) -> tuple[datetime, datetime] | None:
    if not isinstance(value, str):
        return None
    try:
        return date_range(value, zone)
    except BadDate:
        return None


# --- Number and quantity ---


def _number(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if (number := _decimal(value)) is not None:
        collector.present.add(parameter)
        collector.values.numbers.append((parameter, 0, number, number))


def _number_range(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if (bounds := _bounds(value)) is not None:
        collector.present.add(parameter)
        collector.values.numbers.append((parameter, 0, *bounds))


def _quantity(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if (bounds := _bounds(value)) is not None:
        collector.present.add(parameter)
        for key in _unit_keys(collector, parameter, value):
            collector.values.numbers.append((parameter, key, *bounds))


def _unit_keys(collector: Collector, parameter: str, value: dict[str, Any]) -> list[int]:
    stated = value.get("low") or value.get("high") or value
    system, code, unit = stated.get("system"), stated.get("code"), stated.get("unit")
    if "currency" in stated:
        system, code = ISO_4217, stated["currency"]
    keys = []
    if system and code:
        keys.append(collector.key(parameter, Form.SYSTEM_CODE, str(system), str(code)))
    elif code:
        keys.append(collector.key(parameter, Form.CODE, "", str(code)))
    if unit and unit != code:
        keys.append(collector.key(parameter, Form.CODE, "", str(unit)))
    return keys or [0]


def _bounds(value: Any) -> tuple[Decimal, Decimal] | None:
    """The numbers a Quantity or Range may stand for."""
    if not isinstance(value, dict):
        return None
    if "low" in value or "high" in value:
        low, high = _bounds(value.get("low")), _bounds(value.get("high"))
        return (low[0] if low else -INFINITE, high[1] if high else INFINITE) if low or high else None
    number = _decimal(value.get("value"))
    if number is None:
        return None
    comparator = value.get("comparator", "")
    return (
        -INFINITE if comparator in ("<", "<=") else number,
        INFINITE if comparator in (">", ">=") else number,
    )


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    return number if number.is_finite() and abs(number.adjusted()) <= MAX_EXPONENT else None


def _position(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, dict):
        latitude, longitude = _decimal(value.get("latitude")), _decimal(value.get("longitude"))
        if latitude is not None and longitude is not None:
            collector.present.add(parameter)
            collector.values.numbers += [
                (parameter, 1, latitude, latitude),
                (parameter, 2, longitude, longitude),
            ]


# --- Composite: both parts from one element below the resource ---


def _pair(parameter: str, path: tuple[str, ...], left: tuple[Walk, ...], right: tuple[Walk, ...]) -> Follow:
    def follow(collector: Collector, value: Any, resource: dict[str, Any]) -> None:
        found = value if isinstance(value, list) else [value]
        for step in path:
            found = _step(found, step)
        for element in found:
            firsts = [text for walk, each in _ends(element, left) for text in _as_searched(walk, each)]
            for walk, each in _ends(element, right) if firsts else ():
                _second(collector, parameter, firsts, walk, each)

    return follow


def _second(collector: Collector, parameter: str, firsts: list[str], walk: Walk, value: Any) -> None:
    if walk.type in ("Quantity", "Range"):
        if (bounds := _bounds(value)) is not None:
            collector.present.add(parameter)
            for first in firsts:
                key = collector.key(parameter, Form.COMPOSITE, first, "")
                collector.values.numbers.append((parameter, key, *bounds))
        return
    for second in _as_searched(walk, value):
        collector.present.add(parameter)
        for first in firsts:
            collector.token(parameter, Form.COMPOSITE, first, second)


def _ends(element: Any, walks: tuple[Walk, ...]) -> Iterator[tuple[Walk, Any]]:
    if isinstance(element, dict):
        for walk in walks:
            for value in _reach(element.get(walk.path[0]), walk):
                if value is not None:
                    yield walk, value


def _as_searched(walk: Walk, value: Any) -> Iterator[str]:
    """The texts a search may use for one token or reference."""
    if walk.type == "CodeableConcept" and isinstance(value, dict):
        for coding in value.get("coding") or ():
            yield from _coding_texts(coding)
    elif walk.type == "Coding":
        yield from _coding_texts(value)
    elif walk.type == "code" and isinstance(value, str):
        yield from _coding_texts({"system": walk.system, "code": value})
    elif walk.type == "boolean" and isinstance(value, bool):
        yield "true" if value else "false"
    elif walk.type == "Reference" and isinstance(value, dict) and isinstance(value.get("reference"), str):
        literal = parse_reference(value["reference"])
        yield str(literal) if literal and literal.base is None else value["reference"]


def _coding_texts(coding: Any) -> Iterator[str]:
    if isinstance(coding, dict) and isinstance(code := coding.get("code"), str):
        yield code
        yield f"{coding.get('system') or ''}|{code}"


_TAKE: dict[tuple[str, str], Take] = {
    ("token", "CodeableConcept"): _codeable_concept,
    ("token", "Coding"): _coding,
    ("token", "Identifier"): _identifier,
    ("token", "ContactPoint"): _contact_point,
    ("token", "boolean"): _boolean,
    ("token", "code"): _code,
    ("token", "id"): _code,
    ("token", "string"): _code,
    ("token", "uri"): _code,
    ("reference", "Reference"): _reference,
    ("reference", "canonical"): _canonical,
    ("reference", "uri"): _canonical,
    ("reference", "Attachment"): _attachment,
    ("reference", "Resource"): _contained,
    ("uri", "uri"): _uri,
    ("uri", "url"): _uri,
    ("uri", "canonical"): _uri,
    ("string", "string"): _string,
    ("string", "markdown"): _string,
    ("string", "HumanName"): _human_name,
    ("string", "Address"): _address,
    ("date", "date"): _date,
    ("date", "dateTime"): _date,
    ("date", "instant"): _date,
    ("date", "string"): _date,
    ("date", "Period"): _period,
    ("date", "Timing"): _timing,
    ("number", "integer"): _number,
    ("number", "decimal"): _number,
    ("number", "Range"): _number_range,
    ("quantity", "Quantity"): _quantity,
    ("quantity", "Age"): _quantity,
    ("quantity", "Duration"): _quantity,
    ("quantity", "Money"): _quantity,
    ("quantity", "Range"): _quantity,
    ("special", "Location.position"): _position,
}
