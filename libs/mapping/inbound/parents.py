"""Results of results: OBR-26 and OBR-29, by which a laboratory hangs a susceptibility test on an organism.

Source: HL7 v2.5.1 chapter 7, 7.4.1.26 and 7.4.1.29; FHIR R4 Observation.hasMember.
"""

from collections.abc import Sequence

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.order_numbers import Numbers
from libs.mapping.inbound.structure import Order

FIELDS = frozenset({26})


def link_children(
    orders: Sequence[Order], numbers: Sequence[Numbers], written: dict[int, Reference], context: Context
) -> None:
    """Make the results of each child order members of the result that OBR-26 names.

    `written` has the Observation of each OBX by the position of its segment.
    """
    named = _named(orders, numbers) if any(_names_parent(order) for order in orders) else {}
    for order in orders:
        obr = order.detail
        if obr is None or not _names_parent(order):
            continue
        parent = _parent(obr, named)
        if parent is None or parent.position not in written:
            context.warn(obr, 26, "the parent result is not in this message: the results stand alone")
            continue
        context.use(obr, FIELDS)
        members = [written[one.obx.position] for one in order.results if one.obx.position in written]
        once = {one["reference"]: one for one in members}  # the lines of a text are one Observation
        context.describe(written[parent.position], hasMember=list(once.values()))


def _names_parent(order: Order) -> bool:
    return order.detail is not None and order.detail.name == "OBR" and bool(order.detail.first(26))


# Results by their identifier and sub-id, and those by the identifier alone, with their OBR and its numbers.
_Named = dict[tuple[str, str | None], list[tuple[Segment, Segment | None, frozenset[str]]]]


def _named(orders: Sequence[Order], numbers: Sequence[Numbers]) -> _Named:
    found: _Named = {}
    for order, number in zip(orders, numbers, strict=True):
        values = frozenset(one["value"] for one in number.identifiers)
        for result in order.results:
            code, sub_id = result.obx.text(3).strip(), result.obx.text(4).strip()
            for key in ((code, sub_id), (code, None)):
                found.setdefault(key, []).append((result.obx, order.detail, values))
    return found


def _parent(obr: Segment, named: _Named) -> Segment | None:
    """The OBX with the identifier and sub-id of OBR-26, in the order of OBR-29 if that is named."""
    stated, order_stated = obr.first(26), obr.first(29)
    wanted = {order_stated.part(1).text(1).strip(), order_stated.part(2).text(1).strip()} - {""}
    key = stated.part(1).text(1).strip(), stated.text(2).strip() or None
    for obx, detail, values in named.get(key, ()):
        if detail is not obr and (not wanted or wanted & values):
            return obx
    return None
