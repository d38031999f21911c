"""History of one resource. https://hl7.org/fhir/R4/http.html#history"""

from urllib.parse import quote

import pytest

from services.fhir_api.tests.conftest import Client
from services.fhir_api.tests.resources import patient

GENDERS = ["male", "female", "other", "unknown", "male"]


@pytest.fixture(scope="module", autouse=True)
def _stored(client: Client) -> None:
    for gender in GENDERS:
        client.store(patient("p1", gender=gender))


def test_a_history_has_every_version_the_newest_first(client: Client) -> None:
    body = client.get("Patient/p1/_history").json()

    versions = [client.get(f"Patient/p1/_history/{number}") for number in (5, 4, 3, 2, 1)]
    assert body == {
        "resourceType": "Bundle",
        "type": "history",
        "total": 5,
        "link": [{"relation": "self", "url": "http://fhir.test/fhir/R4/Patient/p1/_history"}],
        "entry": [
            {
                "fullUrl": "http://fhir.test/fhir/R4/Patient/p1",
                "resource": version.json(),
                "request": {"method": "PUT", "url": "Patient/p1"},
                "response": {
                    "status": "201" if version.headers["etag"] == 'W/"1"' else "200",
                    "etag": version.headers["etag"],
                    "lastModified": version.json()["meta"]["lastUpdated"],
                },
            }
            for version in versions
        ],
    }


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6])
def test_a_history_is_paged(client: Client, count: int) -> None:
    url, found = f"Patient/p1/_history?_count={count}", []
    while url:
        body = client.get(url).json()
        found.append([entry["resource"]["gender"] for entry in body["entry"]])
        url = {link["relation"]: link["url"] for link in body["link"]}.get("next", "")

    assert [gender for page in found for gender in page] == GENDERS[::-1]
    assert all(len(page) == count for page in found[:-1])


def test_a_history_since_a_moment_has_what_was_stored_from_then_on(client: Client) -> None:
    third = client.get("Patient/p1/_history/3").json()["meta"]["lastUpdated"]

    body = client.get(f"Patient/p1/_history?_since={quote(third)}").json()

    assert [entry["resource"]["meta"]["versionId"] for entry in body["entry"]] == ["5", "4", "3"]


def test_a_history_since_tomorrow_is_empty(client: Client) -> None:
    body = client.get("Patient/p1/_history?_since=2100-01-01T00:00:00Z").json()

    assert "entry" not in body


def test_a_page_of_one_history_is_no_page_of_another(client: Client) -> None:
    client.store(patient("p2"))
    link = {
        link["relation"]: link["url"] for link in client.get("Patient/p1/_history?_count=1").json()["link"]
    }

    assert client.get(link["next"].replace("Patient/p1", "Patient/p2")).status_code == 400


def test_an_unknown_resource_has_no_history(client: Client) -> None:
    assert client.get("Patient/nobody/_history").status_code == 404
