"""ORC -> what any resource of its order has from it: the event, its confidentiality, who took part.

Source: v2-to-FHIR IG 1.0.0, ORC[Provenance], and the rows of ORC-1, ORC-4 and ORC-28 that
ORC[ServiceRequest], ORC[DiagnosticReport], ORC[Immunization] and ORC[MedicationAdministration] share.
"""

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import code_text, codeable_concepts
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.identifiers import ei_identifier
from libs.mapping.inbound.datatypes.locations import location_of_xon
from libs.mapping.inbound.datatypes.organizations import (
    device_of_cwe,
    organization,
    organization_of,
    organization_of_cwe,
)
from libs.mapping.inbound.datatypes.practitioners import practitioner_of, practitioners
from libs.mapping.inbound.element import Element, absent, concept, element, resource
from libs.mapping.inbound.structure import Order
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({10, 11, 12, 17, 18, 19, 21})
_FACILITY = frozenset({22, 23})  # of ORC-21
CONFIDENTIALITY = concept_map("0177", "ConfidentialityCode")
ORDER_CONTROL = "http://terminology.hl7.org/CodeSystem/v2-0119"
BUSINESS_EVENT = "http://hl7.org/fhir/StructureDefinition/businessEvent"
PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
DATA_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"

_AGENTS = ((10, "enterer"), (11, "verifier"), (12, "author"), (19, "performer"))
_OPERATIONS = {"NW": "CREATE", "SC": "UPDATE", "OC": "CANCEL", "CA": "CANCEL"}
_VERIFIER = {"RXO": 15, "RXE": 14}
_STATED_HERE = frozenset({10, 11, 17, 18, 19})  # the others are in the resource of the order already


def security(orc: Segment, context: Context) -> Element:
    """ORC-28 as the meta of a resource."""
    stated = codeable_concepts(context, orc, 28, CONFIDENTIALITY) if orc.raw(28) else []
    labels = [one for concept_ in stated for one in concept_.get("coding", ())[:1]]
    return {"security": labels} if labels else {}


def business_event(orc: Segment, context: Context) -> list[Element]:
    """ORC-1 and ORC-9 as the businessEvent extension: what was done with the order, and when."""
    control, when = code_text(orc, 1), times.date_time(context, orc, 9)
    if not control:
        return []
    parts: list[Element] = [{"url": "value", "valueCodeableConcept": concept(ORDER_CONTROL, control)}]
    if when:
        parts.append({"url": "date", "valueDateTime": when})
    return [{"url": BUSINESS_EVENT, "extension": parts}]


def group_numbers(orc: Segment | None, context: Context) -> tuple[Element | None, Element | None]:
    """The placer's number of the group of orders (ORC-4) and the filler's (ORC-38, else ORC-4.2).

    ORC-4 is an EI, in version 2.8.2 an EIP of two.
    """
    if orc is None:
        return None, None
    stated, filler = orc.first(4), ei_identifier(context, orc.first(38), "FGN", "filler-group")
    if not _is_pair(stated):
        return ei_identifier(context, stated, "PGN", "placer-group"), filler
    return (
        ei_identifier(context, stated.part(1), "PGN", "placer-group"),
        filler or ei_identifier(context, stated.part(2), "FGN", "filler-group"),
    )


def event(order: Order, context: Context, target: Reference, *, ordered_by: bool = True) -> None:
    """ORC[Provenance]: who entered, verified and did what the ORC states, when it names somebody.

    Also those who ordered, where more are named than a requester has room for (ORC-12 and ORC-21 again,
    OBR-16), and all of them where the target says nothing of it (`ordered_by` is false).
    """
    orc = order.orc
    if orc is None:
        return
    others = _more_authors(orc, order.detail, context)
    if not ordered_by and (facility := organization(context, orc, 21)):
        others.append(facility)
    verifiers = _pharmacists(order.detail, context)
    wanted = _STATED_HERE if ordered_by else _STATED_HERE | {12, 21}
    several = len(orc.repetitions(12)) > 1
    if not (others or verifiers or several or any(orc.raw(field) for field in wanted)):
        return
    agents = _agents(orc, context, others)
    agents += [{"type": concept(PARTICIPANT, "verifier"), "who": one} for one in verifiers]
    if not agents:
        return
    context.use(orc, FIELDS)
    control = code_text(orc, 1)
    recorded = times.instant(context, orc, 9)
    place = _place(orc, context)
    found = resource(
        "Provenance",
        meta=security(orc, context),
        target=[target],
        occurredDateTime=times.date_time(context, orc, 9),
        recorded=recorded,
        location=place,
        activity=concept(DATA_OPERATION, _OPERATIONS[control]) if control in _OPERATIONS else None,
        agent=agents,
    )
    if recorded is None:
        found["_recorded"] = absent("unknown")
    context.put(found, None, target["reference"], control, orc.text(9), context.control_id, merge=False)


def _agents(orc: Segment, context: Context, others: list[Reference]) -> list[Element]:
    entered_for = organization_of_cwe(context, orc.first(17)) if orc.raw(17) else None
    agents = [
        element(
            type=concept(PARTICIPANT, kind), who=person, onBehalfOf=entered_for if kind == "enterer" else None
        )
        for field, kind in _AGENTS
        for person in practitioners(context, orc, field)
    ]
    if entered_for and not orc.raw(10):
        agents.append({"type": concept(PARTICIPANT, "enterer"), "who": entered_for})
    agents += [{"type": concept(PARTICIPANT, "author"), "who": one} for one in others]
    if orc.raw(18) and (device := device_of_cwe(context, orc.first(18))):
        agents.append({"type": concept(PARTICIPANT, "enterer"), "who": device})
    return agents


def _pharmacists(detail: Segment | None, context: Context) -> list[Reference]:
    """RXO-15, RXE-14: who verified the prescription at the pharmacy."""
    field = _VERIFIER.get(detail.name) if detail is not None else None
    if detail is None or field is None or not detail.raw(field):
        return []
    context.use(detail, frozenset({field}))
    return practitioners(context, detail, field)


def _place(orc: Segment, context: Context) -> Reference | None:
    """ORC-21 to ORC-23 as the place where it was done."""
    if not orc.raw(21):
        return None
    context.use(orc, _FACILITY)
    return location_of_xon(
        context, orc.first(21), address=addresses(context, orc, 22)[:1], telecom=telecoms(context, orc, 23)
    )


def _more_authors(orc: Segment, detail: Segment | None, context: Context) -> list[Reference]:
    """The facilities of ORC-21 after the first, and the people of OBR-16 if they are not those of ORC-12."""
    more = [organization_of(context, xon, orc, 21) for xon in orc.repetitions(21)[1:]]
    if detail is not None and detail.name == "OBR" and orc.raw(12) and detail.raw(16):
        known = {_who(xcn) for xcn in orc.repetitions(12)}
        more += [
            practitioner_of(context, xcn, detail, 16)
            for xcn in detail.repetitions(16)
            if _who(xcn) not in known
        ]
    return [one for one in more if one]


def _who(xcn: Value) -> tuple[str, str]:
    return xcn.text(1).strip(), xcn.text(2).strip().casefold()


def _is_pair(stated: Value) -> bool:
    return stated.part(1).component_count > 1 or stated.part(2).component_count > 1
