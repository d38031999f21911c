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
from libs.mapping.inbound.messages.others import dft, mfn, nothing, ppr, ref, rsp
from libs.mapping.inbound.messages.siu import siu
from libs.mapping.inbound.messages.vxu import vxu
from libs.mapping.inbound.placeholders import with_stored_kept
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
    "MDM": mdm,
    "DOC": mdm,
    "DFT": dft,
    "RSP": rsp,
    **dict.fromkeys(("ADT", "ADR", "BAR"), adt),
    **dict.fromkeys(("ORU", "ORF", "OUL", "OPU", "CSU"), oru),
    **dict.fromkeys(("SIU", "SRM", "SRR"), siu),
    **dict.fromkeys(("VXU", "VXR", "VXX"), vxu),
    **dict.fromkeys(("MFN", "PMU"), mfn),
    **dict.fromkeys(("REF", "RRI", "RQA", "RQI", "RPA", "RPI", "RPL", "RPR", "RCI", "RCL", "PIN"), ref),
    **dict.fromkeys(("PPR", "PGL", "PPP", "PPV", "PRR", "PTR"), ppr),
    **dict.fromkeys(("ORM", "OML", "OMG", "OMP", "OMS", "OMN", "OMD", "OMI", "OMB", "OSR", "OSU"), orders),
    **dict.fromkeys(("ORR", "ORL", "ORG", "ORP", "ORS", "ORN", "ORD", "ORI", "ORB", "OPL", "OPR"), orders),
    **dict.fromkeys(("RDE", "RDS", "RGV", "RAS", "RRE", "RRD", "RRG", "RRA"), orders),
    **dict.fromkeys(("RDR", "RER", "RGR", "ROR", "RAR", "BPS", "BTS"), orders),
    # Receipts and questions: a PID in one says whom is looked for, not how somebody is.
    **dict.fromkeys(("ACK", "MCF", "MFK", "QCK", "QBP", "QRY", "QCN", "QSB", "QSX", "QVR", "VXQ"), nothing),
    **dict.fromkeys(("EQQ", "MFQ", "OSQ", "RQC", "RQP", "RQQ", "SPQ", "SQM", "VQQ"), nothing),
}

LINKS = frozenset({"A24", "A37"})  # the only ADT events about several patients at once
# Events whose orders stand behind their specimen, and those whose ORC stands behind its OBR.
_SPECIMEN_FIRST = frozenset({"R22", "R23", "O33", "O34", "O35", "O36"})
_ORC_BEHIND = frozenset({"R22", "R23", "R24"})

# Resources that many messages share: that one of them came up in a message says nothing about its origin.
_SHARED = frozenset(
    {"Practitioner", "PractitionerRole", "Organization", "Location", "Device", "MessageHeader"}
)


def map_message(message: Message, config: MappingConfig) -> Mapped:
    """The resources that the message states. Raises Unmappable."""
    context = Context(message, config)
    mapping = MAPS.get(context.type)
    if mapping is None:
        raise Unmappable(_no_map(context.type), "200", "MSH^1^9^1^1")
    groups = patients(
        message.segments,
        specimen_first=context.event in _SPECIMEN_FIRST,
        orc_behind=context.event in _ORC_BEHIND,
    )
    if context.is_adt and not any(_names_somebody(group) for group in groups):
        text = "PID: an ADT message without PID and PV1 segments says nothing about anybody"
        raise Unmappable(text, "100", "PID^1")
    if context.is_adt and context.event in LINKS:
        focus = link_patients(groups, context)
    else:
        focus = [one for group in groups if not _silent(group) for one in mapping(group, context)]
    if config.rules:
        apply(config.rules, context)
    targets = [
        {"reference": entry.full_url}
        for entry in context.entries()
        if entry.resource["resourceType"] not in _SHARED
    ]
    header = msh.message_header(context, focus)
    msh.provenance(context, targets, header)
    entries = with_stored_kept(_with_subjects_kept(context))
    if has_control_characters(message):
        context.warn(message.header, None, "control characters, which no text in FHIR may hold, are marked")
        entries = [entry._replace(resource=marked_control_characters(entry.resource)) for entry in entries]
    kind = f"{context.type}^{context.event}" if context.event else context.type
    report = context.report()
    if config.profiles:
        entries, profiles = claiming(entries, config.profiles)
        report = replace(report, profiles=profiles)
    return Mapped(entries, report, kind)


def _no_map(kind: str) -> str:
    if not kind:
        return "MSH-9: no message type; send one such as ADT^A01"
    if len(kind) == 3 and kind.isalnum() and kind.isascii():
        return f"MSH-9: messages of the type {kind} are not mapped"
    return "MSH-9: what stands in place of the message type is none"  # and may be content that slipped


# Segments between systems: about messages and queries, not about a patient.
_EXCHANGE = frozenset({"MSA", "ERR", "QAK", "QPD", "QRD", "QRF", "RCP", "SFT", "UAC", "DSC", "EVN", "NTE"})


def _silent(group: Patient) -> bool:
    """Whether the group says nothing at all, as an order that was refused does."""
    return not group.results and not group.orders and all(one.name in _EXCHANGE for one in group.segments)


def _names_somebody(group: Patient) -> bool:
    return bool(group.results or group.orders or group.first("PID") or group.first("PV1"))


def _with_subjects_kept(context: Context) -> list[Entry]:
    """The entries; what is about a patient whom the message does not name stays about whom it was."""
    if context.nobody is None:
        return context.entries()
    return [
        entry._replace(keep=(*entry.keep, name))
        if (name := next((one for one in _ABOUT if entry.resource.get(one) == context.nobody), None))
        else entry
        for entry in context.entries()
    ]


_ABOUT = ("subject", "patient", "beneficiary")
