"""Layers of configuration: national profile, organization, sender, each overriding the one before by name.

A layer is a TOML document that people write, so that every mistake in it is said in its own terms. Below
the layers is HL7's guide itself: the maps and code tables of this package. README.md lists the settings.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib.resources import files
from typing import Any

from libs.errors import Permanent
from libs.fhir.definitions import codes, table
from libs.fhir.profiles import GUIDES
from libs.hl7v2.charset import UnsupportedCharset, decode_message
from libs.hl7v2.timestamp import UnknownZone, zone_name
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.rules import BadRule, Rule, read_rule
from libs.terminology.concept_map import NOTHING, Target, concept_map, map_names, tables

PROFILE, ORGANIZATION, SENDER = "profile", "organization", "sender:"
NAMES = f"{PROFILE}, {ORGANIZATION} or {SENDER}APPLICATION|FACILITY (MSH-3|MSH-4)"

_LISTS = ("patient_systems", "patient_identifier_types", "profiles")
_URIS = ("authorities", "code_systems")
_BY_NAME = ("codes", "translations")
_TEXTS = ("timezone", "charset", "jurisdiction", "unmapped")
_KNOWN = {"rule", *_TEXTS, *_LISTS, *_URIS, *_BY_NAME}
_CORE = "http://hl7.org/fhir/"  # where the code systems of FHIR itself are, all of whose codes are known


class BadLayer(Permanent):
    """The document is no layer; the text says which key is wrong and why."""


@dataclass(frozen=True)
class Layer:
    """One layer, checked."""

    values: Mapping[str, Any] = field(default_factory=dict)  # of MappingConfig's fields, by their names
    codes: Mapping[tuple[str, str], Mapping[str, Target]] = field(default_factory=dict)  # by table and map
    translations: Mapping[str, Mapping[str, Target]] = field(default_factory=dict)  # by coding system
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Layers:
    """The layers of an organization as they were at a version of its mapping."""

    version: int  # 0: there are none
    by_name: Mapping[str, Layer]

    def config(
        self, base: MappingConfig, sender: str, charset: str = "", timezone: str = ""
    ) -> MappingConfig:
        """What holds for the messages of a sender (MSH-3|MSH-4, as sent).

        `charset` and `timezone` are what the gateway says of the sender or its port, "" for nothing. They
        go before the organization's layers and after the sender's own: the closer to the sender, the surer.
        """
        by_name = {name: self.by_name[name] for name in self.by_name if name.startswith(SENDER)}
        application, _, facility = sender.partition("|")
        known = (f"{one}|{other}" for one in _names(application) for other in _names(facility))
        of_sender = next((SENDER + one for one in known if SENDER + one in by_name), "")
        in_order = [
            *(self.by_name[name] for name in (PROFILE, ORGANIZATION) if name in self.by_name),
            _of_gateway(charset, timezone),
            *(by_name[name] for name in [of_sender] if name),
        ]
        return configure(base, in_order)


def configure(base: MappingConfig, layers: Sequence[Layer]) -> MappingConfig:
    """What `base` becomes by the layers, the last winning."""
    config = base
    for layer in layers:
        values = dict(layer.values)
        for name in _URIS:
            values[name] = {**getattr(config, name), **values.get(name, {})}
        replaced = {rule.source for rule in layer.rules}
        kept = tuple(rule for rule in config.rules if rule.source not in replaced)
        config = replace(
            config,
            **values,
            codes=_over(config.codes, layer.codes),
            translations=_over(config.translations, layer.translations),
            rules=kept + layer.rules,
        )
    return config


def check_name(name: str) -> None:
    """Raises BadLayer when there can be no layer of that name."""
    application, bar, facility = name.removeprefix(SENDER).partition("|")
    is_sender = name.startswith(SENDER) and bar and (application or facility) and "|" not in facility
    if name not in (PROFILE, ORGANIZATION) and not is_sender:
        raise BadLayer(f"{name!r} is no layer; a layer is {NAMES}")


def read_layer(name: str, text: str) -> Layer:
    """The layer of that name which the TOML document states. Raises BadLayer."""
    check_name(name)
    try:
        return _layer(tomllib.loads(text))
    except (BadLayer, BadRule) as error:
        raise BadLayer(f"layer {name}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise BadLayer(f"layer {name} is no TOML document: {error}") from None


def shipped() -> list[str]:
    """The names of the national profiles that come with this release."""
    names = (file.name for file in files(__package__).joinpath("profiles").iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def shipped_profile(name: str) -> str:
    """The TOML text of a national profile that comes with this release. Raises BadLayer."""
    if name not in shipped():
        raise BadLayer(f"no profile {name!r} is shipped; there are {', '.join(shipped())}")
    return files(__package__).joinpath("profiles", f"{name}.toml").read_text("utf-8")


def _of_gateway(charset: str, timezone: str) -> Layer:
    said = {"charset": charset, "default_timezone": timezone}
    return Layer({name: value for name, value in said.items() if value})


def _names(party: str) -> tuple[str, str]:
    """A sender may be called by the whole field or by its first component."""
    return party, party.partition("^")[0]


def _over(
    lower: Mapping[Any, Mapping[str, Target]], upper: Mapping[Any, Mapping[str, Target]]
) -> dict[Any, Mapping[str, Target]]:
    return {**lower, **{key: {**lower.get(key, {}), **targets} for key, targets in upper.items()}}


def _layer(document: dict[str, Any]) -> Layer:
    if unknown := sorted(document.keys() - _KNOWN):
        raise BadLayer(f"{unknown[0]} is no setting of a layer; known are {', '.join(sorted(_KNOWN))}")
    rules = document.get("rule", [])
    if not isinstance(rules, list):
        raise BadLayer("rules are written as [[rule]]")
    return Layer(
        values=_values(document),
        codes=_codes(_table(document, "codes")),
        translations={
            system: _translation(system, stated)
            for system, stated in _table(document, "translations").items()
        },
        rules=tuple(_rule(number, stated) for number, stated in enumerate(rules, 1)),
    )


def _rule(number: int, stated: Any) -> Rule:
    try:
        return read_rule(stated)
    except BadRule as error:
        raise BadRule(f"rule {number}: {error}") from None


def _values(document: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in _TEXTS:
        if name in document:
            values |= _CHECKS[name](_text(name, document[name]))
    for name in _LISTS:
        if name in document:
            stated = document[name]
            if not isinstance(stated, list) or not all(isinstance(one, str) for one in stated):
                raise BadLayer(f"{name} must be a list of texts")
            check = _ITEMS.get(name, str)
            values[name] = tuple(check(one) for one in stated)
    for name in _URIS:
        if name in document:
            values[name] = {key: _uri(f"{name}.{key}", uri) for key, uri in _table(document, name).items()}
    return values


def _codes(stated: dict[str, Any]) -> dict[tuple[str, str], dict[str, Target]]:
    """`[codes.0001.AdministrativeSex]`: codes of a sender and what they become, `code` or `system|code`."""
    found = {}
    for number, maps in stated.items():
        if number not in tables():
            raise BadLayer(f"codes.{number}: there are no maps of such a table; write [codes.0001.NAME]")
        for name in _table(stated, number, "codes."):
            where = f"codes.{number}.{name}"
            if name not in map_names(number):
                raise BadLayer(f"{where}: there is no such map; table {number} has {_quoted(number)}")
            targets = concept_map(number, name).targets.values()
            system = next((one.system for one in targets if one), "")
            found[number, name] = {
                code: _target(f"{where}.{code}", text, system)
                for code, text in _table(maps, name, f"codes.{number}.").items()
            }
    return found


def _translation(system: str, stated: Any) -> dict[str, Target]:
    """`[translations.LAB]`: codes of a coding system (CWE-3) and what they are elsewhere, `system|code`."""
    where = f"translations.{system}"
    if not isinstance(stated, dict):
        raise BadLayer(f"{where} must be a table of codes")
    return {code: _target(f"{where}.{code}", text, "") for code, text in stated.items()}


def _target(where: str, text: Any, system: str) -> Target:
    if not isinstance(text, str):
        raise BadLayer(f"{where} must be a text: a code, system|code, or nothing")
    if not text:
        return NOTHING
    stated, separator, code = text.rpartition("|")
    system = _uri(where, stated) if separator else system
    if not system or not code:
        raise BadLayer(f"{where} must be system|code, such as http://loinc.org|718-7")
    allowed = _codes_of(system) if system.startswith(_CORE) else frozenset()
    if allowed and code not in allowed:
        raise BadLayer(f"{where}: {code!r} is no code of {system}; it has {', '.join(sorted(allowed))}")
    return Target(system, code)


@cache
def _codes_of(system: str) -> frozenset[str]:
    """The codes of a code system of FHIR itself; empty when no element is bound to it."""
    expansions = (codes(value_set) or {} for value_set in table.names("codes"))
    return frozenset(code for expansion in expansions for code in expansion.get(system, ()))


def _quoted(number: str) -> str:
    return ", ".join(f'"{name}"' for name in map_names(number))


def _table(document: dict[str, Any], name: str, where: str = "") -> dict[str, Any]:
    stated = document.get(name, {}) if isinstance(document, dict) else None
    if not isinstance(stated, dict):
        raise BadLayer(f"{where}{name} must be a table")
    return stated


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise BadLayer(f"{name} must be a text")
    return value


def _uri(where: str, uri: Any) -> str:
    if not isinstance(uri, str) or ":" not in uri or any(character.isspace() for character in uri):
        raise BadLayer(f"{where} must be a URI")
    return uri


def _guide(name: str) -> str:
    if name not in GUIDES:
        raise BadLayer(f"profiles: {name!r} is no guide known here; there is {', '.join(GUIDES)}")
    return name


def _zone(name: str) -> dict[str, Any]:
    try:
        return {"default_timezone": zone_name(name)}
    except UnknownZone as error:
        raise BadLayer(f"timezone: {name!r} is {error}") from None


def _charset(name: str) -> dict[str, Any]:
    try:
        _, doubts = decode_message(b"MSH|^~\\&|", name)
    except UnsupportedCharset as error:
        raise BadLayer(f"charset: {error}") from None
    if doubts:
        raise BadLayer(f"charset: {name!r} is not in HL7 table 0211, such as 8859/1 or UNICODE UTF-8")
    return {"charset": name}


def _jurisdiction(code: str) -> dict[str, Any]:
    if len(code) != 2 or not code.isascii() or not code.isalpha() or not code.isupper():
        raise BadLayer(f"jurisdiction: {code!r} is no country code of ISO 3166, such as AT")
    return {"jurisdiction": code}


def _unmapped(policy: str) -> dict[str, Any]:
    if policy not in ("pass", "park"):
        raise BadLayer('unmapped must be "pass" or "park"')
    return {"park_unmapped": policy == "park"}


_ITEMS: dict[str, Callable[[str], str]] = {
    "patient_systems": partial(_uri, "patient_systems"),
    "profiles": _guide,
}
_CHECKS = {
    "timezone": _zone,
    "charset": _charset,
    "jurisdiction": _jurisdiction,
    "unmapped": _unmapped,
}
