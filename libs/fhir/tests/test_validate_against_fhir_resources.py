"""The library fhir.resources as an independent judge: what it refuses, we refuse.

It knows R4B, whose elements are those of R4 for the types here. It is the more lenient: it takes codes that
no binding has and numbers in quotes, so what it accepts proves nothing.
"""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from libs.fhir.json import dumps
from libs.fhir.tests.samples import ALL
from libs.fhir.validate import validate

WRONG: list[Any] = [None, True, 3, -1, "", " ", "x y", "2024-13-01", [], ["x"], {}, {"x": 1}, [{"x": 1}]]


def refused_by_the_library(resource: dict[str, Any]) -> bool:
    model = get_fhir_model_class(resource["resourceType"])
    try:
        model.model_validate_json(dumps(resource))
    except ValidationError:
        return True
    return False


def mutations(value: Any) -> Iterator[Any]:
    """The value with one thing in it taken out, added or replaced, for each thing and each way."""
    if isinstance(value, dict):
        yield {**value, "unheard": "x"}
        for name, each in value.items():
            if name != "resourceType":
                yield {other: kept for other, kept in value.items() if other != name}
                for wrong in WRONG:
                    yield {**value, name: wrong}
                for inner in mutations(each):
                    yield {**value, name: inner}
    elif isinstance(value, list):
        for index, each in enumerate(value):
            for inner in mutations(each):
                yield [*value[:index], inner, *value[index + 1 :]]


@pytest.mark.parametrize("sample", ALL, ids=lambda sample: str(sample["resourceType"]))
def test_what_the_library_refuses_is_refused(sample: dict[str, Any]) -> None:
    assert not refused_by_the_library(sample)

    missed = [
        mutated
        for mutated in mutations(copy.deepcopy(sample))
        if refused_by_the_library(mutated) and not any(issue.is_error for issue in validate(mutated))
    ]

    assert missed == []
