"""PRT -> Device: what took part, beside who.

Source: v2-to-FHIR IG 1.0.0, PRT[Device], EI[Device-udiCarrier].
"""

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.datatypes.identifiers import ei_identifier
from libs.mapping.inbound.element import Element, element, resource

FIELDS = frozenset({10, 16, 17, 18, 19, 20, 21, 22})
_HUMAN_READABLE = "(01)"  # what the human readable form of a GS1 number begins with


def devices(prt: Segment, context: Context) -> list[Reference]:
    """The devices of PRT-10, each by its number; that of PRT-16, where PRT-10 names none."""
    if not any(prt.raw(field) for field in FIELDS):
        return []
    context.use(prt, FIELDS)
    found = [_device(prt, ei, context) for ei in prt.repetitions(10) if ei.text(1).strip()]
    return found or [_device(prt, None, context)]


def _device(prt: Segment, ei: Value | None, context: Context) -> Reference:
    stated = ei.text(1).strip() if ei is not None else ""
    readable = stated if stated.startswith(_HUMAN_READABLE) else ""
    identifier = ei_identifier(context, ei, purpose="device") if ei is not None and not readable else None
    carriers = [{"carrierHRF": readable}] if readable else []
    if carrier := _carrier(prt.first(16), context):
        carriers.append(carrier)
    found = resource(
        "Device",
        identifier=[identifier] if identifier else [],
        udiCarrier=carriers,
        manufactureDate=times.date_time(context, prt, 17),
        expirationDate=times.date_time(context, prt, 18),
        lotNumber=prt.text(19).strip(),
        serialNumber=prt.text(20).strip(),
        distinctIdentifier=prt.text(21).strip(),
        type=codeable_concept(context, prt, 22),
    )
    return context.put(found, identifier, readable, prt.text(16), prt.text(20), prt.text(19))


def _carrier(udi: Value, context: Context) -> Element:
    """PRT-16 as a udiCarrier; its issuer is the authority, if it names one."""
    number = ei_identifier(context, udi)
    if number is None:
        return {}
    issued = udi.text(2).strip() or udi.text(3).strip()
    return element(deviceIdentifier=number["value"], issuer=number["system"] if issued else None)
