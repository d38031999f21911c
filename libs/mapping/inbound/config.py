"""What an organization decides about the mapping of its messages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from libs.terminology.concept_map import Target

if TYPE_CHECKING:
    from libs.mapping.inbound.rules import Rule

PATIENT_IDENTIFIER_TYPES = ("MR", "PI", "MRN", "PT", "PE", "PN", "U")  # table 0203, best first
NO_CODES: Mapping[tuple[str, str], Mapping[str, Target]] = MappingProxyType({})
NO_TRANSLATIONS: Mapping[str, Mapping[str, Target]] = MappingProxyType({})
NO_ENTRIES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class MappingConfig:
    """The same message under the same configuration always gives the same result."""

    organization: str = "default"
    # IANA name of the zone of times without an offset, when MSH-7 has none either. With None they keep
    # the precision of a date.
    default_timezone: str | None = "UTC"
    # Assigning authorities, by namespace (HD.1) or universal id (HD.2), and the URIs of their identifiers.
    authorities: Mapping[str, str] = field(default_factory=lambda: NO_ENTRIES)
    # Local coding systems, by the name in CWE-3, and their URIs.
    code_systems: Mapping[str, str] = field(default_factory=lambda: NO_ENTRIES)
    # Which of a patient's identifiers says who it is: these authorities' (URIs) first, then these types.
    patient_systems: tuple[str, ...] = ()
    patient_identifier_types: tuple[str, ...] = PATIENT_IDENTIFIER_TYPES
    # Codes of the organization's senders, by table and map, that go before the guide's (layers.py).
    codes: Mapping[tuple[str, str], Mapping[str, Target]] = field(default_factory=lambda: NO_CODES)
    # Codes of a local coding system, by its name in CWE-3, and what they are in a system known to others.
    translations: Mapping[str, Mapping[str, Target]] = field(default_factory=lambda: NO_TRANSLATIONS)
    charset: str = ""  # of a message whose MSH-18 is empty; "": none is agreed
    park_unmapped: bool = False  # a message with a code that no map knows waits for the map
    rules: "tuple[Rule, ...]" = ()  # what becomes of fields that no map knows (rules.py)
    profiles: tuple[str, ...] = ()  # guides of whose profiles a resource claims those it conforms to
    jurisdiction: str = "US"  # ISO 3166 code; decides what PID-19 is a number of
