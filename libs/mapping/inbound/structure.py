"""The groups of a message, found by its segments: a segment out of its place is kept, not refused.

Source: HL7 v2.5.1 chapters 4 and 7, v2.8 chapter 7 (ORU_R01, OML_O21, ORM_O01).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from libs.hl7v2.message import Segment

# Segments that state what is ordered; each needs an order of its own.
DETAILS = frozenset({"OBR", "RQD", "RQ1", "RXO", "RXE", "RXD", "RXG", "RXA", "ODS", "ODT"})
PHARMACY = frozenset({"RXO", "RXE", "RXD", "RXG", "RXA"})


@dataclass(slots=True, eq=False)
class Result:
    """One OBX and its notes."""

    obx: Segment
    notes: list[Segment] = field(default_factory=list)
    parts: list[Segment] = field(default_factory=list)  # PRT: who and what took part in it
    specimen: Segment | None = None  # the SPM it stands under, None for a result of the order


@dataclass(slots=True, eq=False)
class Order:
    """One order or report: ORC, OBR or another detail, and what belongs to them."""

    orc: Segment | None = None
    detail: Segment | None = None
    notes: list[Segment] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    specimens: list[Segment] = field(default_factory=list)
    others: list[Segment] = field(default_factory=list)  # TQ1, DG1, RXR, RXC ... in their order
    specimen_notes: dict[int, list[Segment]] = field(default_factory=dict)  # by the position of the SPM
    noted: list[Segment] = field(init=False)  # the notes of what was placed last

    def __post_init__(self) -> None:
        self.noted = self.notes

    def all(self, name: str) -> list[Segment]:
        """The other segments of that name."""
        return [segment for segment in self.others if segment.name == name]

    def first(self, name: str) -> Segment | None:
        """The first of the other segments of that name."""
        return next((segment for segment in self.others if segment.name == name), None)


@dataclass(slots=True, eq=False)
class Patient:
    """One patient of a message, the visit, and the orders about them."""

    segments: list[Segment] = field(default_factory=list)  # of the patient and the visit, in their order
    results: list[Result] = field(default_factory=list)  # of no order
    orders: list[Order] = field(default_factory=list)

    def all(self, name: str) -> list[Segment]:
        """The segments of that name of the patient and the visit."""
        return [segment for segment in self.segments if segment.name == name]

    def first(self, name: str) -> Segment | None:
        """The first segment of that name of the patient and the visit."""
        return next((segment for segment in self.segments if segment.name == name), None)

    def following(self, first: Segment, *names: str) -> list[Segment]:
        """The segments right behind `first`, as long as they have one of these names."""
        place = self.segments.index(first) + 1
        return list(takewhile(lambda one: one.name in names, self.segments[place:]))


# What can stand between a result and its notes.
_OF_RESULT = frozenset({"PRT", "TCD", "SID"})
# About the patient or the visit wherever they stand.
_OF_PATIENT = frozenset(
    {"PID", "PD1", "NK1", "RF1", "PV1", "PV2", "EVN", "MRG", "AL1", "IAM", "GT1", "IN1", "IN2", "IN3"}
)


def patients(
    segments: Iterable[Segment], *, specimen_first: bool = False, orc_behind: bool = False
) -> list[Patient]:
    """The patients of a message, in order, each with its orders; MSH is nobody's.

    A note is about what it follows: a result, a specimen, an order, else the patient or the visit.

    A PID begins a patient. An ORC begins an order, and so does a detail when the order at hand has one.
    With `specimen_first` (OUL_R22, OML_O33) the orders follow their specimen, with `orc_behind` (OUL_R24)
    an ORC its OBR.
    """
    if specimen_first or orc_behind:
        segments = _in_usual_order(segments, specimen_first=specimen_first)
    segments = list(segments)
    found = [Patient()]
    order: Order | None = None
    noted: list[Segment] = found[0].segments
    for place, segment in enumerate(segments):
        name = segment.name
        if name == "MSH":
            continue
        if name == "NTE":
            noted.append(segment)
            continue
        if name == "PID" and (found[-1].orders or found[-1].results or found[-1].first("PID")):
            found.append(Patient())
            order = None
        patient = found[-1]
        last = patient.results[-1] if patient.results and noted is patient.results[-1].notes else None
        noted = patient.segments
        if name in _OF_PATIENT:
            patient.segments.append(segment)
        elif _begins_order(order, segments, place):
            shared = order.orc if order and name in PHARMACY and order.detail else None
            order = _place(Order(orc=shared), segment)
            patient.orders.append(order)
            noted = order.noted
        elif order is not None:
            noted = _place(order, segment).noted
        elif name == "SPM":
            order = _place(Order(), segment)
            patient.orders.append(order)
            noted = order.noted
        elif name == "OBX":
            patient.results.append(Result(segment))
            noted = patient.results[-1].notes
        elif name == "PRT" and last is not None:
            last.parts.append(segment)
            noted = last.notes
        else:
            patient.segments.append(segment)
    return found


def _begins_order(order: Order | None, segments: Sequence[Segment], place: int) -> bool:
    """Whether the segment at that place begins another order than the one at hand."""
    name = segments[place].name
    if name == "ORC":
        return order is None or not _is_behind(order, segments, place)
    return name in DETAILS and (order is None or _begins_another(order, segments[place]))


def _is_behind(order: Order, segments: Sequence[Segment], place: int) -> bool:
    """Whether an ORC is that of the OBR before it: which has none, and no other OBR comes next."""
    if order.orc is not None or order.detail is None or order.results:
        return False
    following = (segments[number].name for number in range(place + 1, len(segments)))
    return next((name not in DETAILS for name in following if name in _DECIDING), True)


_DECIDING = DETAILS | {"ORC", "OBX", "PID"}


def _in_usual_order(segments: Iterable[Segment], *, specimen_first: bool) -> list[Segment]:
    """The segments with each ORC before its OBR, and each specimen behind every one of its orders."""
    found: list[Segment] = []
    specimen: list[Segment] = []
    order: list[Segment] = []
    for segment in segments:
        name = segment.name
        begins = name in _BEGINS and (not order or any(one.name == name for one in order))
        if begins or name == "PID" or (name == "SPM" and specimen_first):
            found += _orc_first(order, specimen)
            order = []
        if name == "PID":
            specimen = []
            found.append(segment)
        elif name == "SPM" and specimen_first:
            specimen = [segment]
        elif begins or order:
            order.append(segment)
        else:
            (specimen or found).append(segment)
    return found + _orc_first(order, specimen)


_BEGINS = frozenset({"ORC", "OBR"})


def _orc_first(order: Sequence[Segment], specimen: Sequence[Segment]) -> list[Segment]:
    if not order:
        return []
    orc = [one for one in order if one.name == "ORC"]
    return [*orc, *(one for one in order if one.name != "ORC"), *specimen]


def _begins_another(order: Order, detail: Segment) -> bool:
    """Whether a detail is of another order; one can be stated (RXO), encoded (RXE) and dispensed (RXD)."""
    if order.detail is None:
        return False
    if detail.name == "RQ1" and order.detail.name == "RQD":  # says more of the same requisition
        return order.first("RQ1") is not None
    if detail.name in PHARMACY and order.detail.name in PHARMACY:
        return detail.name == order.detail.name or order.first(detail.name) is not None
    return True


def _place(order: Order, segment: Segment) -> Order:
    name = segment.name
    last = order.results[-1] if order.results and order.noted is order.results[-1].notes else None
    if name not in _OF_RESULT:
        order.noted = order.notes
    if name == "ORC":
        order.orc = segment
    elif name in DETAILS and order.detail is None:
        order.detail = segment
    elif name == "OBX":
        result = Result(segment, specimen=order.specimens[-1] if order.specimens else None)
        order.results.append(result)
        order.noted = result.notes
    elif name == "PRT" and last is not None:
        last.parts.append(segment)
    elif name == "SPM":
        order.specimens.append(segment)
        order.noted = order.specimen_notes[segment.position] = []
    else:
        order.others.append(segment)
    return order


def own_results(order: Order) -> tuple[list[Result], list[Result]]:
    """The results of the order, and the observations about its specimens.

    An OBX under an SPM is a result all the same when the order has no other, or says so (OBX-29 RSLT):
    some laboratories put the specimen first.
    """
    direct = [one for one in order.results if one.specimen is None]
    if not direct:
        return order.results, []
    own: list[Result] = []
    of_specimens: list[Result] = []
    for one in order.results:
        is_result = one.specimen is None or one.obx.text(29).strip() == "RSLT"
        (own if is_result else of_specimens).append(one)
    return own, of_specimens
