"""Every error is an OperationOutcome with the right status. https://hl7.org/fhir/R4/http.html#Status-Codes"""

from typing import Any

import httpx
import pytest

from services.fhir_api.tests.conftest import FHIR_JSON, Client
from services.fhir_api.tests.resources import patient

UNKNOWN = 404, "not-found"
INVALID = 400, "invalid"


def outcome(answer: httpx.Response) -> tuple[int, str]:
    """Status and issue code of an error; what every one of them must carry is checked on the way."""
    body = answer.json()
    assert answer.headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert answer.headers["x-request-id"]
    assert body["resourceType"] == "OperationOutcome"
    for issue in body["issue"]:
        assert issue["severity"] in ("error", "fatal", "warning")
        assert issue["diagnostics"]
    return answer.status_code, body["issue"][0]["code"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("Patients", UNKNOWN, id="unknown type"),
        pytest.param("Patients/p1", UNKNOWN, id="unknown type with an id"),
        pytest.param("patient/p1", UNKNOWN, id="type in lower case"),
        pytest.param("Element/p1", UNKNOWN, id="a data type"),
        pytest.param("DomainResource/p1", UNKNOWN, id="an abstract type"),
        pytest.param("Patient/nobody", UNKNOWN, id="unknown id"),
        pytest.param("Patient/a_b", INVALID, id="bad id"),
        pytest.param("Patient/" + "a" * 65, INVALID, id="id too long"),
        pytest.param("Patient/%27%20OR%201=1", INVALID, id="SQL for an id"),
        pytest.param("Patient/a%00b", INVALID, id="NUL in an id"),
        pytest.param("Patient/$everything", UNKNOWN, id="unknown operation"),
        pytest.param("Patient/p1/Observation/x/y", UNKNOWN, id="unknown path"),
        pytest.param("", UNKNOWN, id="the base alone"),
        pytest.param("Patient?nonsense=1", (400, "not-supported"), id="unknown parameter"),
        pytest.param("Patient?birthdate=25-12-1974", INVALID, id="bad date"),
        pytest.param("Patient?birthdate=2026-13-01", INVALID, id="no such month"),
        pytest.param("Patient?birthdate=xx2026", INVALID, id="bad prefix"),
        pytest.param("Patient?_lastUpdated=tomorrow", INVALID, id="bad _lastUpdated"),
        pytest.param("Patient?_count=many", INVALID, id="_count no number"),
        pytest.param("Patient?_count=-1", INVALID, id="_count below zero"),
        pytest.param("Patient?_sort=nonsense", INVALID, id="_sort unknown"),
        pytest.param("Patient?_total=all", INVALID, id="_total unknown"),
        pytest.param("Patient?name:nonsense=a", INVALID, id="unknown modifier"),
        pytest.param("Patient?name=", INVALID, id="parameter without a value"),
        pytest.param("Patient?_page=abc", INVALID, id="forged page"),
        pytest.param("Patient/p1/_history?_since=soon", INVALID, id="bad _since"),
    ],
)  # fmt: skip
def test_a_bad_get(client: Client, path: str, expected: tuple[int, str]) -> None:
    assert outcome(client.get(path)) == expected


@pytest.mark.parametrize(
    ("method", "path", "content", "expected"),
    [
        pytest.param("POST", "Patient", b'{"resourceType":', INVALID, id="malformed JSON"),
        pytest.param("POST", "Patient", b"", INVALID, id="empty body"),
        pytest.param(
            "POST", "Patient", b'{"resourceType":"Patient","id":"a","id":"b"}', INVALID, id="a name twice"
        ),
        pytest.param("POST", "Patient", b"[]", INVALID, id="an array"),
        pytest.param("POST", "Patient", b'"Patient"', INVALID, id="a string"),
        pytest.param("POST", "Patient", b'{"a":"\xff\xfe"}', INVALID, id="not UTF-8"),
        pytest.param("POST", "Patient", b"[" * 5000, INVALID, id="nested too deeply"),
        pytest.param("POST", "Patient", b"{}", INVALID, id="no resourceType"),
        pytest.param("POST", "Patient", b'{"resourceType":7}', INVALID, id="resourceType a number"),
        pytest.param("POST", "Patient", b'{"resourceType":"Observation"}', INVALID, id="wrong type"),
        pytest.param("POST", "Nonsense", b'{"resourceType":"Nonsense"}', UNKNOWN, id="unknown type"),
        pytest.param("PUT", "Patient/p1", b'{"resourceType":"Patient"}', INVALID, id="update without id"),
        pytest.param("PUT", "Patient/p1", b'{"resourceType":"Patient","id":"p2"}', INVALID, id="another id"),
        pytest.param("PUT", "Patient/a_b", b'{"resourceType":"Patient","id":"a_b"}', INVALID, id="bad id"),
    ],
)  # fmt: skip
def test_a_bad_body(
    client: Client, method: str, path: str, content: bytes, expected: tuple[int, str]
) -> None:
    assert outcome(client.send(method, path, content)) == expected


@pytest.mark.parametrize(
    "elements",
    [
        pytest.param({"gender": "unknowable"}, id="code outside a required value set"),
        pytest.param({"birthDate": "25/12/1974"}, id="bad date"),
        pytest.param({"name": {"family": "Chalmers"}}, id="an object where an array belongs"),
        pytest.param({"nonsense": True}, id="unknown element"),
        pytest.param({"active": "yes"}, id="a string for a boolean"),
    ],
)
def test_an_invalid_resource_is_refused_with_the_place_of_every_fault(
    client: Client, elements: dict[str, Any]
) -> None:
    answer = client.send("POST", "Patient", patient("x") | elements)

    status, _ = outcome(answer)
    assert status == 422
    assert answer.json()["issue"][0]["expression"][0].startswith(f"Patient.{next(iter(elements))}")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_method_that_is_not_supported(client: Client, method: str) -> None:
    answer = client.request(method, "Patient/p1")

    assert outcome(answer) == (405, "not-supported")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "PUT"}


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/fhir+json", 404),
        ("application/json", 404),
        ("*/*", 404),
        ("text/html, application/fhir+json;q=0.5", 404),
        ("application/fhir+json; fhirVersion=4.0", 404),
        ("application/fhir+xml", 406),
        ("text/html", 406),
        ("application/fhir+json;q=0", 406),
        ("application/fhir+json; fhirVersion=5.0", 406),
    ],
)
def test_only_json_is_served(client: Client, accept: str, status: int) -> None:
    assert outcome(client.get("Patient/nobody", headers={"Accept": accept}))[0] == status


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("json", 404),
        ("application/fhir%2Bjson", 404),
        ("application/fhir+json", 404),
        ("xml", 406),
        ("ttl", 406),
    ],
)
def test_format_goes_before_accept(client: Client, form: str, status: int) -> None:
    answer = client.get(f"Patient/nobody?_format={form}", headers={"Accept": "text/html"})

    assert outcome(answer)[0] == status


@pytest.mark.parametrize(
    "kind", ["application/fhir+xml", "text/plain", "application/fhir+json; charset=latin1", ""]
)
def test_a_body_in_another_format_is_refused(client: Client, kind: str) -> None:
    answer = client.post("Patient", content=b"{}", headers={"Content-Type": kind})

    assert outcome(answer) == (415, "not-supported")


def test_a_body_over_the_limit_is_refused(client: Client) -> None:
    assert outcome(client.send("POST", "Patient", b" " * 200_001)) == (413, "too-long")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer",
        "Bearer ehr_wrong",
        "Basic dXNlcjpwYXNz",
        "ehr_x",
        "Bearer " + "e" * 5000,
        "Bearer ehr_\xe9",
    ],
)
@pytest.mark.parametrize("path", ["Patient/p1", "Patient", "Nonsense", "Patient/p1/nowhere"])
def test_without_a_known_credential_nothing_is_told(
    anonymous: Client, authorization: str | None, path: str
) -> None:
    headers = {"Authorization": authorization.encode("latin-1")} if authorization else {}

    answer = anonymous.get(path, headers=headers)

    assert outcome(answer) == (401, "login")
    assert answer.headers["www-authenticate"].startswith('Bearer realm="EHRConnect"')


def test_a_post_without_a_credential_stores_nothing(anonymous: Client, client: Client) -> None:
    answer = anonymous.send("PUT", "Patient/intruder", patient("intruder"))

    assert outcome(answer) == (401, "login")
    assert client.get("Patient/intruder").status_code == 404


def test_health_and_metadata_need_no_credential(anonymous: Client) -> None:
    for path in ("/health/live", "/health/ready", "/metrics", "/fhir/R4/metadata"):
        assert anonymous.get(f"http://fhir.test{path}").status_code == 200


def test_a_path_outside_fhir_is_an_outcome_too(anonymous: Client) -> None:
    assert outcome(anonymous.get("http://fhir.test/nowhere")) == (404, "not-found")


def test_errors_do_not_repeat_values(client: Client) -> None:
    for path in ("Patient?birthdate=Secretname", "Patient?_count=Secretname", "Patient?_page=Secretname"):
        assert "Secretname" not in client.get(path).text
    sent = {"resourceType": "Patient", "gender": "Secretname", "birthDate": "Secretname"}
    assert "Secretname" not in client.send("POST", "Patient", sent).text


def test_content_type_with_charset_is_read(client: Client) -> None:
    answer = client.post(
        "Patient",
        content=b'{"resourceType":"Patient"}',
        headers={"Content-Type": f"{FHIR_JSON};charset=UTF-8"},
    )

    assert answer.status_code == 201
