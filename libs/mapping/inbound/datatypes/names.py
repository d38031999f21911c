"""XPN, FN, PPN -> HumanName.

Source: v2-to-FHIR IG 1.0.0, XPN[HumanName], FN[HumanName], XPN[string].
"""

from collections.abc import Sequence

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.element import Element, element, extension
from libs.terminology.concept_map import concept_map

NAME_USE = concept_map("0200", "NameType")
ASSEMBLY_ORDER = concept_map("0444", "NameAssemblyOrder")
XPN = frozenset({*range(1, 8), *range(10, 16)})  # the components that are read
_HUMAN_NAME = "http://hl7.org/fhir/StructureDefinition/humanname-"


def human_names(context: Context, segment: Segment, field: int) -> list[Element]:
    """Every XPN of the field as HumanNames; a name to be called by (XPN.15) is one of its own."""
    names = []
    for xpn in segment.repetitions(field):
        if name := human_name(context, xpn, segment, field):
            names.append(name)
        if called := xpn.text(15).strip():
            names.append({"use": "nickname", "given": [called]})
    return names


def human_name(context: Context, xpn: Value, segment: Segment, field: int) -> Element | None:
    """An XPN as a HumanName, None when it holds no part of a name."""
    name = name_parts(
        family=xpn.part(1),
        given=(xpn.text(2), xpn.text(3)),
        suffix=(xpn.text(4), xpn.text(6), xpn.text(14)),
        prefix=xpn.text(5),
    )
    context.reads(segment, field, XPN)
    if name and xpn.component_count > 6:
        return (
            element(use=context.code(NAME_USE, xpn.text(7).strip(), segment, field))
            | name
            | validity(context, xpn, segment, field, (10, 11, 12, 13))
        )
    return name


def validity(
    context: Context, value: Value, segment: Segment, field: int, at: tuple[int, int, int, int]
) -> Element:
    """When a name holds and in what order it is said; `at` has range, order, beginning and end of it."""
    validity_range, order, begins, ends = at
    if value.component_count < validity_range:
        return {}
    start = value.text(begins) or value.text(validity_range, 1)
    end = value.text(ends) or value.text(validity_range, 2)
    code = context.code(ASSEMBLY_ORDER, value.text(order).strip(), segment, field)
    return element(
        extension=extension(_HUMAN_NAME + "assembly-order", valueCode=code),
        period=times.span(context, start, end, segment, field),
    )


def name_parts(family: Value, given: tuple[str, ...], suffix: tuple[str, ...], prefix: str) -> Element | None:
    """A HumanName of its parts, None when all are empty."""
    name: Element = {}
    if surname := family.text(1).strip():
        name["family"] = surname
        if family.component_count > 1 and (parts := _surname_parts(family)):
            name["_family"] = {"extension": parts}
    if found := [text for part in given if (text := part.strip())]:
        name["given"] = found
    if prefix := prefix.strip():
        name["prefix"] = [prefix]
    if found := [text for part in suffix if (text := part.strip())]:
        name["suffix"] = found
    return name or None


def spelled(names: Sequence[Element]) -> str:
    """The first name as one text, to tell people apart who have no number; "" without a name."""
    name = names[0] if names else {}
    return (
        " ".join([name.get("family", ""), *name.get("given", ()), *name.get("suffix", ())]).strip().casefold()
    )


def name_text(xpn: Value) -> str:
    """An XPN as one string, for where FHIR has no HumanName."""
    parts = (xpn.text(5), xpn.text(2), xpn.text(3), xpn.part(1).text(1), xpn.text(4))
    return " ".join(text for part in parts if (text := part.strip()))


def _surname_parts(family: Value) -> list[Element]:
    kinds = ((2, "own-prefix"), (3, "own-name"), (4, "partner-prefix"), (5, "partner-name"))
    return [
        found
        for component, kind in kinds
        for found in extension(_HUMAN_NAME + kind, valueString=family.text(component).strip())
    ]
