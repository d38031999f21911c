"""What holds for every message: it becomes valid FHIR or is refused, and always the same.

A bundle without validation errors whose references resolve, or a Permanent that says why; no other error.
"""

from collections.abc import Iterator
from typing import Any

from libs.errors import Permanent
from libs.fhir.bundle import transaction
from libs.fhir.json import dumps, loads
from libs.fhir.validate import validate
from libs.hl7v2.message import parse
from libs.mapping.inbound.mapper import MappingConfig, map_message

CONFIGS = (
    MappingConfig(),
    MappingConfig(default_timezone="Europe/Vienna"),
    MappingConfig(default_timezone="America/New_York", jurisdiction="US"),
)


def broken(text: str, config: MappingConfig) -> str:
    """Which promise the text breaks, "" for none. Raises what the mapping must not raise."""
    try:
        found = map_message(parse(text), config)
    except Permanent as error:
        return "" if str(error) else "a refusal that does not say why"
    written = dumps(transaction(found.entries))
    again = map_message(parse(text), config)
    if dumps(transaction(again.entries)) != written:
        return "the same message, another bundle"
    dumps(found.report.to_dict())
    bundle = loads(written)
    known = {entry["fullUrl"] for entry in bundle["entry"]}
    if len(known) != len(bundle["entry"]):
        return "two entries for one resource"
    if lost := set(_references(bundle)) - known:
        return f"{len(lost)} references that do not resolve"
    for entry in bundle["entry"]:
        for one in validate(entry["resource"]):
            if one.severity in {"error", "fatal"}:
                return f"{entry['resource']['resourceType']}: {one.expression}: {one.diagnostics}"
    return ""


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)
