"""IN1 -> Coverage.

Source: v2-to-FHIR IG 1.0.0, IN1[Coverage], PV1[Coverage]. The insured's number is R4's subscriberId rather
than the R5 extension that the guide names, so that a search by it finds the Coverage.

The relationship is IN1-17 as it stands, as in the guide and in other converters, though IN1-17 says what the
insured is to the patient and R4's element what the beneficiary is to the subscriber: "mother" of the one is
"child" of the other, and "self", "spouse" and "life partner", the most common ones, are the same both ways.
To turn it round would make two systems read one message differently; the RelatedPerson of the subscriber has
it the way R4 means it.
"""

from libs.hl7v2.message import Segment, State
from libs.mapping.inbound.context import Context, Reference, removed
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import code_system, codeable_concept, concept_of
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.identifiers import (
    TYPE_SYSTEM,
    cx_identifiers,
    national_identifier,
    national_nulls,
)
from libs.mapping.inbound.datatypes.names import human_names, spelled
from libs.mapping.inbound.datatypes.numbers import positive_integer
from libs.mapping.inbound.datatypes.organizations import organization
from libs.mapping.inbound.datatypes.practitioners import practitioners
from libs.mapping.inbound.element import (
    DATA_ABSENT,
    Element,
    absent,
    code_key,
    coding,
    concept,
    element,
    resource,
)
from libs.mapping.inbound.segments.nk1 import RELATIONSHIP
from libs.mapping.inbound.segments.pid import SEX

FIELDS = frozenset({*range(1, 14), 15, 16, 17, 18, 19, 22, 30, 35, 36, 43, 44, 49, 54, 55})
IN2_FIELDS = frozenset({1, 2, 6, 8, 10, 26, 34, 61, 63, 64, 72})
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
_SUBSCRIBER_NUMBER = "SN"  # table 0203
_DELETED = "D"  # IN1-55, table 0206


def coverage(in1: Segment, in2: Segment | None, context: Context, patient: Reference) -> Reference:
    """IN1[Coverage], with the numbers that IN2 adds."""
    context.use(in1, FIELDS)
    payor = payors(in1, context)
    numbers = _subscriber_numbers(in1, in2, context)
    policy = in1.text(36).strip()
    found = resource(
        "Coverage",
        identifier=_identifiers(in1, in2, context) + numbers,
        status="entered-in-error" if in1.text(55).strip() == _DELETED else "active",
        type=codeable_concept(context, in1, 15, table="0086"),
        policyHolder=_policy_holder(in1, in2, context),
        subscriber=_subscriber(in1, in2, context, patient),
        subscriberId=numbers[0]["value"] if numbers else policy,
        beneficiary=patient,
        relationship=_relationship(in1, in2, context),
        period=times.between(context, in1, 12, 13),
        payor=payor or [{"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}],
        **{"class": _classes(in1)},
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
    context.use(in1, frozenset({29}))
    found = resource(
        "Provenance",
        target=[target],
        occurredDateTime=times.date_time(context, in1, 29),
        _recorded=absent("unknown"),
        agent=[{"type": concept(PARTICIPANT, "verifier"), "who": person} for person in people],
    )
    context.put(found, None, target["reference"], "verification", in1.text(29), merge=False)


def financial_class(pv1: Segment, context: Context, patient: Reference) -> None:
    """PV1[Coverage]: a Coverage of each financial class (PV1-20) of a visit whose insurance is not stated."""
    context.use(pv1, frozenset({20}))
    for stated in pv1.repetitions(20):
        kind = concept_of(context, stated.part(1), pv1, 20, table="0064")
        if kind is not None:
            found = resource(
                "Coverage",
                status="active",
                type=kind,
                beneficiary=patient,
                period=element(start=times.date_time_of(context, stated.text(2), pv1, 20)),
                payor=[{"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}],
            )
            context.put(found, None, patient["reference"], "financial-class", *code_key(kind))


def _relationship(in1: Segment, in2: Segment | None, context: Context) -> Element | None:
    """IN1-17, else IN2-72 (table 0344)."""
    stated = codeable_concept(context, in1, 17, RELATIONSHIP)
    return stated or (codeable_concept(context, in2, 72, table="0344") if in2 is not None else None)


def _identifiers(in1: Segment, in2: Segment | None, context: Context) -> list[Element]:
    plan, policy = in1.first(2), in1.text(36).strip()
    found = [
        {
            "system": code_system(context, plan.text(system)) or context.local("plan", context.facility),
            "value": value,
        }
        for code, system in ((1, 3), (4, 6), (10, 12))  # CWE[Identifier]
        if (value := plan.text(code).strip())
    ]
    if policy:
        found.append({"system": context.local("facility", context.facility, "policy"), "value": policy})
    found += cx_identifiers(context, in1, 54, "plan")
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
    contact, numbers = human_names(context, in1, 6), cx_identifiers(context, in1, 3, "payor")
    more = element(
        address=addresses(context, in1, 5),
        telecom=telecoms(context, in1, 7, "work"),
        contact=[{"name": name} for name in contact],
        identifier=numbers,
    )
    if by_name := organization(context, in1, 4, **more):
        return [by_name]
    return [context.put(resource("Organization", **more), numbers[0])] if numbers else []


def _subscriber_numbers(in1: Segment, in2: Segment | None, context: Context) -> list[Element]:
    """The numbers of the insured: IN1-49, IN1-10 if it is one (SN), IN2-26."""
    group = cx_identifiers(context, in1, 10, "subscriber") if _is_subscriber_number(in1) else []
    payor = cx_identifiers(context, in2, 26, "subscriber") if in2 is not None else []
    return cx_identifiers(context, in1, 49) + group + payor


def _is_subscriber_number(in1: Segment) -> bool:
    return in1.text(10, 5).strip() == _SUBSCRIBER_NUMBER


def _policy_holder(in1: Segment, in2: Segment | None, context: Context) -> Reference | None:
    """Through whom the patient is insured: IN1-11 with its number (IN1-10), else IN2-69 or IN2-70."""
    numbers = [] if _is_subscriber_number(in1) else cx_identifiers(context, in1, 10, "employer")
    more = element(identifier=numbers, address=addresses(context, in1, 44))
    if in2 is not None:
        more |= element(telecom=telecoms(context, in2, 64, "work"))
    if found := organization(context, in1, 11, **more):
        return found
    if in2 is not None:
        for field in (69, 70):
            if found := organization(context, in2, field, **more):
                context.use(in2, frozenset({field}))
                return found
    if numbers:
        return context.put(resource("Organization", **more), numbers[0])
    return None


def _subscriber(in1: Segment, in2: Segment | None, context: Context, patient: Reference) -> Reference | None:
    stated = in1.text(17).strip().upper()
    if stated in _SELF or (not stated and in2 is not None and in2.text(72).strip() == _PATIENT_IS_INSURED):
        return patient
    names = human_names(context, in1, 16)
    if not names:
        return None
    relationship = codeable_concept(context, in1, 17, RELATIONSHIP)
    language = codeable_concept(context, in2, 34) if in2 is not None else None
    person = resource(
        "RelatedPerson",
        identifier=_insured_person(in2, context) if in2 is not None else [],
        patient=patient,
        relationship=[relationship] if relationship else [],
        name=names,
        gender=context.code(SEX, in1.text(43).strip(), in1, 43),
        birthDate=times.date(context, in1, 18),
        address=addresses(context, in1, 19),
        telecom=telecoms(context, in2, 63, "home") if in2 is not None else [],
        communication=[{"language": language}] if language else [],
    )
    gone = removed(in1, SUBSCRIBER_NULLS, person)
    if in2 is not None:
        gone += removed(in2, {63: ("telecom:home",)}, person)
        gone += national_nulls(context) if in2.state(2) is State.NULL else []
    return context.put(person, None, patient["reference"], spelled(names), in1.text(17).strip(), remove=gone)


def _insured_person(in2: Segment, context: Context) -> list[Element]:
    """IN2-1 (employee) and IN2-2 (social security): numbers of the insured, who is not the patient."""
    found = cx_identifiers(context, in2, 1, "employee")
    national = national_identifier(context, in2.text(2))
    return [*found, national] if national else found


def _classes(in1: Segment) -> list[Element]:
    group, plan = in1.text(8).strip(), (in1.text(35) or in1.text(2)).strip()
    found = []
    group_name = in1.text(9).strip()
    if group or group_name:
        kind = {"coding": [coding(COVERAGE_CLASS, "group")]}
        found.append(element(type=kind, value=group or group_name, name=group_name))
    if plan:
        kind = {"coding": [coding(COVERAGE_CLASS, "plan")]}
        found.append(element(type=kind, value=plan, name=in1.text(2, 2).strip()))
    return found
