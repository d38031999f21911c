"""Coding systems: from the name that an HL7 message gives (CWE-3) to the URI that FHIR knows."""

import re
import tomllib
from functools import cache, lru_cache
from importlib.resources import files

from libs.terminology.concept_map import V2_TABLE

_HL7_TABLE = re.compile(r"(?:HL7-?)?0?(\d{4})$")  # HL70001, HL7-0001, HL700001, 0001
_URI = re.compile(r"(?:https?://|urn:)\S+$")
_OID = re.compile(r"[0-2](\.(0|[1-9]\d*)){2,}$")


@lru_cache(4096)
def system_uri(name: str) -> str | None:
    """The URI of the coding system that a message calls `name`; None when it is a local one."""
    name = name.strip()
    if known := _names().get(name.upper()):
        return known
    if table := _HL7_TABLE.match(name.upper()):
        return V2_TABLE + table[1]
    if _OID.match(name):
        return f"urn:oid:{name}"
    return name if _URI.match(name) else None


@cache
def _names() -> dict[str, str]:
    return tomllib.loads(files(__package__).joinpath("code_systems.toml").read_text("utf-8"))
