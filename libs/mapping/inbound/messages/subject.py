"""The patient of a message and the visit: what most messages begin with."""

from collections.abc import Mapping, Sequence

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.element import Element, distinct, resource
from libs.mapping.inbound.segments import (
    al1,
    arv,
    aut,
    care_team,
    db1,
    dg1,
    gt1,
    iam,
    in1,
    mrg,
    nk1,
    pd1,
    pid,
    pv1,
    pv2,
    role,
)
from libs.mapping.inbound.segments.nte import notes
from libs.mapping.inbound.structure import Patient


def subject(group: Patient, context: Context) -> Subject:
    """Write the patient and the visit of the group, with next of kin and diagnoses."""
    identification = group.first("PID")
    if identification is None:
        context.warn(context.message.header, None, "no PID segment: whom the message is about is not known")
        patient = context.put(resource("Patient"), None, "message", context.facility, context.control_id)
        context.nobody = patient
        return Subject(patient, _visits(group, context, patient, None, {}))
    parts = parts_of(group.segments, context)
    own = parts.get(identification.position, [])
    patient = person(group, context, [one for one in own if one.code in role.GENERAL_PRACTITIONER])
    _team(group, identification, [one for one in own if one.code != "PP"], context, patient)
    account = pid.account(identification, context, patient)
    pid.mother(identification, context, patient)
    if identification.raw(33) or identification.raw(34):
        pid.last_update(identification, context, patient)
    for kin in group.all("NK1"):
        nk1.related_person(kin, context, patient)
    if (demographics := group.first("PD1")) is not None:
        pd1.living_will(demographics, context, patient)
    _describe(group, identification, context, patient)
    return Subject(patient, _visits(group, context, patient, account, parts))


def _team(
    group: Patient, identification: Segment, parts: Sequence[role.Part], context: Context, patient: Reference
) -> None:
    """Write who else takes part in the care of the patient: the team, relatives, devices."""
    care_team.care_team(parts, context, patient)
    for one in parts:
        for equipment in one.devices:
            context.describe(equipment, patient=patient)
    for segment in group.following(identification, *_BESIDE_THE_PATIENT):
        if segment.name in role.FIELDS and role.is_kin(segment):
            role.related_person(segment, context, patient)


def _describe(group: Patient, identification: Segment, context: Context, patient: Reference) -> None:
    """Add what stands between the PID and what is not about the person: notes and restrictions."""
    following = group.following(identification, *_BESIDE_THE_PATIENT)
    comments = notes([one for one in following if one.name == "NTE"], context)
    context.describe(patient, extension=[{"url": NOTE, "valueAnnotation": one} for one in comments])
    arv.restrict(following, context, patient)


def parts_of(segments: Sequence[Segment], context: Context) -> dict[int, list[role.Part]]:
    """Who takes part (ROL, PRT), by the position of the PID, PV1 or PR1 that the segment follows.

    The guide has nothing for those of insurance and authorizations: they stand in the report.
    """
    found: dict[int, list[role.Part]] = {}
    anchor = None
    for segment in segments:
        if segment.name in _ANCHORS:
            anchor = segment.position
        elif segment.name in _OTHER_ANCHORS:
            anchor = None
        elif segment.name in role.FIELDS and anchor is not None and not role.is_kin(segment):
            part = role.part(segment, context)
            found.setdefault(anchor, []).extend([part] if part else [])
    return found


NOTE = "http://hl7.org/fhir/StructureDefinition/note"
_BESIDE_THE_PATIENT = ("PD1", "PRT", "ROL", "ARV", "NTE")
_ANCHORS = frozenset({"PID", "PV1", "PR1"})
_OTHER_ANCHORS = frozenset({"IN1", "IN3", "AUT", "RF1", "GT1", "AL1", "IAM"})


def allergies_and_coverage(group: Patient, context: Context, about: Subject) -> None:
    """Write what else the group states about the patient: allergies, guarantors, insurance."""
    for one in group.all("AL1"):
        al1.allergy(one, context, about.patient)
    for one in group.all("IAM"):
        iam.allergy(one, context, about.patient, group.following(one, "NTE", "IAR"))
    _guarantors(group, context, about)
    more = {one.position: one for one in group.all("IN2")}
    for one in group.all("IN1"):
        in1.coverage(one, more.get(one.position + 1), context, about.patient)
    visit = group.first("PV1")
    if visit is not None and visit.raw(20) and group.first("IN1") is None:
        in1.financial_class(visit, context, about.patient)
    payor: Segment | None = None
    for one in group.segments:
        if one.name == "IN1":
            payor = one
        elif one.name == "IN3":
            aut.certification(one, payor, context, about.patient)
        elif one.name == "AUT":
            aut.authorization(one, context, about.patient)


def _guarantors(group: Patient, context: Context, about: Subject) -> None:
    """Write those who answer for the bill, as guarantors of the account of the PID if it names one."""
    stated = group.all("GT1")
    found = [one for gt in stated for one in gt1.guarantors(gt, context, about.patient)]
    identification = group.first("PID")
    if (
        found
        and identification is not None
        and (account := pid.account(identification, context, about.patient))
    ):
        context.describe(account, guarantor=found)


def person(
    group: Patient,
    context: Context,
    parts: Sequence[role.Part] = (),
    *,
    known_as: Element | None = None,
    more_identifiers: Sequence[Element] = (),
) -> Reference:
    """Write the Patient of PID, PD1, NK1, DB1 and the roles that follow the PID.

    `known_as` is the identifier that finds the patient when it is another than those of the PID, and
    `more_identifiers` those that are not to be used any more.
    """
    identification = next(one for one in group.segments if one.name == "PID")
    demographics, kin = group.first("PD1"), group.all("NK1")
    found = pid.patient(identification, context)
    if demographics is not None:
        primary = pd1.primary_care(demographics, context)
        extensions = [*found.get("extension", []), *primary.pop("extension", [])]
        found |= primary | ({"extension": extensions} if extensions else {})
    for one in group.all("DB1"):
        if number := db1.identifier(one, context):
            found.setdefault("identifier", []).append(number)
    for one in group.all("IN2"):
        if numbers := in1.insured_numbers(one, context):
            found["identifier"] = [*found.get("identifier", []), *numbers]
    if practitioners := [one.who for one in parts if one.who]:
        found["generalPractitioner"] = distinct([*found.get("generalPractitioner", []), *practitioners])
    contacts = [contact for one in kin if (contact := nk1.contact(one, context))]
    if contacts:
        found["contact"] = contacts
    identifier = stated = pid.identity(found, context)
    if known_as:
        identifier = known_as
    if more_identifiers:
        found["identifier"] = mrg.with_old(found.get("identifier", []), more_identifiers)
    if context.event == "A29":  # delete person information
        found["active"] = False
    if identifier is None:
        context.warn(identification, 3, "no patient identifier: the patient cannot be found again")
    return context.put(
        found,
        identifier,
        "message",
        context.facility,
        context.control_id,
        str(identification.position),
        remove=[
            *pid.nulls(identification, found, context),
            *(gone for one in group.all("IN2") for gone in in1.insured_nulls(one, context)),
        ],
        otherwise=stated if known_as else None,
    )


def _visits(
    group: Patient,
    context: Context,
    patient: Reference,
    account: Reference | None,
    parts: Mapping[int, Sequence[role.Part]],
) -> Reference | None:
    """Write an Encounter for each PV1, with the PV2 and DG1 that follow it; returns the first.

    The diagnoses of a group without a visit are conditions of the patient.
    """
    visits: list[list[Segment]] = []
    for segment in group.segments:
        if segment.name == "PV1":
            visits.append([segment])
        elif segment.name in {"PV2", "DG1"} and visits:
            visits[-1].append(segment)
        elif segment.name == "DG1":
            dg1.condition(segment, context, patient, None)
    written = [
        _visit(segments, group, context, patient, account=account, parts=parts.get(segments[0].position, ()))
        for segments in visits
    ]
    return written[0] if written else None


def _visit(
    segments: Sequence[Segment],
    group: Patient,
    context: Context,
    patient: Reference,
    *,
    account: Reference | None,
    parts: Sequence[role.Part],
) -> Reference:
    stated, rest = segments[0], segments[1:]
    identifier, key = pv1.identity(stated, group.first("PID"), context, patient["reference"])
    own_url = _own_url(identifier, key, context)
    more = next((one for one in rest if one.name == "PV2"), None)
    found = pv1.encounter(stated, more, context, patient, account=account, key=key)
    if more is not None:
        found = pv2.added(found, more, context)
    if participants := [one.participant() for one in parts if one.who]:
        found["participant"] = distinct([*found.get("participant", []), *participants])
    diagnoses = [
        dg1.diagnosis(one, context, condition)
        for one in rest
        if one.name == "DG1" and (condition := dg1.condition(one, context, patient, {"reference": own_url}))
    ]
    if diagnoses:
        found["diagnosis"] = diagnoses
        for episode in found.get("episodeOfCare", ()):
            context.describe(episode, diagnosis=[dg1.of_episode(one) for one in diagnoses])
    gone = pv1.nulls(stated, found, context) + (pv2.nulls(more, found) if more is not None else [])
    visit = context.put(found, identifier, *key, remove=gone, keep=pv1.kept(context))
    labels = [arv.RESTRICTED] if more is not None and pv2.is_protected(more, context) else []
    arv.restrict(group.following(stated, "PV2", "PRT", "ROL", "ARV"), context, visit, labels)
    return visit


def _own_url(identifier: Element | None, key: tuple[str, ...], context: Context) -> str:
    if identifier is not None:
        return context.full_url("Encounter", identifier["system"], identifier["value"])
    return context.full_url("Encounter", *key)
