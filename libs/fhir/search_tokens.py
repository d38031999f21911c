"""How tokens, references and uris are indexed: as keys.

A function here takes (collector, parameter, walk, value) and passes over a value of another shape.
"""

from typing import Any

from libs.fhir.definitions import Walk
from libs.fhir.reference import parse_reference
from libs.fhir.search_collector import Collector, Take, many
from libs.fhir.search_keys import IDENTIFIER_MODIFIER, Form

# --- Token ---


def _codeable_concept(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if not isinstance(value, dict):
        return
    collector.present.add(parameter)
    collector.words(parameter, value.get("text"))
    for coding in many(value.get("coding")):
        if isinstance(coding, dict):
            _coding(collector, parameter, walk, coding)


def _coding(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if not isinstance(value, dict):
        return
    collector.present.add(parameter)
    if isinstance(code := value.get("code"), str):
        collector.coded(parameter, value.get("system"), code)
    collector.words(parameter, value.get("display"))


def _identifier(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if not isinstance(value, dict):
        return
    collector.present.add(parameter)
    if not isinstance(text := value.get("value"), str):
        return
    collector.coded(parameter, value.get("system"), text)
    kind = value.get("type")
    if not isinstance(kind, dict):
        return
    for coding in many(kind.get("coding")):
        if isinstance(coding, dict) and isinstance(code := coding.get("code"), str):
            collector.token(parameter, Form.OF_TYPE, f"{coding.get('system', '')}|{code}", text)


def _contact_point(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    """The value as it is, without case, and for a telephone its digits alone."""
    if isinstance(value, dict) and isinstance(text := value.get("value"), str):
        collector.present.add(parameter)
        digits = "".join(filter(str.isdigit, text)) if value.get("system") != "email" else ""
        for form in {text, text.lower(), digits} - {""}:
            collector.token(parameter, Form.CODE, "", form)


def _boolean(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, bool):
        collector.present.add(parameter)
        collector.coded(parameter, None, "true" if value else "false")


def _code(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, str):
        collector.present.add(parameter)
        collector.coded(parameter, walk.system, value)


def bound_code(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    """A code of the one system its parameter can have: naming the system adds nothing."""
    if isinstance(value, str):
        collector.present.add(parameter)
        collector.token(parameter, Form.CODE, "", value)


def deceased(collector: Collector, value: Any, resource: dict[str, Any]) -> None:
    """Patient.deceased.exists() and Patient.deceased != false: true or false for every patient."""
    dead = bool(resource.get("deceasedDateTime")) or resource.get("deceasedBoolean") is True
    collector.present.add("deceased")
    collector.coded("deceased", None, "true" if dead else "false")


# --- Reference and uri ---


def _reference(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if not isinstance(value, dict):
        return
    text = value.get("reference")
    literal = parse_reference(text) if isinstance(text, str) else None
    kind = literal.type if literal else value.get("type")
    if walk.target and kind != walk.target:
        return
    collector.present.add(parameter)
    if literal and literal.base is None:
        collector.token(parameter, Form.REFERENCE, literal.type, literal.id)
        collector.values.references.append((parameter, literal.type, literal.id))
    elif isinstance(text, str) and not text.startswith("#"):
        collector.token(parameter, Form.URI, "", text)
    identifier = value.get("identifier")
    if isinstance(identifier, dict) and isinstance(code := identifier.get("value"), str):
        collector.coded(parameter + IDENTIFIER_MODIFIER, identifier.get("system"), code)


def _canonical(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    """A canonical is found with its version and without."""
    if isinstance(value, str):
        _reference(collector, parameter, walk, {"reference": value})
        if "|" in value:
            collector.token(parameter, Form.URI, "", value.partition("|")[0])


def _uri(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, str):
        collector.present.add(parameter)
        collector.token(parameter, Form.URI, "", value)
        if "|" in value:
            collector.token(parameter, Form.URI, "", value.partition("|")[0])
        if not parameter.startswith("_"):  # what every resource has is not worth a row each
            collector.values.strings.append((parameter, value))  # for :below, so as it is written


def _attachment(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, dict):
        _canonical(collector, parameter, walk, value.get("url"))


def _contained(collector: Collector, parameter: str, walk: Walk, value: Any) -> None:
    if isinstance(value, dict) and "id" in value:
        _canonical(collector, parameter, walk, f"{value.get('resourceType')}/{value['id']}")


TOKENS: dict[tuple[str, str], Take] = {
    ("token", "CodeableConcept"): _codeable_concept,
    ("token", "Coding"): _coding,
    ("token", "Identifier"): _identifier,
    ("token", "ContactPoint"): _contact_point,
    ("token", "boolean"): _boolean,
    ("token", "code"): _code,
    ("token", "id"): _code,
    ("token", "string"): _code,
    ("token", "uri"): _code,
    ("reference", "Reference"): _reference,
    ("reference", "canonical"): _canonical,
    ("reference", "uri"): _canonical,
    ("reference", "Attachment"): _attachment,
    ("reference", "Resource"): _contained,
    ("uri", "uri"): _uri,
    ("uri", "url"): _uri,
    ("uri", "canonical"): _uri,
}
