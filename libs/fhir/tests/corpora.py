"""Where the larger public corpora lie, for the tests that read them when they are there."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from libs.fhir.json import loads

# A folder with `fhir-definitions` and `synthea`: beside the working tree, or where EHR_TEST_CORPORA says.
CORPORA = Path(os.environ.get("EHR_TEST_CORPORA", Path(__file__).parents[4] / "shared"))
DEFINITIONS = CORPORA / "fhir-definitions"


def files(*folders: str) -> list[Any]:
    """The JSON files in the folders as parameters of a test; one skipped parameter when there are none."""
    found = [path for folder in folders for path in sorted((CORPORA / folder).glob("*.json"))]
    absent = pytest.param(None, marks=pytest.mark.skip(reason="the corpus is not there"))
    return [pytest.param(path, id=path.stem) for path in found] or [absent]


def resources(path: Path) -> Iterator[dict[str, Any]]:
    """The resource in a file and, of a Bundle, those in it."""
    resource = loads(path.read_bytes())
    yield resource
    for entry in resource.get("entry", ()) if resource["resourceType"] == "Bundle" else ():
        if "resource" in entry:
            yield entry["resource"]
