"""NM, SN, NR, NA, CQ -> Quantity, Ratio, Range, SampledData. Digits stay as they were written.

Source: v2-to-FHIR IG 1.0.0, NM[Quantity], SN[Quantity], SN[Range], SN[Ratio], NR[Range], NA[SampledData],
CQ[Quantity], CWE[Quantity], NM[positiveInt].
"""

import re
from collections.abc import Sequence
from decimal import Decimal

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.datatypes.codes import code_system
from libs.mapping.inbound.element import Element, element, extension

ORIGINAL_TEXT = "http://hl7.org/fhir/StructureDefinition/originalText"
COMPARATORS = frozenset({"<", "<=", ">=", ">"})
UNITS = frozenset({1, 2, 3, 14})  # the components that are read
_NUMBER = re.compile(r"[+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})$", re.ASCII)
_DIGITS = re.compile(r"\d{1,10}$", re.ASCII)
_RANGE = re.compile(r"\s*([+-]?[\d.]+)\s*(?:-|to)\s*([+-]?[\d.]+)(.*)$", re.ASCII | re.IGNORECASE)
_LIMIT = re.compile(r"\s*(<=|>=|<|>)\s*([+-]?[\d.]+)(.*)$", re.ASCII)


def decimal(text: str) -> Decimal | None:
    """A number with the digits as written (1.10 stays 1.10), None when the text is none."""
    text = text.strip()
    return Decimal(text) if _NUMBER.match(text) else None


def positive_integer(text: str) -> int | None:
    """A positiveInt, None when the text is none."""
    text = text.strip()
    return int(text) if _DIGITS.match(text) and 0 < int(text) < 2**31 else None


def units(context: Context, segment: Segment, field: int) -> Element:
    """A field of units (OBX-6) as the unit, system and code of a Quantity."""
    value = segment.first(field)
    if not value:
        return {}
    context.reads(segment, field, UNITS)
    return units_of(context, value)


def units_of(context: Context, value: Value) -> Element:
    """A CWE of units as the unit, system and code of a Quantity; a code only with its system."""
    code, text = value.text(1).strip(), value.text(2).strip()
    system = (
        code_system(context, value.text(3), value.text(14).strip()) if value.component_count > 2 else None
    )
    return element(unit=text or code, system=system if code else None, code=code if system else None)


def quantity(context: Context, cq: Value) -> Element | None:
    """A CQ (or NM) as a Quantity, None without a number."""
    number = decimal(cq.text(1))
    return None if number is None else {"value": number} | units_of(context, cq.part(2))


def structured_numeric(value: Value, unit: Element) -> Element:
    """An SN as the `value[x]` that fits: Quantity, Ratio, Range, or a string when it is none of them."""
    comparator, separator = value.text(1).strip(), value.text(3).strip()
    first, second = decimal(value.text(2)), decimal(value.text(4))
    as_written = _as_written(value)
    if comparator == "<>" or separator == "+":
        return _string(as_written, unit)
    if separator in {":", "/"} and first is not None and second is not None:
        numerator = element(comparator=_legal(comparator), value=first) | unit
        return {
            "valueRatio": _original(as_written) | {"numerator": numerator, "denominator": {"value": second}}
        }
    if separator == "-" and first is not None and second is not None:
        return {"valueRange": {"low": {"value": first} | unit, "high": {"value": second} | unit}}
    if separator not in {":", "/", "-"} and first is not None and comparator in COMPARATORS | {"", "="}:
        more = _original(as_written) if separator or second is not None else {}
        return {"valueQuantity": more | element(value=first, comparator=_legal(comparator)) | unit}
    return _string(as_written, unit) if as_written else {}


def numeric_range(value: Value, unit: Element) -> Element:
    """An NR as a valueRange; empty without a number."""
    low, high = decimal(value.text(1)), decimal(value.text(2))
    found = element(
        low={"value": low} | unit if low is not None else None,
        high={"value": high} | unit if high is not None else None,
    )
    return {"valueRange": found} if found else {}


def sampled_data(rows: Sequence[Value], unit: Element) -> Element | None:
    """The rows of an NA or MA as a SampledData; None when a sample is no number or the rows differ in length.

    A row is what is sampled at one time, as many numbers as there are dimensions; a single row is samples of
    one dimension.
    """
    samples = [[decimal(part.text()) for part in row.parts()] for row in rows]
    if not samples or any(None in row or len(row) != len(samples[0]) for row in samples):
        return None
    return {
        "origin": {"value": Decimal(0)} | unit,
        "period": Decimal(1),
        "_period": {"extension": [{"url": _ABSENT, "valueCode": "unknown"}]},
        "dimensions": len(samples[0]) if len(samples) > 1 else 1,
        "data": " ".join(str(number) for row in samples for number in row),
    }


def reference_range(text: str, unit: Element) -> Element:
    """OBX-7 as a referenceRange: the text as written, and its limits when it can be read."""
    found: Element = {}
    if match := _RANGE.match(text):
        low, high = decimal(match[1]), decimal(match[2])
        if low is not None and high is not None and low <= high:
            found = {"low": {"value": low} | unit, "high": {"value": high} | unit}
    elif match := _LIMIT.match(text):
        limit = decimal(match[2])
        if limit is not None:
            found = {"high" if match[1][0] == "<" else "low": {"value": limit} | unit}
    return found | {"text": text}


def _legal(comparator: str) -> str | None:
    return comparator if comparator in COMPARATORS else None


def _as_written(value: Value) -> str:
    parts = (value.text(number).strip() for number in range(1, 5))
    return " ".join(part for part in parts if part)


def _original(text: str) -> Element:
    return {"extension": extension(ORIGINAL_TEXT, valueString=text)}


def _string(text: str, unit: Element) -> Element:
    return {"valueString": f"{text} {unit['unit']}" if unit.get("unit") else text}


_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
