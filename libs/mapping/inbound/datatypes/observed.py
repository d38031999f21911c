"""OBX-5 by OBX-2 -> value[x].

Source: v2-to-FHIR IG 1.0.0, OBX[Observation] and OBX[Observation-Component], rows of OBX-5; HL7 table 0125.
Nothing is dropped: what does not have the form of its type is a string, with a warning.
"""

from collections.abc import Callable

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import concept_of
from libs.mapping.inbound.datatypes.names import name_text
from libs.mapping.inbound.datatypes.numbers import (
    decimal,
    numeric_range,
    quantity,
    sampled_data,
    structured_numeric,
)
from libs.mapping.inbound.element import Element, element

Reader = Callable[[Context, Value, Segment, Element], Element]
VALUE = 5  # OBX-5
UNITS = "urn:ehrconnect:fhir:units"


def observed(context: Context, value: Value, kind: str, obx: Segment, unit: Element) -> Element:
    """One value of OBX-5 as a `value[x]`; empty when it says nothing."""
    reader = _READERS.get(kind)
    if reader is not None:
        return reader(context, value, obx, unit)
    if kind:
        return _as_text(value, unit)
    context.warn(obx, 2, "no value type: the value is carried as it looks")
    return (
        _coded(context, value, obx, unit) if value.component_count > 1 else _text(context, value, obx, unit)
    )


def plain(value: Value) -> str:
    """The components of a value, and theirs, as one text."""
    parts = (part.text().strip() for component in value.parts() for part in component.parts())
    return " ".join(part for part in parts if part)


def _as_text(value: Value, unit: Element) -> Element:
    return string(plain(value), unit)


def _text(context: Context, value: Value, obx: Segment, unit: Element) -> Element:
    return string(value.text(1).strip() if value.component_count == 1 else plain(value), unit)


def string(text: str, unit: Element) -> Element:
    """A valueString; a string has no unit, so that one which is stated (OBX-6) is an extension of it."""
    if not text:
        return {}
    if not unit:
        return {"valueString": text}
    stated = {"coding": [element(system=unit.get("system"), code=unit.get("code"))], "text": unit["unit"]}
    if "code" not in unit:
        stated.pop("coding")
    return {
        "valueString": text,
        "_valueString": {"extension": [{"url": UNITS, "valueCodeableConcept": stated}]},
    }


def _numeric(context: Context, value: Value, obx: Segment, unit: Element) -> Element:
    number = decimal(value.text(1))
    if number is not None:
        return {"valueQuantity": {"value": number} | unit}
    context.warn(obx, VALUE, "not a number although OBX-2 says NM: carried as a string")
    return _as_text(value, unit)


def _structured(context: Context, value: Value, obx: Segment, unit: Element) -> Element:
    return structured_numeric(value, unit)


def _coded(context: Context, value: Value, obx: Segment, unit: Element) -> Element:
    found = concept_of(context, value, obx, VALUE)
    return {"valueCodeableConcept": found} if found else {}


def _moment(context: Context, value: Value, obx: Segment, unit: Element) -> Element:
    found = times.date_time_of(context, value.text(1), obx, VALUE)
    return {"valueDateTime": found} if found else _as_text(value, unit)


def _time(context: Context, value: Value, obx: Segment, unit: Element) -> Element:
    found = times.time_of_day(value.text(1))
    if found:
        return {"valueTime": found}
    context.warn(obx, VALUE, "not a time of day although OBX-2 says TM: carried as a string")
    return _as_text(value, unit)


def _period(context: Context, value: Value, obx: Segment, unit: Element) -> Element:
    found = times.period(context, value, obx, VALUE)
    return {"valuePeriod": found} if found else _as_text(value, unit)


def _range(context: Context, value: Value, obx: Segment, unit: Element) -> Element:
    return numeric_range(value, unit) or _as_text(value, unit)


def _values_range(context: Context, value: Value, obx: Segment, unit: Element) -> Element:
    ends = [text for number in (1, 2) if (text := value.text(number).strip())]
    return {"valueString": "-".join(ends)} if ends else {}


def sampled(obx: Segment, unit: Element) -> Element:
    """An array of numbers (NA, MA), each repetition one more row of it; empty when it is none."""
    found = sampled_data(obx.repetitions(VALUE), unit)
    return {"valueSampledData": found} if found else {}


def _amount(context: Context, value: Value, obx: Segment, unit: Element) -> Element:
    found = quantity(context, value)
    if found is None:
        return _as_text(value, unit)
    return {"valueQuantity": found if "unit" in found else found | unit}


def _name(context: Context, value: Value, obx: Segment, unit: Element) -> Element:
    return {"valueString": text} if (text := name_text(value)) else {}


_READERS: dict[str, Reader] = {
    "ST": _text,
    "TX": _text,
    "FT": _text,
    "NM": _numeric,
    "SI": _numeric,
    "SN": _structured,
    "CE": _coded,
    "CWE": _coded,
    "CNE": _coded,
    "CF": _coded,
    "IS": _coded,
    "ID": _coded,
    "TS": _moment,
    "DTM": _moment,
    "DT": _moment,
    "TM": _time,
    "DR": _period,
    "NR": _range,
    "VR": _values_range,
    "CQ": _amount,
    "XPN": _name,
}
