"""Every message of the shared corpus: no exception, valid FHIR by two validators, references that resolve."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from libs.errors import Permanent
from libs.fhir.bundle import transaction
from libs.fhir.claims import claim_issues
from libs.fhir.json import dumps, loads
from libs.fhir.validate import validate
from libs.hl7v2.charset import decode_message
from libs.hl7v2.message import parse
from libs.mapping.inbound.layers import configure, read_layer, shipped_profile
from libs.mapping.inbound.mapper import MappingConfig, map_message

CORPUS = Path(os.environ.get("EHR_TEST_CORPUS", Path(__file__).parents[4] / "shared" / "corpus"))


def messages() -> list[str]:
    if not (CORPUS / "index.csv").exists():
        return []
    with (CORPUS / "index.csv").open(newline="") as index:
        return [row["file"] for row in csv.DictReader(index)]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


US_CORE = configure(MappingConfig(), [read_layer("profile", shipped_profile("us-core"))])


@pytest.mark.skipif(not messages(), reason="the corpus is not here")
@pytest.mark.parametrize("config", [MappingConfig(), US_CORE], ids=["the guide", "US Core"])
def test_every_message_of_the_corpus_becomes_a_valid_bundle_or_is_refused_with_a_reason(
    config: MappingConfig,
) -> None:
    problems = []
    for name in messages():
        body = (CORPUS / name).read_bytes()
        try:
            text, _ = decode_message(body)
            found = map_message(parse(text), config)
        except Permanent:
            continue
        bundle = loads(dumps(transaction(found.entries)))
        known = {entry["fullUrl"] for entry in bundle["entry"]}
        problems += [f"{name}: {one} does not resolve" for one in references(bundle) if one not in known]
        problems += [f"{name}: {one.expression}: {one.diagnostics}" for one in claim_issues(bundle)]
        for entry in bundle["entry"]:
            resource = entry["resource"]
            try:
                get_fhir_model_class(resource["resourceType"]).model_validate(resource)
            except ValueError as error:
                problems.append(f"{name}: {resource['resourceType']}: {error}")
            problems += [
                f"{name}: {resource['resourceType']}: {one.expression}: {one.diagnostics}"
                for one in validate(resource)
                if one.severity in {"error", "fatal"}
            ]
        found.report.to_dict()
    assert problems == []
