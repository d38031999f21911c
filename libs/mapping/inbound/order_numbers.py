"""Which order is which: placer and filler numbers, and the keys that find an order and its report again.

ORC-2 and ORC-3 win over OBR-2 and OBR-3. A number with an authority identifies by itself; one without
belongs to its patient, since two senders may number alike. Where one number stands for several orders of
a message, the service (OBR-4) tells them apart, and OBR-1 where even that repeats.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.datatypes.identifiers import ei_identifier
from libs.mapping.inbound.element import Element
from libs.mapping.inbound.structure import Order


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of one order, and its keys."""

    placer: Element | None
    filler: Element | None
    request: Element | None  # the identifier that finds the order again; None: `key` does
    key: tuple[str, ...]  # of the order, when no identifier finds it
    report: tuple[str, ...]  # of its report
    others: tuple[Element, ...] = ()  # of the OBR, where the ORC has another one

    @property
    def identifiers(self) -> list[Element]:
        """Placer, then filler number, then those that the ORC overrules."""
        return [number for number in (self.placer, self.filler, *self.others) if number]


def order_numbers(orders: Sequence[Order], context: Context, patient: str) -> list[Numbers]:
    """The numbers of each order of one patient."""
    placers = [_number(order, 2, "PLAC", "placer", context) for order in orders]
    fillers = [_number(order, 3, "FILL", "filler", context) for order in orders]
    placed, filled = Counter(map(_value, placers)), Counter(map(_value, fillers))
    services = [_service(order) for order in orders]
    bases = [
        ("filler", *_value(filler))
        if filler
        else ("placer", *_value(placer))
        if placer
        else ("message", context.control_id)
        for placer, filler in zip(placers, fillers, strict=True)
    ]
    repeated = Counter(zip(bases, services, strict=True))
    found = []
    for order, placer, filler, service, base in zip(orders, placers, fillers, services, bases, strict=True):
        again = (_set_id(order),) if repeated[base, service] > 1 else ()
        if not placer and not filler:
            context.warn(
                _any(order), None, "neither placer nor filler number: the order cannot be found again"
            )
        usable = [
            number
            for number, counts in ((placer, placed), (filler, filled))
            if number and counts[_value(number)] == 1
        ]
        by_itself = usable[0] if usable and _has_authority(order, usable[0]) else None
        first = placer or filler
        own = ("order", patient, first["value"] if first else context.control_id)
        found.append(
            Numbers(
                placer,
                filler,
                by_itself,
                own if usable else (*own, *service, *again),
                (*base, patient if not _authoritative(order) else "", *service, *again),
                _overruled(order, placer, filler, context),
            )
        )
    return found


def _number(order: Order, field: int, kind: str, purpose: str, context: Context) -> Element | None:
    for segment in (order.orc, order.detail if order.detail and order.detail.name == "OBR" else None):
        number = ei_identifier(context, segment.first(field), kind, purpose) if segment is not None else None
        if number is not None:
            return number
    return None


def _overruled(
    order: Order, placer: Element | None, filler: Element | None, context: Context
) -> tuple[Element, ...]:
    """The numbers of an OBR that are not those of its ORC."""
    obr = order.detail
    if order.orc is None or obr is None or obr.name != "OBR":
        return ()
    stated = (
        (placer, ei_identifier(context, obr.first(2), "PLAC", "placer")) if obr.raw(2) else (None, None),
        (filler, ei_identifier(context, obr.first(3), "FILL", "filler")) if obr.raw(3) else (None, None),
    )
    return tuple(own for taken, own in stated if taken and own and own["value"] != taken["value"])


def _value(number: Element | None) -> tuple[str, str]:
    return (number["system"], number["value"]) if number else ("", "")


def _service(order: Order) -> tuple[str, str]:
    detail = order.detail
    if detail is None:
        return "", ""
    code = detail.first({"OBR": 4, "RXO": 1, "RXE": 2, "ODS": 3}.get(detail.name, 4))
    return code.text(3).strip(), (code.text(1) or code.text(2) or code.text(4)).strip()


def _set_id(order: Order) -> str:
    return _any(order).text(1) if order.detail is not None else ""


def _has_authority(order: Order, number: Element) -> bool:
    return _states_authority(order, 2 if number["type"]["coding"][0]["code"] == "PLAC" else 3)


def _authoritative(order: Order) -> bool:
    return _states_authority(order, 3) or _states_authority(order, 2)


def _states_authority(order: Order, field: int) -> bool:
    for segment in (order.orc, order.detail):
        if segment is not None and (value := segment.first(field)):
            return _authority(value)
    return False


def _authority(ei: Value) -> bool:
    return bool(ei.text(2).strip() or ei.text(3).strip())


def _any(order: Order) -> Segment:
    for segment in (order.detail, order.orc, *order.specimens, *(one.obx for one in order.results)):
        if segment is not None:
            return segment
    raise ValueError("an order without segments")  # patients() makes none
