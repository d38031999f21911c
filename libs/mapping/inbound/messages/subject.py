"""The patient of a message and the visit: what most messages begin with."""

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.element import Element, resource
from libs.mapping.inbound.segments import al1, dg1, gt1, in1, nk1, pd1, pid, pv1
from libs.mapping.inbound.structure import Patient


def subject(group: Patient, context: Context) -> Subject:
    """Write the patient and the visit of the group, with next of kin and diagnoses."""
    identification = group.first("PID")
    if identification is None:
        context.warn(context.message.header, None, "no PID segment: whom the message is about is not known")
        patient = context.put(resource("Patient"), None, "message", context.facility, context.control_id)
        return Subject(patient, visit(group, context, patient, None))
    patient = person(identification, group.first("PD1"), group.all("NK1"), context)
    account = pid.account(identification, context, patient)
    pid.mother(identification, context, patient)
    for kin in group.all("NK1"):
        nk1.related_person(kin, context, patient)
    if (demographics := group.first("PD1")) is not None:
        pd1.living_will(demographics, context, patient)
    return Subject(patient, visit(group, context, patient, account))


def allergies_and_coverage(group: Patient, context: Context, about: Subject) -> None:
    """Write what else the group states about the patient: allergies, guarantors, insurance."""
    for one in group.all("AL1"):
        al1.allergy(one, context, about.patient)
    for one in group.all("GT1"):
        gt1.guarantor(one, context, about.patient)
    for one in group.all("IN1"):
        in1.coverage(one, context, about.patient)


def person(
    identification: Segment, demographics: Segment | None, kin: list[Segment], context: Context
) -> Reference:
    """Write the Patient of PID, PD1 and NK1."""
    found = pid.patient(identification, context)
    if demographics is not None:
        primary = pd1.primary_care(demographics, context)
        extensions = [*found.get("extension", []), *primary.pop("extension", [])]
        found |= primary | ({"extension": extensions} if extensions else {})
    contacts = [contact for one in kin if (contact := nk1.contact(one, context))]
    if contacts:
        found["contact"] = contacts
    identifier = pid.identity(found, context)
    if identifier is None:
        context.warn(identification, 3, "no patient identifier: the patient cannot be found again")
    return context.put(
        found,
        identifier,
        "message",
        context.facility,
        context.control_id,
        str(identification.position),
        remove=pid.nulls(identification, found),
    )


def visit(
    group: Patient, context: Context, patient: Reference, account: Reference | None
) -> Reference | None:
    """Write the Encounter of PV1 and PV2, with the diagnoses of the group; None without a PV1."""
    stated = group.first("PV1")
    if stated is None:
        for one in group.all("DG1"):
            dg1.condition(one, context, patient, None)
        return None
    identifier, key = pv1.identity(stated, group.first("PID"), context)
    own_url = _own_url(identifier, key, context)
    found = pv1.encounter(stated, group.first("PV2"), context, patient, account)
    if diagnoses := _diagnoses(group, context, patient, {"reference": own_url}):
        found["diagnosis"] = diagnoses
    return context.put(
        found, identifier, *key, remove=pv1.nulls(stated, found, context), keep=pv1.kept(context)
    )


def _own_url(identifier: Element | None, key: tuple[str, ...], context: Context) -> str:
    if identifier is not None:
        return context.full_url("Encounter", identifier["system"], identifier["value"])
    return context.full_url("Encounter", *key)


def _diagnoses(group: Patient, context: Context, patient: Reference, encounter: Reference) -> list[Element]:
    return [
        dg1.diagnosis(one, context, condition)
        for one in group.all("DG1")
        if (condition := dg1.condition(one, context, patient, encounter))
    ]
