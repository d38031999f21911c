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
    for order in orders:
        obr = order.detail
        if obr is None or obr.name != "OBR" or not obr.first(26):
            continue
        parent = _parent(obr, orders, numbers)
        if parent is None or parent.position not in written:
            context.warn(obr, 26, "the parent result is not in this message: the results stand alone")
            continue
        context.use(obr, FIELDS)
        members = [written[one.obx.position] for one in order.results if one.obx.position in written]
        members = [one for place, one in enumerate(members) if one not in members[:place]]  # lines of a text
        context.describe(written[parent.position], hasMember=members)


def _parent(obr: Segment, orders: Sequence[Order], numbers: Sequence[Numbers]) -> Segment | None:
    """The OBX with the identifier and sub-id of OBR-26, in the order of OBR-29 if that is named."""
    stated, order_stated = obr.first(26), obr.first(29)
    wanted = {order_stated.part(1).text(1).strip(), order_stated.part(2).text(1).strip()} - {""}
    code, sub_id = stated.part(1).text(1).strip(), stated.text(2).strip()
    for order, number in zip(orders, numbers, strict=True):
        if order.detail is obr or (wanted and not wanted & {one["value"] for one in number.identifiers}):
            continue
        for result in order.results:
            if result.obx.text(3).strip() == code and (not sub_id or result.obx.text(4).strip() == sub_id):
                return result.obx
    return None
