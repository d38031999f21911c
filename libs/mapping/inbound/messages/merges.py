"""ADT events that merge, move and renumber patients, accounts and visits.

A18, A30, A34, A39, A40: patients; A35, A41: accounts; A36: patient and account; A42: visits; A43: patient
identifiers moved; A44: accounts moved; A45: visits moved; A46, A47: patient identifiers changed;
A48, A49: account numbers changed; A50, A51: visit numbers changed; A24, A37: patients linked, unlinked.
Source: HL7 v2.5.1 chapter 3, 3.3 and 3.6; the v2-to-FHIR guide has no maps.
"""

from collections.abc import Callable

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.element import Element, resource
from libs.mapping.inbound.messages.subject import person, subject
from libs.mapping.inbound.segments import mrg, pid, pv1
from libs.mapping.inbound.structure import Patient

Merge = Callable[[Patient, Context], list[Reference]]


def merge_patients(group: Patient, context: Context) -> list[Reference]:
    """The survivor (PID) stays, those of MRG become inactive and point to it."""
    about = subject(group, context)
    merged = [gone for one in group.all("MRG") if (gone := mrg.merged_patient(one, context, about.patient))]
    if merged:
        links = [{"other": gone, "type": "replaces"} for gone in merged]
        context.describe(about.patient, active=True, link=links)
    return [*about.focus(), *merged]


def merge_accounts(group: Patient, context: Context) -> list[Reference]:
    """The account of PID-18 stays; that of MRG-3 becomes inactive, a part of it."""
    about = subject(group, context)
    surviving = _account(group, context, about)
    for one in group.all("MRG"):
        number = mrg.prior_account(one, context)
        if number is None:
            context.warn(one, 3, "no prior account number: nothing is merged")
            continue
        gone = resource("Account", identifier=[mrg.old(number)], status="inactive", partOf=surviving)
        context.put(gone, number)
    return [*about.focus(), *([surviving] if surviving else [])]


def merge_patients_and_accounts(group: Patient, context: Context) -> list[Reference]:
    """A36: both at once."""
    merge_accounts(group, context)
    return merge_patients(group, context)


def merge_visits(group: Patient, context: Context) -> list[Reference]:
    """The visit of PV1 stays; that of MRG-5 was a second number of it."""
    about = subject(group, context)
    for one in group.all("MRG"):
        number = mrg.prior_visit(one, context)
        if number is None:
            context.warn(one, 5, "no prior visit number: nothing is merged")
            continue
        gone = _encounter(about, number, "entered-in-error", partOf=about.encounter)
        context.put(gone, number)
    return about.focus()


def move_accounts(group: Patient, context: Context) -> list[Reference]:
    """A44 (and A43 for the patient's numbers): the account of MRG-3 belongs to the patient of PID now."""
    about = subject(group, context)
    for one in group.all("MRG"):
        number = mrg.prior_account(one, context)
        if number is not None:
            moved = resource("Account", identifier=[number], status="active", subject=[about.patient])
            context.put(moved, number, keep=("status",))
        else:
            context.warn(one, 3, "no prior account number: nothing is moved")
    return about.focus()


def move_visits(group: Patient, context: Context) -> list[Reference]:
    """A45: the visits of PV1-19, else of MRG-5, belong to the patient of PID now."""
    about = subject(group, context)
    if group.first("PV1") is None:
        for one in group.all("MRG"):
            if (number := mrg.prior_visit(one, context)) is not None:
                context.put(_encounter(about, number, "unknown"), number, keep=("status", "class"))
    else:
        for one in group.all("MRG"):
            mrg.prior_visit(one, context)
    return about.focus()


def change_patient_identifiers(group: Patient, context: Context) -> list[Reference]:
    """A46, A47, A43: the patient known by MRG-1 has the numbers of PID-3 from now on."""
    prior = [number for one in group.all("MRG") for number in mrg.prior_identifiers(one, context)]
    found_by = pid.identity({"identifier": prior}, context)
    patient = person(group, context, known_as=found_by, more_identifiers=prior)
    return [patient]


def change_account_number(group: Patient, context: Context) -> list[Reference]:
    """A48, A49: the account known by MRG-3 has the number of PID-18 from now on."""
    patient = person(group, context)
    for one, identification in _with_pid(group):
        prior, number = mrg.prior_account(one, context), pid.account_number(identification, context)
        if prior is None or number is None:
            context.warn(one, 3, "the prior or the new account number is missing: nothing is changed")
            continue
        identifiers = [number, mrg.old(prior)]
        renumbered = resource("Account", identifier=identifiers, status="active", subject=[patient])
        context.put(renumbered, prior, keep=("status",))
    return [patient]


def change_visit_number(group: Patient, context: Context) -> list[Reference]:
    """A50, A51: the visit known by MRG-5 (MRG-6) has the number of PV1-19 (PV1-50) from now on."""
    patient = person(group, context)
    about = Subject(patient, None)
    for one in group.all("MRG"):
        prior = mrg.prior_visit(one, context)
        stated = group.first("PV1")
        numbers = pv1.identifiers(stated, context) if stated is not None else []
        if prior is None or not numbers or stated is None:
            context.warn(one, 5, "the prior or the new visit number is missing: nothing is changed")
            continue
        context.use(stated, frozenset({1, 2, 19, 50}))
        renumbered = _encounter(about, numbers[0], "unknown")
        renumbered["identifier"] = [*numbers, mrg.old(prior)]
        context.put(renumbered, prior, keep=("status", "class"))
    return [patient]


def link_patients(groups: list[Patient], context: Context) -> list[Reference]:
    """A24: the patients of the message are to be seen together; A37: not any more."""
    people = [person(group, context) for group in groups if group.first("PID") is not None]
    for group in groups:
        for stated in group.all("PV1"):
            context.use(stated, frozenset())
    for one in people:
        others = [{"other": other, "type": "seealso"} for other in people if other != one]
        if context.event == "A24" and others:
            context.describe(one, link=others)
        elif context.event == "A37":
            context.remove(one, "link:seealso")
    return people


# What each event does, for one patient of the message.
MERGES: dict[str, Merge] = {
    **dict.fromkeys(("A18", "A30", "A34", "A39", "A40"), merge_patients),
    **dict.fromkeys(("A35", "A41"), merge_accounts),
    "A36": merge_patients_and_accounts,
    "A42": merge_visits,
    "A44": move_accounts,
    "A45": move_visits,
    **dict.fromkeys(("A43", "A46", "A47"), change_patient_identifiers),
    **dict.fromkeys(("A48", "A49"), change_account_number),
    **dict.fromkeys(("A50", "A51"), change_visit_number),
}


def _account(group: Patient, context: Context, about: Subject) -> Reference | None:
    identification = group.first("PID")
    return pid.account(identification, context, about.patient) if identification is not None else None


def _encounter(about: Subject, number: Element, status: str, **more: Reference | None) -> Element:
    return resource(
        "Encounter",
        identifier=[number],
        status=status,
        class_=pv1.UNKNOWN_CLASS,
        subject=about.patient,
        **more,
    )


def _with_pid(group: Patient) -> list[tuple[Segment, Segment]]:
    identification = group.first("PID")
    return [(one, identification) for one in group.all("MRG")] if identification is not None else []
