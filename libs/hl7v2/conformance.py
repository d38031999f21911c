"""Whether a message is as the standard has it, for its version, structure and data types.

The definitions are hl7apy's; its own validator stops at the first error, quotes values in its texts and
loses segments that it does not expect, so the message is walked here. What it rejects is an error here, too
(a test compares the two), and so are a wrong order, times that the calendar does not have, and `""` where a
value is required. Different on purpose: any one alternative of a choice will do, `""` fits every data type,
a length is a warning, and so is a type of message that hl7apy has no structure of. Versions it does not have
are checked against the nearest below. Not for the hot path: the definitions take 0.1 s and 20 MB to load.
"""

from collections.abc import Iterator
from typing import Any

from libs.hl7v2.fields import check_fields
from libs.hl7v2.finding import Finding
from libs.hl7v2.message import Message, parse
from libs.hl7v2.structure import check_structure

__all__ = ["Finding", "first_error", "validate"]

DEFAULT_VERSION = "2.5.1"  # of a message that does not say one

# Table 0354, where several events share a structure.
_SHARED = {
    "ADT_A01": "A04 A08 A13",
    "ADT_A05": "A14 A28 A31",
    "ADT_A06": "A07",
    "ADT_A09": "A10 A11 A12",
    "ADT_A21": "A22 A23 A25 A26 A27 A29 A32 A33",
    "ADT_A30": "A34 A35 A36 A46 A47 A48 A49",
    "ADT_A39": "A40 A41 A42",
    "ADT_A43": "A44",
    "ADT_A50": "A51",
    "ADT_A52": "A53",
    "ADT_A54": "A55",
    "ADT_A61": "A62",
    "MDM_T01": "T03 T05 T07 T09 T11",
    "MDM_T02": "T04 T06 T08 T10",
    "SIU_S12": "S13 S14 S15 S16 S17 S18 S19 S20 S21 S22 S23 S24 S26",
    "REF_I12": "I13 I14 I15",
    "ORU_R01": "R03",
}
_STRUCTURES = {
    f"{structure[:3]}_{event}": structure for structure, events in _SHARED.items() for event in events.split()
}


def validate(text: str) -> list[Finding]:
    """What is not as the standard has it, in the order of the message; structure first.

    Raises NotHL7, BadHeader.
    """
    return list(_findings(parse(text)))


def first_error(text: str) -> Finding | None:
    """The first error of these, without a look at what follows it. Raises NotHL7, BadHeader."""
    return next((finding for finding in _findings(parse(text)) if finding.severity == "E"), None)


def _findings(message: Message) -> Iterator[Finding]:
    version, findings = _version(message)
    yield from findings
    structure = _structure(message, version)
    if structure is None:
        text = f"no structure of this message type is known in version {version}"
        yield Finding("W", "200", "MSH^1^9", text)
    else:
        yield from check_structure(message, structure)
    yield from check_fields(message, version)


def _version(message: Message) -> tuple[str, list[Finding]]:
    """The version whose definitions are used, and what was wrong with the message's own."""
    from hl7apy import SUPPORTED_LIBRARIES  # it imports every version it has

    sent = message.header.text(12)
    if sent in SUPPORTED_LIBRARIES:
        return sent, []
    known = {_numbers(version): version for version in SUPPORTED_LIBRARIES}
    wanted = _numbers(sent)
    below = [numbers for numbers in known if numbers <= wanted]
    version = known[max(below)] if below else DEFAULT_VERSION
    if not sent:
        return version, [Finding("E", "101", "MSH^1^12", f"the version is missing; checked as {version}")]
    if not below or wanted[:2] > (2, 9):
        return version, [Finding("E", "203", "MSH^1^12", f"not a version of HL7 v2; checked as {version}")]
    return version, [Finding("I", "203", "MSH^1^12", f"this version is checked as {version}")]


def _numbers(version: str) -> tuple[int, ...]:
    """(2, 5, 1) of `2.5.1`; empty when it is no version."""
    parts = version.split(".")
    if not 2 <= len(parts) <= 4 or not all(part.isdecimal() and len(part) <= 2 for part in parts):
        return ()
    return tuple(map(int, parts))


def _structure(message: Message, version: str) -> Any | None:
    """The segments that the message's type may have; None when hl7apy does not know the type."""
    from hl7apy import load_reference
    from hl7apy.exceptions import ChildNotFound

    message_type, event, structure = (message.header.text(9, component) for component in (1, 2, 3))
    named = f"{message_type}_{event}"
    for name in (structure, named, _STRUCTURES.get(named, ""), message_type):
        if name:
            try:
                return load_reference(name, "Message", version)
            except ChildNotFound:
                continue
    return None
