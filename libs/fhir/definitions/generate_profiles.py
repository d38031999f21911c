"""Writes the table of US Core's profiles that libs.fhir.profiles reads, out of its structure definitions.

    python -m libs.fhir.definitions.generate_profiles FOLDER

FOLDER has the `StructureDefinition-*.json` of the FHIR package hl7.fhir.us.core, version 6.1.0, CC0-1.0: the
`package` folder of it, unpacked. What the table says is what a profile asks beyond R4 itself.

The table is JSON, compressed: by canonical URL a profile's type, base, marks and rule. A rule is about one
element and has, each where it says something: `min`, `max` (occurrences), `types` (of a choice, those
allowed), `fixed`, `pattern`, `codes` (a value set of which a code has to be), `targets` (types that may be
referred to), `profile` (of an extension), `keys` (constraints), `elements` (rules of its elements, by name)
and `slices` (with `match`, what tells a slice's items: [path, `fixed`, `pattern` or `codes`, value] each).
"""

import gzip
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from libs.fhir.definitions import Element, codes, elements
from libs.fhir.definitions.generate_profile_codes import CODES, MARKS
from libs.fhir.definitions.profile_table import PATH

CORE = "http://hl7.org/fhir/StructureDefinition/"
VITAL_SIGNS = CORE + "vitalsigns"  # the profile in R4 that those of vital signs are made from
UNBOUNDED = 1 << 31

Definition = dict[str, Any]
Record = dict[str, Any]


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    written = orjson.dumps(table(Path(sys.argv[1])))
    PATH.write_bytes(gzip.compress(written, compresslevel=9, mtime=0))
    print(f"{PATH}: {PATH.stat().st_size} bytes, {len(written)} unpacked")


def table(folder: Path) -> Record:
    """All of the table."""
    definitions = {}
    for file in sorted(folder.glob("StructureDefinition-*.json")):
        definition = orjson.loads(file.read_bytes())
        definitions[definition["url"]] = definition
    types = {url: definition["type"] for url, definition in definitions.items()}
    profiles = {url: _profile(definition, types) for url, definition in definitions.items()}
    shared = {record["type"] for record in profiles.values() if record["type"] != "Extension"}
    several = {kind for kind in shared if [p["type"] for p in profiles.values()].count(kind) > 1}
    for url, record in profiles.items():
        if marks := MARKS.get(url.rpartition("/")[2]):
            record["marks"] = marks
        elif record["type"] in several:
            record["marks"] = _marks(record["rule"])
    return {"version": "6.1.0", "profiles": profiles, "codes": CODES}


def _profile(definition: Definition, types: dict[str, str]) -> Record:
    read = _Reader(definition["snapshot"]["element"], types)
    return {"type": definition["type"], "base": definition["baseDefinition"], "rule": read.rule()}


class _Reader:
    """The elements of one snapshot, as rules."""

    def __init__(self, listed: list[Definition], types: dict[str, str]) -> None:
        self._by_id = {element["id"]: element for element in listed}
        self._children: dict[str, list[Definition]] = {}
        self._slices: dict[str, list[Definition]] = {}
        self._root = listed[0]
        self._types = types
        for element in listed[1:]:
            identity = element["id"]
            if "sliceName" in element:
                self._slices.setdefault(identity.rpartition(":")[0], []).append(element)
            else:
                self._children.setdefault(identity.rpartition(".")[0], []).append(element)

    def rule(self) -> Record:
        return self._elements(self._root) | self._keys(self._root)

    def _rule(self, element: Definition) -> Record:
        """What is asked of an element, but for its slices."""
        base = _base(element)
        record = _occurrences(element, element["base"]) | self._value(element) | self._keys(element)
        types = [kind["code"] for kind in element.get("type", ())]
        if base is not None and set(types) < set(base.types) and base.choice:
            record["types"] = types
        if base is not None and (targets := self._targets(element, base)):
            record["targets"] = targets
        return record | self._elements(element)

    def _elements(self, parent: Definition) -> Record:
        found: dict[str, Record] = {}
        for element in self._children.get(parent["id"], ()):
            name = element["path"].rpartition(".")[2]
            if name == "id" or (name == "url" and element["path"] == "Extension.url"):
                continue
            record = self._rule(element)
            slices = self._slices.get(element["id"], [])
            if name.endswith("[x]"):
                found |= self._choices(name, slices)
                if _is_closed(element):
                    record["types"] = [one["type"][0]["code"] for one in slices]
            elif slices:
                record |= self._sliced(element, slices)
            if record:
                found[name] = record
        return {"elements": found} if found else {}

    def _choices(self, name: str, slices: Iterable[Definition]) -> dict[str, Record]:
        """Slices by type are rules of the JSON name that the type gives the element."""
        found = {}
        for one in slices:
            kind = one["type"][0]["code"]
            if record := {k: v for k, v in self._rule(one).items() if k != "types"}:
                found[name.removesuffix("[x]") + kind[0].upper() + kind[1:]] = record
        return found

    def _sliced(self, element: Definition, slices: Iterable[Definition]) -> Record:
        found = []
        for one in slices:
            record = {"name": one["sliceName"], "match": [*self._matches(element, one)]}
            record |= _occurrences(one, {"min": 0, "max": "*"})
            if (profile := _extension(one)) in self._types:
                record["profile"] = profile
            again = self._keys(element)  # what every item is checked for, and what it is told by
            again |= {kind: value for path, kind, value in record["match"] if not path}
            rule = {k: v for k, v in self._rule(one).items() if k not in ("min", "max") and v != again.get(k)}
            if rule:
                record["rule"] = rule
            found.append(record)
        return {"slices": found} | ({"closed": 1} if _is_closed(element) else {})

    def _matches(self, element: Definition, one: Definition) -> Iterator[list[Any]]:
        for discriminator in element.get("slicing", {"discriminator": [{"path": "url"}]})["discriminator"]:
            path = discriminator["path"]
            told = one if path == "$this" else self._by_id.get(f"{one['id']}.{path}")
            steps = [] if path == "$this" else path.split(".")
            if path == "url" and (profile := _extension(one)):
                yield [steps, "fixed", profile]
            elif told is not None and (value := self._value(told)):
                kind = next(kind for kind in ("fixed", "pattern", "codes") if kind in value)
                yield [steps, kind, value[kind]]
            else:
                raise ValueError(f"{one['id']}: nothing tells the items of this slice")

    def _value(self, element: Definition) -> Record:
        for name, value in element.items():
            for kind in ("fixed", "pattern"):
                if name.startswith(kind) and name[len(kind)].isupper():
                    return {kind: value}
        binding = element.get("binding", {})
        value_set = binding.get("valueSet", "").partition("|")[0]
        base = _base(element)
        is_own = binding.get("strength") == "required" and (base is None or base.binding != value_set)
        is_listed = value_set in CODES or codes(value_set) is not None
        return {"codes": value_set} if is_own and is_listed else {}

    def _keys(self, element: Definition) -> Record:
        keys = [
            constraint["key"]
            for constraint in element.get("constraint", ())
            if constraint["severity"] == "error" and _is_own(constraint.get("source", ""))
        ]
        return {"keys": keys} if keys else {}

    def _targets(self, element: Definition, base: Element) -> list[str]:
        """The types that may be referred to, where they are fewer than in R4."""
        found = set()
        for kind in element.get("type", ()):
            for profile in kind.get("targetProfile", ()):
                target = self._types.get(profile) or profile.removeprefix(CORE)
                if "/" in target or target == "Resource":
                    return []
                found.add(target)
        return sorted(found) if found and (not base.targets or found < set(base.targets)) else []


def _base(element: Definition) -> Element | None:
    """The element of R4 that this one constrains."""
    node, _, name = element.get("base", {}).get("path", "").rpartition(".")
    return next((one for one in elements(node) if one.name == name.removesuffix("[x]")), None)


def _occurrences(element: Definition, base: Record) -> Record:
    """Minimum and maximum, where they are narrower than the base's."""
    found = {}
    if element["min"] > base["min"]:
        found["min"] = element["min"]
    if _bound(element["max"]) < _bound(base["max"]):
        found["max"] = _bound(element["max"])
    return found


def _bound(maximum: str) -> int:
    return UNBOUNDED if maximum == "*" else int(maximum)


def _is_own(source: str) -> bool:
    """Whether R4 itself has no such constraint."""
    return not source.startswith(CORE) or source == VITAL_SIGNS


def _is_closed(element: Definition) -> bool:
    return bool(element.get("slicing", {}).get("rules") == "closed")


def _extension(element: Definition) -> str | None:
    for kind in element.get("type", ()):
        if kind["code"] == "Extension":
            return next(iter(kind.get("profile", ())), None)
    return None


def _marks(rule: Record) -> Record:
    """What makes a resource a candidate for a profile whose type has several: its code, else its category."""
    code = rule["elements"].get("code", {})
    by_slice = code.get("elements", {}).get("coding", {}).get("slices", ())
    of_slices = [coding for one in by_slice for coding in _told(one)]
    if codings := [*_codings(code.get("pattern", {})), *of_slices]:
        return {"code": codings}
    slices = rule["elements"].get("category", {}).get("slices", ())
    required = [one for one in slices if one.get("min")] or slices
    return {"category": [coding for one in required for coding in _told(one)]}


def _told(one: Record) -> list[list[str]]:
    """The codings of which one has to be in an item of the slice."""
    found: list[list[str]] = []
    parts: dict[str, str] = {}
    for steps, kind, value in one["match"]:
        if kind == "codes":
            found += [[system, code] for system, codes in CODES[value].items() for code in codes or ()]
        elif kind == "pattern":
            found += _codings(value)
        else:
            parts[steps[-1]] = value
    return found + ([[parts["system"], parts["code"]]] if parts else [])


def _codings(pattern: Record) -> list[list[str]]:
    listed = pattern.get("coding", [pattern] if "code" in pattern else [])
    return [[coding["system"], coding["code"]] for coding in listed]


if __name__ == "__main__":
    main()
