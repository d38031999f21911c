"""IN1 -> Coverage.

Source: v2-to-FHIR IG 1.0.0, IN1[Coverage]. The insured's number is R4's subscriberId rather than the R5
extension that the guide names, so that a search by it finds the Coverage.
"""

from libs.hl7v2.message import Segment, State
from libs.mapping.inbound.context import Context, Reference, removed
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import code_system, codeable_concept
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.identifiers import TYPE_SYSTEM, cx_identifiers
from libs.mapping.inbound.datatypes.names import human_names, spelled
from libs.mapping.inbound.datatypes.numbers import positive_integer
from libs.mapping.inbound.datatypes.organizations import organization, organization_of
from libs.mapping.inbound.datatypes.practitioners import practitioners
from libs.mapping.inbound.element import DATA_ABSENT, Element, absent, coding, concept, element, resource
from libs.mapping.inbound.segments.nk1 import RELATIONSHIP
from libs.mapping.inbound.segments.pid import SEX

FIELDS = frozenset({1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 18, 19, 22, 29, 30, 35, 36, 43, 49})
IN2_FIELDS = frozenset({6, 8, 10, 61, 63, 72})
NULLS = {
    8: ("class:group",),
    11: ("policyHolder",),
    12: ("period:start",),
    13: ("period:end",),
    15: ("type",),
    16: ("subscriber",),
    17: ("relationship",),
    22: ("order",),
    35: ("class:plan",),
}
SUBSCRIBER_NULLS = {18: ("birthDate",), 19: ("address:main",), 43: ("gender",)}
PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
US_MEDICARE = "http://hl7.org/fhir/sid/us-medicare"
COVERAGE_CLASS = "http://terminology.hl7.org/CodeSystem/coverage-class"
_PATIENT_IS_INSURED = "01"  # IN2-72, table 0344
_SELF = frozenset({"SEL", "18", "SELF", "S"})


def coverage(in1: Segment, in2: Segment | None, context: Context, patient: Reference) -> Reference:
    """IN1[Coverage], with the numbers that IN2 adds."""
    context.use(in1, FIELDS)
    payor = payors(in1, context)
    numbers = cx_identifiers(context, in1, 49)
    policy = in1.text(36).strip()
    found = resource(
        "Coverage",
        identifier=_identifiers(in1, in2, context) + numbers,
        status="active",
        type=codeable_concept(context, in1, 15, table="0086"),
        policyHolder=_employer(in1, context),
        subscriber=_subscriber(in1, in2, context, patient),
        subscriberId=numbers[0]["value"] if numbers else policy,
        beneficiary=patient,
        relationship=_relationship(in1, in2, context),
        period=times.between(context, in1, 12, 13),
        payor=payor or [{"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}],
        class_=_classes(in1),
        order=positive_integer(in1.text(22)),
    )
    written = context.put(
        found,
        None,
        patient["reference"],
        in1.text(2),
        in1.text(3),
        in1.text(4),
        policy or in1.text(49),
        remove=_nulls(in1, in2, found, context),
    )
    if in1.raw(30):
        _verification(in1, context, written)
    return written


def _nulls(in1: Segment, in2: Segment | None, found: Element, context: Context) -> list[str]:
    """What of the Coverage the segments delete."""
    gone = removed(in1, NULLS, found)
    if in2 is None:
        return gone
    return gone + removed(in2, {72: ("relationship",)}, found) + insured_nulls(in2, context)


def _verification(in1: Segment, context: Context, target: Reference) -> None:
    """IN1-29 and IN1-30: when and by whom the coverage was verified."""
    people = practitioners(context, in1, 30)
    if not people:
        return
    found = resource(
        "Provenance",
        target=[target],
        occurredDateTime=times.date_time(context, in1, 29),
        _recorded=absent("unknown"),
        agent=[{"type": concept(PARTICIPANT, "verifier"), "who": person} for person in people],
    )
    context.put(found, None, target["reference"], "verification", in1.text(29), merge=False)


def _relationship(in1: Segment, in2: Segment | None, context: Context) -> Element | None:
    """IN1-17, else IN2-72 (table 0344)."""
    stated = codeable_concept(context, in1, 17, RELATIONSHIP)
    return stated or (codeable_concept(context, in2, 72, table="0344") if in2 is not None else None)


def _identifiers(in1: Segment, in2: Segment | None, context: Context) -> list[Element]:
    plan = in1.first(2)
    value, policy = plan.text(1).strip(), in1.text(36).strip()
    found = []
    if value:
        system = code_system(context, plan.text(3)) or context.local("plan", context.facility)
        found.append({"system": system, "value": value})
    if policy:
        found.append({"system": context.local("facility", context.facility, "policy"), "value": policy})
    return found + (insured_numbers(in2, context) if in2 is not None else [])


def insured_numbers(in2: Segment, context: Context) -> list[Element]:
    """IN2-6 (Medicare), IN2-8 (Medicaid), IN2-10 (military) and IN2-61 (member number).

    They are issued to persons, not to policies, so that they identify the patient too.
    """
    context.use(in2, IN2_FIELDS)
    found: list[Element] = [
        {"type": concept(TYPE_SYSTEM, kind), "system": system, "value": number}
        for field, kind, system in _insured_systems(context)
        if (number := in2.text(field).strip())
    ]
    return found + cx_identifiers(context, in2, 61, "member")


def insured_nulls(in2: Segment, context: Context) -> list[str]:
    """The numbers that IN2 deletes. That of IN2-61 stays: without it nobody knows whose number it was."""
    return [
        f"identifier:{system}"
        for field, _, system in _insured_systems(context)
        if in2.state(field) is State.NULL
    ]


def _insured_systems(context: Context) -> tuple[tuple[int, str, str], ...]:
    return (
        (6, "MC", US_MEDICARE),
        (8, "MA", context.local("medicaid")),
        (10, "MI", context.local("military")),
    )


def payors(in1: Segment, context: Context) -> list[Reference]:
    """Who pays: the company of IN1-4, else of IN1-3."""
    more = element(address=addresses(context, in1, 5), telecom=telecoms(context, in1, 7, "work"))
    if by_name := organization(context, in1, 4, **more):
        return [by_name]
    company = in1.first(3)  # a CX: its number says which company
    return [found] if (found := organization_of(context, company, in1, 3, **more)) else []


def _employer(in1: Segment, context: Context) -> Reference | None:
    return organization(context, in1, 11)


def _subscriber(in1: Segment, in2: Segment | None, context: Context, patient: Reference) -> Reference | None:
    stated = in1.text(17).strip().upper()
    if stated in _SELF or (not stated and in2 is not None and in2.text(72).strip() == _PATIENT_IS_INSURED):
        return patient
    names = human_names(context, in1, 16)
    if not names:
        return None
    relationship = codeable_concept(context, in1, 17, RELATIONSHIP)
    person = resource(
        "RelatedPerson",
        patient=patient,
        relationship=[relationship] if relationship else [],
        name=names,
        gender=context.code(SEX, in1.text(43).strip(), in1, 43),
        birthDate=times.date(context, in1, 18),
        address=addresses(context, in1, 19),
        telecom=telecoms(context, in2, 63, "home") if in2 is not None else [],
    )
    gone = removed(in1, SUBSCRIBER_NULLS, person)
    if in2 is not None:
        gone += removed(in2, {63: ("telecom:home",)}, person)
    return context.put(person, None, patient["reference"], spelled(names), in1.text(17).strip(), remove=gone)


def _classes(in1: Segment) -> list[Element]:
    group, plan = in1.text(8).strip(), (in1.text(35) or in1.text(2)).strip()
    found = []
    if group:
        kind = {"coding": [coding(COVERAGE_CLASS, "group")]}
        found.append(element(type=kind, value=group, name=in1.text(9).strip()))
    if plan:
        kind = {"coding": [coding(COVERAGE_CLASS, "plan")]}
        found.append(element(type=kind, value=plan, name=in1.text(2, 2).strip()))
    return found
