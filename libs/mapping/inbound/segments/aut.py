"""AUT and IN3 -> ClaimResponse: what a payor authorized; IN3-21 -> CareTeam.

Source: v2-to-FHIR IG 1.0.0, IN3[CareTeam]; for the rest the guide has no maps. HL7 v2.5.1 chapter 11, 11.6.2
(AUT) and chapter 6, 6.5.8 (IN3).
"""

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.identifiers import cx_identifier, facility_uri
from libs.mapping.inbound.datatypes.organizations import named_organization, organization_of_cwe
from libs.mapping.inbound.element import DATA_ABSENT, Element, absent, concept, element, resource
from libs.mapping.inbound.segments import in1

AUT_FIELDS = frozenset({2, 3, 4, 5, 6, 10})
IN3_FIELDS = frozenset({1, 2, 6, 9, 10, 18, 21})
_CASE_MANAGER = concept("http://snomed.info/sct", "768832004", "Case manager") | {"text": "case manager"}
_UNKNOWN = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}


def authorization(aut: Segment, context: Context, patient: Reference) -> Reference | None:
    """AUT as the payor's answer to a request for preauthorization, None when it names neither."""
    context.use(aut, AUT_FIELDS)
    number, name = aut.text(6).strip(), aut.text(3).strip()
    company = aut.first(2)
    if not number and not name and not company:
        return None
    insurer = named_organization(context, name, company) if name else organization_of_cwe(context, company)
    identifier = element(system=facility_uri(context, "authorization"), value=number) if number else None
    return _answer(
        context,
        patient,
        identifier,
        insurer=insurer,
        created=times.date_time(context, aut, 10),
        period=times.between(context, aut, 4, 5),
        key=("authorization", number or name, aut.text(4)),
    )


def certification(in3: Segment, payor: Segment | None, context: Context, patient: Reference) -> None:
    """IN3: the certification of a stay by the payor of the IN1 before it, and who manages the case."""
    context.use(in3, IN3_FIELDS)
    identifier = cx_identifier(context, in3.first(2), in3, 2, "certification")
    period = times.between(context, in3, 9, 10)
    if identifier or period:
        agency = in3.first(18)
        paying = in1.payors(payor, context) if payor is not None else []
        _answer(
            context,
            patient,
            identifier,
            insurer=organization_of_cwe(context, agency) if agency else paying[0] if paying else None,
            created=times.date_time(context, in3, 6),
            period=period,
            key=("certification", identifier["value"] if identifier else "", in3.text(9)),
        )
    if manager := in3.text(21).strip():
        participant = {"role": [_CASE_MANAGER], "member": {"type": "Practitioner", "display": manager}}
        team = resource("CareTeam", status="active", subject=patient, participant=[participant])
        context.put(team, None, patient["reference"], "case-management")


def _answer(
    context: Context,
    patient: Reference,
    identifier: Element | None,
    *,
    insurer: Reference | None,
    created: str | None,
    period: Element,
    key: tuple[str, ...],
) -> Reference:
    found = resource(
        "ClaimResponse",
        identifier=[identifier] if identifier else [],
        status="active",
        type=_UNKNOWN,
        use="preauthorization",
        patient=patient,
        created=created,
        insurer=insurer or _UNKNOWN,
        outcome="complete",
        preAuthRef=identifier["value"] if identifier else None,
        preAuthPeriod=period,
    )
    if created is None:
        found["_created"] = absent("unknown")
    return context.put(found, None, patient["reference"], *key)
