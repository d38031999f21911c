"""read and vread. https://hl7.org/fhir/R4/http.html#read"""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import pytest

from services.fhir_api.tests.conftest import Client
from services.fhir_api.tests.resources import patient


@pytest.fixture(scope="module", autouse=True)
def _stored(client: Client) -> None:
    client.store(patient("p1", gender="female"))
    client.store(patient("p1"))


def test_a_read_gives_the_current_version_with_its_etag(client: Client) -> None:
    answer = client.get("Patient/p1")

    resource = answer.json()
    updated = resource["meta"]["lastUpdated"]
    assert answer.status_code == 200
    assert resource == patient("p1") | {"meta": {"versionId": "2", "lastUpdated": updated}}
    assert answer.headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert answer.headers["etag"] == 'W/"2"'
    changed = datetime.fromisoformat(updated).replace(microsecond=0)
    assert parsedate_to_datetime(answer.headers["last-modified"]) == changed


def test_a_read_of_a_version_gives_that_version(client: Client) -> None:
    answer = client.get("Patient/p1/_history/1")

    assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"1"')
    assert answer.json()["gender"] == "female"


@pytest.mark.parametrize(
    "version", ["3", "0", "-1", "x", "99999999999999999999", "1.0", "\N{SUPERSCRIPT TWO}"]
)
def test_a_version_that_was_never_made_is_not_found(client: Client, version: str) -> None:
    answer = client.get(f"Patient/p1/_history/{version}")

    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (404, "not-found")


@pytest.mark.parametrize("path", ["Patient/p1", "Patient/p1/_history/1", "Patient/p1/_history"])
def test_another_organization_sees_nothing(stranger: Client, path: str) -> None:
    answer = stranger.get(path)

    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (404, "not-found")


def test_the_same_id_in_two_organizations_is_two_resources(client: Client, stranger: Client) -> None:
    client.store(patient("shared", family="Here"))
    stranger.store(patient("shared", family="Elsewhere"))

    assert client.get("Patient/shared").json()["name"][0]["family"] == "Here"
    assert stranger.get("Patient/shared").json()["name"][0]["family"] == "Elsewhere"


@pytest.mark.parametrize("tag", ['W/"2"', '"2"', 'W/"1", W/"2"', "*"])
def test_who_has_the_version_gets_304_without_a_body(client: Client, tag: str) -> None:
    answer = client.get("Patient/p1", headers={"If-None-Match": tag})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == 'W/"2"'


def test_who_has_an_older_version_gets_the_current_one(client: Client) -> None:
    assert client.get("Patient/p1", headers={"If-None-Match": 'W/"1"'}).status_code == 200


def test_if_modified_since_compares_with_the_last_change(client: Client) -> None:
    now = datetime.now(UTC)

    def status(since: str, **more: str) -> int:
        return client.get("Patient/p1", headers={"If-Modified-Since": since} | more).status_code

    assert status(client.get("Patient/p1").headers["last-modified"]) == 304
    assert status(format_datetime(now + timedelta(hours=1), usegmt=True)) == 304
    assert status(format_datetime(now - timedelta(hours=1), usegmt=True)) == 200
    assert status("yesterday") == 200
    # If-None-Match decides when both are there.
    assert status(format_datetime(now + timedelta(hours=1), usegmt=True), **{"If-None-Match": 'W/"1"'}) == 200


def test_digits_and_unknown_extensions_come_back_as_they_were_sent(client: Client) -> None:
    sent = (
        b'{"resourceType":"Observation","id":"digits","status":"final","code":{"text":"K"},'
        b'"extension":[{"url":"https://example.org/unknown","valueDecimal":1.10}],'
        b'"valueQuantity":{"value":4.100,"unit":"mmol/L"}}'
    )
    client.send("PUT", "Observation/digits", sent)

    content = client.get("Observation/digits").content

    assert b'"valueDecimal":1.10}' in content
    assert b'"value":4.100,' in content


def test_head_answers_as_get_does(client: Client) -> None:
    head, get = client.request("HEAD", "Patient/p1"), client.get("Patient/p1")

    assert (head.status_code, head.headers["etag"]) == (get.status_code, get.headers["etag"])
