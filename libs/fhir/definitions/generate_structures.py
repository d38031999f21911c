"""Reads the structure of every R4 type out of the definitions package, without that package's own changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

SYSTEM_TYPES = "http://hl7.org/fhirpath/System."
STRUCTURE = "http://hl7.org/fhir/StructureDefinition/"
REGEX = STRUCTURE + "regex"
FHIR_TYPE = STRUCTURE + "structuredefinition-fhir-type"
NOT_IN_R4 = {"SubscriptionStatus", "MetadataResource"}
ABSTRACT = {"Resource", "DomainResource", "Element", "BackboneElement"}
NOT_STORED = {"Parameters"}

# Types whose structures the package changed: for these its data elements, which it left alone, decide.
CHANGED = {
    "AuditEvent",
    "Binary",
    "Bundle",
    "DetectedIssue",
    "DeviceDefinition",
    "EvidenceVariable",
    "MeasureReport",
    "Meta",
    "ObservationDefinition",
    "ResearchStudy",
}
LOOSENED = {"EvidenceVariable.characteristic": 1}  # minimum of a node, which data elements do not list
ALWAYS = {"id", "extension", "modifierExtension"}  # not listed among the data elements of every type

Node = list[list[Any]]  # the elements of one type or backbone element: [name, min, many, types, extras]


@dataclass(frozen=True)
class Structures:
    """All types: name -> {path of the type or of a backbone element in it -> its elements}."""

    types: dict[str, dict[str, Node]]
    primitives: dict[str, str]  # name -> regular expression of its text
    resources: list[str]  # the storable ones

    def element(self, path: str, name: str) -> list[Any] | None:
        """The element `name` of the type or backbone element at `path`."""
        node = self.types.get(path.partition(".")[0], {}).get(path, [])
        return next((element for element in node if element[0] == name), None)

    def required_value_sets(self) -> set[str]:
        elements = (e for nodes in self.types.values() for node in nodes.values() for e in node)
        return {element[4]["binding"] for element in elements if "binding" in element[4]}


def read_structures(folder: Path) -> Structures:
    truth = {element["path"]: element for element in _data_elements(folder)}
    types: dict[str, dict[str, Node]] = {}
    primitives: dict[str, str] = {}
    resources = []
    for definition in _definitions(folder):
        name = definition["id"]
        if definition["kind"] == "primitive-type":
            primitives[name] = _regex(definition)
        else:
            types[name] = _nodes(name, definition["snapshot"]["element"], truth)
            if definition["kind"] == "resource" and name not in ABSTRACT | NOT_STORED:
                resources.append(name)
    return Structures(types, primitives, sorted(resources))


def _definitions(folder: Path) -> Iterator[dict[str, Any]]:
    for file in ("profiles-types.json", "profiles-resources.json"):
        for entry in orjson.loads((folder / file).read_bytes())["entry"]:
            found = entry["resource"]
            if (
                found["resourceType"] == "StructureDefinition"
                and found.get("derivation") != "constraint"
                and found["kind"] != "logical"
                and found["id"] not in NOT_IN_R4
            ):
                yield found


def _data_elements(folder: Path) -> Iterator[dict[str, Any]]:
    for entry in orjson.loads((folder / "dataelements.json").read_bytes())["entry"]:
        yield entry["resource"]["snapshot"]["element"][0]


def _nodes(name: str, elements: list[dict[str, Any]], truth: dict[str, dict[str, Any]]) -> dict[str, Node]:
    """The elements of `name` grouped by the node they belong to, as R4 has them."""
    published = {element["path"]: element for element in elements[1:]}
    if name in CHANGED:
        published = _restored(name, published, truth)
    parents = {path.rpartition(".")[0] for path in published}
    nodes: dict[str, Node] = {}
    for path, element in published.items():
        node, _, last = path.rpartition(".")
        if element["max"] != "0":
            nodes.setdefault(node, []).append(_element(path, last, element, is_node=path in parents))
    return nodes


def _restored(
    name: str, changed: dict[str, dict[str, Any]], truth: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The elements of a changed type without what the package added and with what it took away."""
    ours = [path for path in truth if path.startswith(name + ".")]
    nodes = {path for path in changed if any(child.startswith(path + ".") for child in ours)} | {name}
    restored = {}
    for path in [*changed, *(path for path in ours if path not in changed)]:
        node, _, last = path.rpartition(".")
        listed = changed.get(path, {})
        if path in truth:
            restored[path] = truth[path]
        elif path in nodes or (node in nodes and (last in ALWAYS or "contentReference" in listed)):
            restored[path] = listed | ({"min": LOOSENED[path]} if path in LOOSENED else {})
    return restored


def _element(path: str, last: str, element: dict[str, Any], *, is_node: bool) -> list[Any]:
    extras: dict[str, Any] = {}
    binding = element.get("binding", {})
    if binding.get("strength") == "required":
        extras["binding"] = binding["valueSet"].partition("|")[0]
    if element.get("isSummary"):
        extras["summary"] = 1
    targets = {
        target.removeprefix(STRUCTURE)
        for kind in element.get("type", [])
        if kind["code"] == "Reference"
        for target in kind.get("targetProfile", [])
    } - {"Resource"}
    if targets:
        extras["targets"] = sorted(targets)
    if reference := element.get("contentReference"):
        types = [reference.partition("#")[2]]
    elif is_node:
        types = [path]
    else:
        types = [_type(kind) for kind in element["type"]]
    if last.endswith("[x]"):
        extras["choice"] = 1
        last = last.removesuffix("[x]")
    return [last, element["min"], int(element["max"] != "1"), types, extras]


def _type(kind: dict[str, Any]) -> str:
    code: str = kind["code"]
    if not code.startswith(SYSTEM_TYPES):
        return code
    return next((e["valueUrl"] for e in kind.get("extension", []) if e["url"] == FHIR_TYPE), "string")


def _regex(definition: dict[str, Any]) -> str:
    value = definition["snapshot"]["element"][-1]
    for kind in value["type"]:
        for extension in kind.get("extension", []):
            if extension["url"] == REGEX:
                return str(extension["valueString"])
    return ""
