"""The way in: one HL7 v2 message becomes FHIR resources and a report of what was done.

Pure: the same message under the same configuration gives the same entries, to the digit.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from libs.errors import Permanent
from libs.fhir.bundle import Entry
from libs.hl7v2.message import Message
from libs.mapping.inbound.characters import has_control_characters, marked_control_characters
from libs.mapping.inbound.claiming import claiming
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.messages.adt import adt
from libs.mapping.inbound.messages.mdm import mdm
from libs.mapping.inbound.messages.merges import link_patients
from libs.mapping.inbound.messages.orders import orders
from libs.mapping.inbound.messages.oru import oru
from libs.mapping.inbound.messages.others import dft, mfn, ppr, ref, rsp
from libs.mapping.inbound.messages.siu import siu
from libs.mapping.inbound.messages.vxu import vxu
from libs.mapping.inbound.report import Report
from libs.mapping.inbound.ruled import apply
from libs.mapping.inbound.segments import msh
from libs.mapping.inbound.structure import Patient, patients

__all__ = ["MAPS", "Mapped", "MappingConfig", "Unmappable", "map_message"]


class Unmappable(Permanent):
    """There is no map for this kind of message, or it says nothing that could be mapped."""

    def __init__(self, text: str, code: str, location: str) -> None:
        super().__init__(text)
        self.code = code  # table 0357
        self.location = location  # as ERR-2 wants it: segment^sequence^field


@dataclass(frozen=True)
class Mapped:
    """What one message became."""

    entries: list[Entry]
    report: Report
    message_type: str  # "ADT^A01"


Map = Callable[[Patient, Context], list[Reference]]

# The map of each message type (MSH-9.1), for one patient of it; it returns what the message is about.
MAPS: dict[str, Map] = {
    "ADT": adt,
    "BAR": adt,
    "DFT": dft,
    "MDM": mdm,
    "MFN": mfn,
    "ORU": oru,
    "OUL": oru,
    "REF": ref,
    "RRI": ref,
    "RSP": rsp,
    "SIU": siu,
    "SRM": siu,
    "VXU": vxu,
    **dict.fromkeys(("PPR", "PGL", "PPP"), ppr),
    **dict.fromkeys(("ORM", "OML", "OMG", "OMP", "OMS", "OMN", "OMD", "OMI", "OMB", "OSR"), orders),
    **dict.fromkeys(("ORR", "ORL", "ORG", "ORP", "ORS", "ORN", "ORD", "ORI", "ORB"), orders),
    **dict.fromkeys(("RDE", "RDS", "RGV", "RAS", "RRE", "RRD", "RRG", "RRA"), orders),
}

LINKS = frozenset({"A24", "A37"})  # the only ADT events about several patients at once
_SPECIMEN_FIRST = frozenset({"R22", "R23"})

# Resources that many messages share: that one of them came up in a message says nothing about its origin.
_SHARED = frozenset(
    {"Practitioner", "PractitionerRole", "Organization", "Location", "Device", "MessageHeader"}
)


def map_message(message: Message, config: MappingConfig) -> Mapped:
    """The resources that the message states. Raises Unmappable."""
    context = Context(message, config)
    kind = message.header.text(9).strip()
    mapping = MAPS.get(kind)
    if mapping is None:
        # What is no type may be content that slipped, and content has no place in an error.
        stated = kind if len(kind) == 3 and kind.isalnum() else "in MSH-9"
        raise Unmappable(f"messages of the type {stated} are not mapped", "200", "MSH^1^9^1^1")
    groups = patients(message.segments, specimen_first=kind == "OUL" and context.event in _SPECIMEN_FIRST)
    if kind == "ADT" and not any(_says_something(group) for group in groups):
        text = "an ADT message without PID and PV1 segments says nothing about anybody"
        raise Unmappable(text, "100", "PID^1")
    if kind == "ADT" and context.event in LINKS:
        focus = link_patients(groups, context)
    else:
        focus = [reference for group in groups for reference in mapping(group, context)]
    if config.rules:
        apply(config.rules, context)
    targets = [
        {"reference": entry.full_url}
        for entry in context.entries()
        if entry.resource["resourceType"] not in _SHARED
    ]
    header = msh.message_header(context, focus)
    msh.provenance(context, targets, header)
    entries = context.entries()
    if has_control_characters(message):
        context.warn(message.header, None, "control characters, which no text in FHIR may hold, are marked")
        entries = [replace(entry, resource=marked_control_characters(entry.resource)) for entry in entries]
    report = context.report()
    if config.profiles:
        entries, profiles = claiming(entries, config.profiles)
        report = replace(report, profiles=profiles)
    return Mapped(entries, report, f"{kind}^{context.event}" if context.event else kind)


def _says_something(group: Patient) -> bool:
    return bool(group.results or group.orders or group.first("PID") or group.first("PV1"))
