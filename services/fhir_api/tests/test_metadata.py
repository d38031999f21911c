"""The CapabilityStatement, and that it promises nothing that is not there."""

from typing import Any

import pytest

from libs.fhir.definitions import types
from libs.fhir.validate import validate
from services.fhir_api.tests.conftest import Client


@pytest.fixture(scope="module")
def statement(anonymous: Client) -> dict[str, Any]:
    found: dict[str, Any] = anonymous.get("metadata").json()
    return found


def test_the_statement_is_valid_and_lists_every_type(statement: dict[str, Any]) -> None:
    assert [issue for issue in validate(statement) if issue.is_error] == []
    assert (statement["kind"], statement["fhirVersion"]) == ("instance", "4.0.1")
    assert {resource["type"] for resource in statement["rest"][0]["resource"]} == types()


def test_the_statement_s_entry_of_a_type_says_what_can_be_done(statement: dict[str, Any]) -> None:
    patient = next(r for r in statement["rest"][0]["resource"] if r["type"] == "Patient")

    assert {each["code"] for each in patient["interaction"]} == {
        "read", "vread", "update", "history-instance", "create", "search-type",
    }  # fmt: skip
    names = {each["name"]: each["type"] for each in patient["searchParam"]}
    expected = {
        "_id": "token",
        "_lastUpdated": "date",
        "identifier": "token",
        "name": "string",
        "birthdate": "date",
    }
    assert expected.items() <= names.items()


def test_who_has_the_statement_gets_304(anonymous: Client) -> None:
    tag = anonymous.get("metadata").headers["etag"]

    answer = anonymous.get("metadata", headers={"If-None-Match": tag})

    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)


VALUES = {
    "token": "a",
    "string": "a",
    "reference": "Patient/a",
    "uri": "http://a.example",
    "date": "2026",
    "number": "1",
    "quantity": "1",
}


def value(kind: str, name: str) -> str:
    """A value that the parameter takes. Of a composite the name tells what its second part is."""
    if kind != "composite":
        return VALUES[kind]
    second = next((s for s in ("date", "quantity", "range", "string") if name.endswith(s)), "")
    return {"date": "a$2026", "quantity": "a$1", "range": "a$1"}.get(second, "a$a")


def test_every_parameter_of_the_statement_can_be_searched_by(
    client: Client, statement: dict[str, Any]
) -> None:
    refused = [
        (resource["type"], parameter["name"], answer.status_code, answer.text)
        for resource in statement["rest"][0]["resource"]
        for parameter in resource.get("searchParam", [])
        for query in [{parameter["name"]: value(parameter["type"], parameter["name"]), "_count": "1"}]
        for answer in [client.get(resource["type"], params=query)]
        if answer.status_code != 200
    ]

    assert refused == []
