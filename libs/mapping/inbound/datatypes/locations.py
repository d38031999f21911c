"""PL, DLD, HD -> Location: one for each part that is valued, each part of the next wider one.

Source: v2-to-FHIR IG 1.0.0, PL[Location], HD[Location], DLD[Location-Discharge].
"""

from collections.abc import Sequence
from typing import Any

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes.identifiers import (
    ASSIGNING_FACILITY,
    assigner,
    authority_uri,
    ei_identifier,
)
from libs.mapping.inbound.element import Element, concept, element, resource

PL = frozenset({1, 2, 3, 4, 7, 8, 9, 10, 11})  # the components that are read
PHYSICAL_TYPE = "http://terminology.hl7.org/CodeSystem/location-physical-type"

# The parts of a PL from the widest to the narrowest: component, physical type, its meaning.
_PARTS = (
    (4, "si", "Site"),
    (7, "bu", "Building"),
    (1, "wa", "Ward"),
    (8, "lvl", "Level"),
    (2, "ro", "Room"),
    (3, "bd", "Bed"),
)
_PARTS_OF_NDL = (7, 10, 4, 11, 5, 6)


def location(context: Context, segment: Segment, field: int) -> Reference | None:
    """A reference to the narrowest place that the field's first PL names; None when it names none."""
    value = segment.first(field)
    if not value:
        return None
    context.reads(segment, field, PL)
    return location_of(context, value)


def location_of(context: Context, pl: Value, operational_status: Element | None = None) -> Reference | None:
    """A reference to the narrowest place that a PL names, whose resources this adds; None for none."""
    seen = context.seen.get("PL" + pl.raw)
    if seen is not None:
        return seen
    valued = [(name, kind) for number, *kind in _PARTS if (name := _name(pl.part(number)))]
    found = _chain(context, valued, pl, operational_status)
    if found is not None:
        context.seen["PL" + pl.raw] = found
    return found


def location_of_ndl(context: Context, ndl: Value) -> Reference | None:
    """A reference to the narrowest place that an NDL names, whose resources this adds; None for none."""
    if ndl.component_count < 4:
        return None
    valued = [
        (name, kind)
        for (_, *kind), number in zip(_PARTS, _PARTS_OF_NDL, strict=True)
        if (name := ndl.text(number).strip())
    ]
    return _chain(context, valued, None, None)


def _chain(
    context: Context,
    valued: Sequence[tuple[str, Sequence[str]]],
    pl: Value | None,
    operational_status: Element | None,
) -> Reference | None:
    described = pl.text(9).strip() if pl is not None else ""
    numbers = _comprehensive(context, pl) if pl is not None and pl.component_count > 9 else []
    site = bool(valued) and valued[0][1][0] == "si"
    system = context.local("location", *([] if site else [context.facility]))
    narrowest: Reference | None = None
    path: list[str] = []
    for number, (name, (code, meaning)) in enumerate(valued):
        path.append(name)
        last = number == len(valued) - 1
        identifier = {"system": system, "value": "/".join(path)}
        narrowest = context.create(
            resource(
                "Location",
                identifier=[identifier, *numbers] if last else [identifier],
                name=name,
                description=described if last else None,
                operationalStatus=operational_status if last else None,
                mode="instance",
                physicalType=concept(PHYSICAL_TYPE, code, meaning),
                partOf=narrowest,
            ),
            identifier,
        )
    if narrowest is None and described:
        identifier = {"system": system, "value": described}
        return context.create(
            resource("Location", identifier=[identifier], name=described, mode="instance"), identifier
        )
    return narrowest


def _comprehensive(context: Context, pl: Value) -> list[Element]:
    """PL.10: the number of the place as a whole, of the authority that it names or of PL.11."""
    found = ei_identifier(context, pl.part(10), purpose="location")
    if found is None:
        return []
    authority = pl.part(11)
    more = element(system=authority_uri(context, authority), assigner=assigner(authority))
    return [found | more]


def location_of_hd(context: Context, hd: Value) -> Reference | None:
    """A reference to the site that an HD names; None when it names none."""
    name, universal = hd.text(1).strip(), hd.text(2).strip()
    if not name and not universal:
        return None
    identifier = {"system": context.local("location"), "value": universal or name}
    found = resource(
        "Location",
        identifier=[identifier],
        name=name or universal,
        mode="instance",
        physicalType=concept(PHYSICAL_TYPE, "si", "Site"),
    )
    return context.create(found, identifier)


def assigned_at(context: Context, hd: Value) -> list[Element]:
    """XON.8, XCN.14: the place where a number was assigned first, another thing than who assigns it."""
    place = location_of_hd(context, hd)
    return [{"url": ASSIGNING_FACILITY, "valueReference": place}] if place else []


def location_at(context: Context, address: Element) -> Reference:
    """A reference to the place of an address, of which nothing else is known."""
    lines = [*address.get("line", []), *(str(address.get(part, "")) for part in _POSTAL)]
    return context.put(
        resource("Location", address=address, mode="instance"), None, "address", *map(str.casefold, lines)
    )


_POSTAL = ("city", "state", "postalCode", "country")


def location_of_xon(context: Context, xon: Value, **more: Any) -> Reference | None:
    """A reference to the place of an organization (XON), `more` is what is known of it; None when unnamed.

    Source: v2-to-FHIR IG 1.0.0, XON[Location].
    """
    name, number = xon.text(1).strip(), (xon.text(10) or xon.text(3)).strip()
    if not name and not number:
        return None
    authority = xon.text(6).strip() or context.facility
    identifier = {"system": context.local("location", authority), "value": number or name}
    address = more.pop("address", [])
    found = resource(
        "Location",
        identifier=[identifier],
        name=name or number,
        mode="instance",
        address=address[0] if address else None,
        **more,
    )
    return context.create(found, identifier)


def named_location(context: Context, name: str, kind: str, called: str = "") -> Reference:
    """A reference to a place that is known by a name or code alone, or by a code and what it is called."""
    identifier = {"system": context.local("location", kind), "value": name}
    return context.create(
        resource("Location", identifier=[identifier], name=called or name, mode="instance"), identifier
    )


def _name(part: Value) -> str:
    return (part.text(1) or part.text(2)).strip()
