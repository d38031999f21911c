"""Layers of configuration: profile, organization, sender, each overriding the one before by name.

A layer is a TOML document that people write, so that every mistake in it is said in its own terms.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

from libs.errors import Permanent
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.rules import Rule, read_rule
from libs.terminology.concept_map import NOTHING, Target, concept_map

_TEXTS = ("timezone", "jurisdiction")
_LISTS = ("patient_systems", "patient_identifier_types")
_TABLES = ("authorities", "code_systems")
_KNOWN = {"name", "version", "codes", "rule", *_TEXTS, *_LISTS, *_TABLES}


class BadLayer(Permanent):
    """The document is no layer; the text says which key is wrong and why."""


@dataclass(frozen=True)
class Layer:
    """One layer, checked."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)  # of MappingConfig's fields, by their names
    codes: dict[tuple[str, str], dict[str, Target]] = field(default_factory=dict)  # by table and map
    rules: tuple[Rule, ...] = ()


def read_layer(text: str) -> Layer:
    """The layer that the TOML document states. Raises BadLayer, and BadRule for a rule."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadLayer(f"no TOML document: {error}") from None
    if unknown := sorted(document.keys() - _KNOWN):
        raise BadLayer(f"{unknown[0]} is no setting of a layer; known are {', '.join(sorted(_KNOWN))}")
    name = document.get("name")
    if not isinstance(name, str) or not name:
        raise BadLayer("a layer needs a name")
    rules = document.get("rule", [])
    if not isinstance(rules, list):
        raise BadLayer("rules are written as [[rule]]")
    return Layer(name, _values(document), _codes(document.get("codes", {})), tuple(map(read_rule, rules)))


def configure(organization: str, layers: Sequence[Layer]) -> MappingConfig:
    """The configuration of an organization (and a sender) from its layers, the last winning."""
    config = MappingConfig(organization)
    for layer in layers:
        codes = dict(config.codes)
        for key, targets in layer.codes.items():
            codes[key] = {**codes.get(key, {}), **targets}
        values = dict(layer.values)
        for table in _TABLES:
            values[table] = {**getattr(config, table), **values.get(table, {})}
        replaced = {(rule.segment, rule.field, rule.component) for rule in layer.rules}
        kept = tuple(
            rule for rule in config.rules if (rule.segment, rule.field, rule.component) not in replaced
        )
        config = replace(config, **values, codes=codes, rules=kept + layer.rules)
    return config


def _values(document: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in _TEXTS:
        if name in document:
            values["default_timezone" if name == "timezone" else name] = _text(name, document[name])
    for name in _LISTS:
        if name in document:
            stated = document[name]
            if not isinstance(stated, list) or not all(isinstance(one, str) for one in stated):
                raise BadLayer(f"{name} must be a list of texts")
            values[name] = tuple(stated)
    for name in _TABLES:
        if name in document:
            values[name] = _uris(name, document[name])
    if zone := values.get("default_timezone"):
        _check_zone(zone)
    return values


def _uris(name: str, stated: Any) -> dict[str, str]:
    if not isinstance(stated, dict):
        raise BadLayer(f"{name} must be a table of names and URIs")
    for key, uri in stated.items():
        if not isinstance(uri, str) or ":" not in uri or any(character.isspace() for character in uri):
            raise BadLayer(f"{name}.{key} must be a URI")
    return stated


def _codes(stated: Any) -> dict[tuple[str, str], dict[str, Target]]:
    """`[codes.0001.AdministrativeSex]`: codes of a sender and what they become, `code` or `system|code`."""
    if not isinstance(stated, dict):
        raise BadLayer("codes must be tables: [codes.0001.AdministrativeSex]")
    found = {}
    for table, maps in stated.items():
        for name, codes in maps.items() if isinstance(maps, dict) else ():
            try:
                concepts = concept_map(table, name)
            except (KeyError, FileNotFoundError):
                raise BadLayer(f"codes.{table}.{name}: there is no such map") from None
            system = next((one.system for one in concepts.targets.values() if one), "")
            found[table, name] = {code: _target(code, text, system) for code, text in dict(codes).items()}
    return found


def _target(code: str, text: Any, system: str) -> Target:
    if not isinstance(text, str):
        raise BadLayer(f"the target of the code {code!r} must be a text")
    if not text:
        return NOTHING
    stated, separator, target = text.rpartition("|")
    return Target(stated if separator else system, target)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadLayer(f"{name} must be a text")
    return value


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise BadLayer(f"timezone: {name!r} is no time zone of the IANA database") from None
