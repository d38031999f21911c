"""PL, DLD, HD -> Location: one for each part that is valued, each part of the next wider one.

Source: v2-to-FHIR IG 1.0.0, PL[Location], HD[Location], DLD[Location-Discharge].
"""

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.element import Element, concept, resource

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


def location(context: Context, segment: Segment, field: int) -> Reference | None:
    """A reference to the narrowest place that the field's first PL names; None when it names none."""
    value = segment.first(field)
    return location_of(context, value) if value else None


def location_of(context: Context, pl: Value, operational_status: Element | None = None) -> Reference | None:
    """A reference to the narrowest place that a PL names, whose resources this adds; None for none."""
    seen = context.seen.get("PL" + pl.raw)
    if seen is not None:
        return seen
    system = context.local("location", *([] if pl.part(4) else [context.facility]))
    narrowest: Reference | None = None
    path: list[str] = []
    valued = [(name, kind) for number, *kind in _PARTS if (name := _name(pl.part(number)))]
    for number, (name, (code, meaning)) in enumerate(valued):
        path.append(name)
        last = number == len(valued) - 1
        identifier = {"system": system, "value": "/".join(path)}
        narrowest = context.create(
            resource(
                "Location",
                identifier=[identifier],
                name=name,
                description=pl.text(9).strip() if last else None,
                operationalStatus=operational_status if last else None,
                mode="instance",
                physicalType=concept(PHYSICAL_TYPE, code, meaning),
                partOf=narrowest,
            ),
            identifier,
        )
    if narrowest is None and (description := pl.text(9).strip()):
        identifier = {"system": system, "value": description}
        narrowest = context.create(
            resource("Location", identifier=[identifier], name=description, mode="instance"), identifier
        )
    if narrowest is not None:
        context.seen["PL" + pl.raw] = narrowest
    return narrowest


def named_location(context: Context, name: str, kind: str) -> Reference:
    """A reference to a place that is known by a name or code alone."""
    identifier = {"system": context.local("location", kind), "value": name}
    return context.create(
        resource("Location", identifier=[identifier], name=name, mode="instance"), identifier
    )


def _name(part: Value) -> str:
    return (part.text(1) or part.text(2)).strip()
