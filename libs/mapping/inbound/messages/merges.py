"""ADT events that merge, move and renumber patients, accounts and visits.

A18, A30, A34, A39, A40: patients; A35, A41: accounts; A36: patient and account; A42: visits; A43: patient
identifiers moved; A44: accounts moved; A45: visits moved; A46, A47: patient identifiers changed;
A48, A49: account numbers changed; A50, A51: visit numbers changed; A24, A37: patients linked, unlinked.
Source: HL7 v2.5.1 chapter 3, 3.3 and 3.6; the v2-to-FHIR guide has no maps.
"""

from collections.abc import Callable, Iterable

from libs.fhir.replacement import replacement
from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.element import Element, resource
from libs.mapping.inbound.messages.subject import person, subject
from libs.mapping.inbound.segments import mrg, pid, pv1
from libs.mapping.inbound.structure import Patient

Merge = Callable[[Patient, Context], list[Reference]]


def merge_patients(group: Patient, context: Context) -> list[Reference]:
    """The survivor (PID) stays, those of MRG become inactive and point to it.

    The survivor is found by their numbers too, as ones that are not to be used any more.
    """
    about = subject(group, context)
    merged = [gone for one in group.all("MRG") if (gone := mrg.merged_patient(one, context, about.patient))]
    if merged:
        links = [{"other": gone, "type": "replaces"} for gone in merged]
        prior = [number for gone in merged for number in context.stated(gone)["identifier"]]
        context.describe(about.patient, active=True, link=links)
        _add_old(about.patient, prior, context)
    return [*about.focus(), *merged]


def merge_accounts(group: Patient, context: Context) -> list[Reference]:
    """The account of PID-18 stays; that of MRG-3 becomes inactive, a part of it."""
    about = subject(group, context)
    surviving = _account(group, context, about)
    for one in group.all("MRG"):
        number = mrg.prior_account(one, context)
        if number is None or surviving is None:
            context.warn(one, 3, "the prior or the surviving account number is missing: nothing is merged")
        elif _is(surviving, "Account", number, context):
            context.warn(one, 3, "the prior account number is the surviving one: nothing is merged")
        else:
            gone = resource(
                "Account",
                identifier=[mrg.old(number)],
                status="inactive",
                partOf=surviving,
                extension=replacement(surviving),
            )
            context.put(gone, number)
            _add_old(surviving, [number], context)
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
        if number is None or about.encounter is None:
            context.warn(one, 5, "the prior or the surviving visit number is missing: nothing is merged")
        elif _is(about.encounter, "Encounter", number, context):
            context.warn(one, 5, "the prior visit number is the surviving one: nothing is merged")
        else:
            gone = _encounter(about.patient, mrg.old(number), "entered-in-error")
            gone |= {"partOf": about.encounter, "extension": replacement(about.encounter)}
            context.put(gone, number, keep=("class",))
            _add_old(about.encounter, [number], context)
    return about.focus()


def move_accounts(group: Patient, context: Context) -> list[Reference]:
    """A44: the account of MRG-3 belongs to the patient of PID now, and has the number of PID-18."""
    patient = person(group, context)
    moved = []
    for one, identification in _with_pid(group):
        prior, number = mrg.prior_account(one, context), pid.account_number(identification, context)
        if prior is None:
            context.warn(one, 3, "no prior account number: nothing is moved")
            continue
        identifiers = mrg.with_old([number], [prior]) if number else [prior]
        account = resource("Account", identifier=identifiers, status="active", subject=[patient])
        moved.append(context.put(account, prior, keep=("status",), otherwise=number, moved=True))
    return [patient, *moved]


def move_visits(group: Patient, context: Context) -> list[Reference]:
    """A45: the visits of MRG-5 belong to the patient of PID now, and have the numbers of PV1-19."""
    patient = person(group, context)
    account = _account(group, context, Subject(patient, None))
    moved = []
    for merge, stated in _merges_with_visits(group):
        prior = mrg.prior_visit(merge, context) if merge is not None else None
        visit = _stated_visit(stated, group, context, patient, account) if stated is not None else None
        numbers = visit.get("identifier", []) if visit else []
        known_as = prior or (numbers[0] if numbers else None)
        if known_as is None:
            context.warn(merge or group.segments[0], 5, "no visit number: nothing is moved")
            continue
        visit = visit or _encounter(patient, known_as, "unknown")
        visit["identifier"] = mrg.with_old(numbers, [prior] if prior else []) if numbers else [known_as]
        keep = ("status",) if stated is not None and stated.text(2) else ("status", "class")
        new = numbers[0] if numbers else None
        moved.append(context.put(visit, known_as, keep=keep, otherwise=new, moved=True))
    return [patient, *moved]


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
        identifiers = mrg.with_old([number], [prior])
        renumbered = resource("Account", identifier=identifiers, status="active", subject=[patient])
        context.put(renumbered, prior, keep=("status",), otherwise=number)
    return [patient]


def change_visit_number(group: Patient, context: Context) -> list[Reference]:
    """A50, A51: the visit known by MRG-5 (MRG-6) has the number of PV1-19 (PV1-50) from now on."""
    patient = person(group, context)
    for one in group.all("MRG"):
        prior = mrg.prior_visit(one, context, alternate=context.event == "A51")
        stated = group.first("PV1")
        numbers = pv1.identifiers(stated, context) if stated is not None else []
        if prior is None or not numbers or stated is None:
            context.warn(one, 5, "the prior or the new visit number is missing: nothing is changed")
            continue
        context.use(stated, frozenset({1, 2, 19, 50}))
        renumbered = _encounter(patient, numbers[0], "unknown")
        renumbered["identifier"] = mrg.with_old(numbers, [prior])
        context.put(renumbered, prior, keep=("status", "class"), otherwise=numbers[0])
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


def _is(reference: Reference, kind: str, number: Element, context: Context) -> bool:
    """Whether the number is that of the resource."""
    return context.full_url(kind, number["system"], number["value"]) == reference["reference"]


def _add_old(survivor: Reference, prior: Iterable[Element], context: Context) -> None:
    """Let the survivor be found by numbers that are not to be used any more."""
    stated = context.stated(survivor)
    stated["identifier"] = mrg.with_old(stated.get("identifier", []), prior)


def _encounter(patient: Reference, number: Element, status: str) -> Element:
    return resource(
        "Encounter", identifier=[number], status=status, **{"class": pv1.UNKNOWN_CLASS}, subject=patient
    )


def _stated_visit(
    stated: Segment, group: Patient, context: Context, patient: Reference, account: Reference | None
) -> Element:
    _, key = pv1.identity(stated, group.first("PID"), context, patient["reference"])
    return pv1.encounter(stated, None, context, patient, account=account, key=key)


def _merges_with_visits(group: Patient) -> list[tuple[Segment | None, Segment | None]]:
    """Each MRG with the PV1 that follows it, either of which may be missing."""
    pairs: list[tuple[Segment | None, Segment | None]] = []
    for one in group.segments:
        if one.name == "MRG":
            pairs.append((one, None))
        elif one.name == "PV1" and pairs and pairs[-1][1] is None:
            pairs[-1] = (pairs[-1][0], one)
        elif one.name == "PV1":
            pairs.append((None, one))
    return pairs


def _with_pid(group: Patient) -> list[tuple[Segment, Segment]]:
    identification = group.first("PID")
    return [(one, identification) for one in group.all("MRG")] if identification is not None else []
