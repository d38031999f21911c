"""XAD, SAD -> Address; XTN -> ContactPoint.

Source: v2-to-FHIR IG 1.0.0, XAD[Address], SAD[Address], XTN[ContactPoint].
"""

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.element import Element, element, extension
from libs.terminology.concept_map import concept_map

ADDRESS_TYPE = concept_map("0190", "AddressType[Type]")
ADDRESS_USE = concept_map("0190", "AddressType[Use]")
TELECOM_USE = concept_map("0201", "TelecommunicationUseCode")
TELECOM_SYSTEM = concept_map("0202", "TelecommunicationEquipmentType")

CENSUS_TRACT = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-censusTract"
# The components that are read.
XAD = frozenset({*range(1, 8), 9, 10, 12, 13, 14, 19})
XTN = frozenset({*range(1, 10), 12, 13, 14, 18})

ADDRESS_KIND = "http://hl7.org/fhir/StructureDefinition/iso21090-AD-use"
CONTACT_POINT = "http://hl7.org/fhir/StructureDefinition/contactpoint-"
PREFERRED = "http://hl7.org/fhir/StructureDefinition/iso21090-preferred"
_VACATION = "HV"  # a use that FHIR has no code for
_ELECTRONIC = frozenset({"INTERNET", "X.400"})


def addresses(context: Context, segment: Segment, field: int) -> list[Element]:
    """Every XAD of the field as Addresses."""
    return [one for xad in segment.repetitions(field) if (one := address(context, xad, segment, field))]


def address(context: Context, xad: Value, segment: Segment, field: int) -> Element | None:
    """An XAD as an Address, None when it says nothing of a place."""
    street = xad.part(1)
    lines = (street.text(1), street.text(2), street.text(3), xad.text(2), xad.text(19))
    kind = xad.text(7).strip()
    found = element(
        line=[text for line in lines if (text := line.strip())],
        city=xad.text(3).strip(),
        district=(xad.text(9, 2) or xad.text(9)).strip(),
        state=xad.text(4).strip(),
        postalCode=xad.text(5).strip(),
        country=xad.text(6).strip(),
    )
    if not found:
        return None
    context.reads(segment, field, XAD)
    if kind:
        found |= element(
            use=context.code(ADDRESS_USE, kind, segment, field),
            type=context.code(ADDRESS_TYPE, kind, segment, field),
            extension=extension(ADDRESS_KIND, valueCode=kind) if kind == _VACATION else [],
        )
    if xad.component_count > 9:
        tract = extension(CENSUS_TRACT, valueString=xad.text(10).strip())
        found |= element(
            extension=[*found.get("extension", []), *tract],
            period=_period(context, xad, segment, field),
        )
    return found


def telecoms(context: Context, segment: Segment, field: int, use: str | None = None) -> list[Element]:
    """Every XTN of the field as ContactPoints; `use` is what the field is for, where XTN.2 is silent."""
    return [
        one for xtn in segment.repetitions(field) if (one := contact_point(context, xtn, segment, field, use))
    ]


def contact_point(
    context: Context, xtn: Value, segment: Segment, field: int, use: str | None = None
) -> Element | None:
    """An XTN as a ContactPoint, None when it says nothing of a number or an address."""
    if xtn.component_count == 1:
        number = xtn.text(1).strip()
        return (
            element(system="email" if "@" in number else "phone", value=number, use=use) if number else None
        )
    context.reads(segment, field, XTN)
    equipment, stated_use = xtn.text(3).strip(), xtn.text(2).strip()
    electronic = equipment.upper() in _ELECTRONIC or (not equipment and bool(xtn.text(4).strip()))
    value = (xtn.text(4) or xtn.text(1)).strip() if electronic else _number(xtn)
    if not value:
        return _details(context, xtn, segment, field) or None
    target = context.target(TELECOM_SYSTEM, equipment, segment, field)
    mobile = target is not None and target.code == "mobile"
    if electronic or (not target and "@" in value):
        system = "email"
    else:
        system = "phone" if target is None or mobile else target.code or "phone"
    known_use = context.code(TELECOM_USE, stated_use, segment, field)
    point = element(
        system=system, value=value, use="mobile" if mobile else known_use or (None if stated_use else use)
    )
    if xtn.component_count > 4:
        point |= _details(context, xtn, segment, field)
    return point


def preferring(points: list[Element], method: str) -> list[Element]:
    """The ContactPoints, those of the preferred method of contact (table 0185) marked as such."""
    wanted = _METHODS.get(method)
    if wanted is None:
        return points
    return [
        point | {"extension": [*point.get("extension", []), {"url": PREFERRED, "valueBoolean": True}]}
        if wanted.items() <= point.items()
        else point
        for point in points
    ]


_METHODS: dict[str, Element] = {
    "B": {"system": "pager"},
    "C": {"use": "mobile"},
    "E": {"system": "email"},
    "F": {"system": "fax"},
    "H": {"use": "home"},
    "O": {"use": "work"},
}


def _number(xtn: Value) -> str:
    """The telephone number: unformatted, else put together from its parts, else as written."""
    if unformatted := xtn.text(12).strip():
        return unformatted
    local = xtn.text(7).strip()
    if not local:
        return (xtn.text(1) or xtn.text(4)).strip()
    country, area, line = xtn.text(5).strip(), xtn.text(6).strip(), xtn.text(8).strip()
    parts = [f"+{country.lstrip('+')}" if country else "", area, local, f"X{line}" if line else ""]
    return " ".join(part for part in parts if part)


def _details(context: Context, xtn: Value, segment: Segment, field: int) -> Element:
    kinds = ((5, "country"), (6, "area"), (7, "local"), (8, "extension"), (9, "comment"))
    rank = xtn.text(18).strip()
    return element(
        extension=[
            {"url": CONTACT_POINT + kind, "valueString": text}
            for component, kind in kinds
            if (text := xtn.text(component).strip())
        ],
        period=times.span(context, xtn.text(13), xtn.text(14), segment, field),
        rank=int(rank) if rank.isdecimal() and rank.isascii() and int(rank) > 0 else None,
    )


def _period(context: Context, xad: Value, segment: Segment, field: int) -> Element:
    begins, ends = xad.text(13) or xad.text(12, 1), xad.text(14) or xad.text(12, 2)
    return times.span(context, begins, ends, segment, field)
