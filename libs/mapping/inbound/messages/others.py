"""DFT charges, PPR problems, REF referrals, RSP query answers, MFN and PMU master files of people and places.

Source: the guide has no maps; the segments' shapes are in their modules.
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.messages.adt import acts_of_care
from libs.mapping.inbound.messages.orders import write_orders
from libs.mapping.inbound.messages.oru import write_reports
from libs.mapping.inbound.messages.subject import allergies_and_coverage, subject
from libs.mapping.inbound.messages.vxu import vxu
from libs.mapping.inbound.segments import ft1, loose, pid, prb, rxa, stf
from libs.mapping.inbound.structure import Patient


def dft(group: Patient, context: Context) -> list[Reference]:
    """The patient and every charge; returns the charges."""
    about = subject(group, context)
    allergies_and_coverage(group, context, about)
    acts_of_care(group, context, about)
    loose.observations(group.results, context, about)
    write_orders(group, context, about)
    identification = group.first("PID")
    account = pid.account(identification, context, about.patient) if identification is not None else None
    return [ft1.charge_item(one, context, about, account) for one in group.all("FT1")] or about.focus()


def ppr(group: Patient, context: Context) -> list[Reference]:
    """The patient, every problem and every goal; returns them."""
    about = subject(group, context)
    loose.observations(group.results, context, about)
    found = []
    segments = context.message.segments
    for place, segment in enumerate(segments):
        if segment.name == "PRB":
            found.append(prb.problem(segment, _notes(segments, place), context, about))
        elif segment.name == "GOL":
            found.append(prb.goal(segment, _notes(segments, place), context, about))
    write_orders(group, context, about)
    return found or about.focus()


def ref(group: Patient, context: Context) -> list[Reference]:
    """The patient and the referral; returns the patient and the visit."""
    about = subject(group, context)
    allergies_and_coverage(group, context, about)
    acts_of_care(group, context, about)
    loose.observations(group.results, context, about)
    write_reports(group, context, about)  # the results that go with the referral
    return about.focus()


def rsp(group: Patient, context: Context) -> list[Reference]:
    """The patients that answer a query; returns them. The vaccines of an immunization registry are given."""
    if group.first("PID") is None:
        return []
    if any(rxa.is_vaccine(one) for one in group.orders):
        return vxu(group, context)
    about = subject(group, context)
    write_orders(group, context, about)
    return about.focus()


def mfn(group: Patient, context: Context) -> list[Reference]:
    """The people (STF, PRA) and places (LOC) of a master file; returns them."""
    segments = context.message.segments
    found: list[Reference] = []
    change = _CHANGES.get(context.event, "") if context.type == "PMU" else ""
    for place, segment in enumerate(segments):
        if segment.name == "MFE":
            context.use(segment, _ENTRY_FIELDS)
            change = segment.text(1).strip()
        elif segment.name == "STF":
            found += stf.staff(segment, _following(segments, place, "PRA"), context, change)
        elif segment.name == "LOC":
            found += stf.place(segment, context, change)
    return found


def nothing(group: Patient, context: Context) -> list[Reference]:
    """Receipts and questions: about messages, and about nobody."""
    return []


_ENTRY_FIELDS = frozenset({1, 4})  # what is done to the entry (table 0180), and which it is
_CHANGES = {"B03": "MDL", "B04": "MAC", "B05": "MDC", "B06": "MDC"}  # PMU: to personnel


def _notes(segments: Sequence[Segment], place: int) -> list[Segment]:
    """The notes right behind the segment at that place."""
    return list(takewhile(lambda one: one.name == "NTE", _behind(segments, place)))


def _following(segments: Sequence[Segment], place: int, name: str) -> Segment | None:
    """The next segment of that name behind the one at that place and before the next master file entry."""
    rest = takewhile(lambda one: one.name not in {"MFE", "STF"}, _behind(segments, place))
    return next((one for one in rest if one.name == name), None)


def _behind(segments: Sequence[Segment], place: int) -> Iterator[Segment]:
    return (segments[index] for index in range(place + 1, len(segments)))
