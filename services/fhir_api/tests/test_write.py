"""create, update and their conditions. https://hl7.org/fhir/R4/http.html#create"""

from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from services.fhir_api.tests.conftest import Client
from services.fhir_api.tests.resources import MRN, patient


def without_id(name: str, **elements: Any) -> dict[str, Any]:
    resource = patient(name, **elements)
    del resource["id"]
    return resource


def test_a_create_gives_an_id_and_says_where(client: Client) -> None:
    answer = client.send("POST", "Patient", without_id("c1"))

    created = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"http://fhir.test/fhir/R4/Patient/{created['id']}/_history/1"
    assert answer.headers["etag"] == 'W/"1"'
    assert parsedate_to_datetime(answer.headers["last-modified"])
    assert {name: created[name] for name in without_id("c1")} == without_id("c1")
    assert client.get(f"Patient/{created['id']}").json() == created


def test_a_create_ignores_the_id_and_version_of_the_client(client: Client) -> None:
    sent = patient("mine", meta={"versionId": "7", "lastUpdated": "2001-01-01T00:00:00Z"})

    created = client.send("POST", "Patient", sent).json()

    assert created["id"] != "mine"
    assert created["meta"]["versionId"] == "1"
    assert created["meta"]["lastUpdated"] > "2020"


def test_an_update_of_an_unknown_id_creates_it(client: Client) -> None:
    answer = client.send("PUT", "Patient/chosen-id.1", patient("chosen-id.1"))

    assert (answer.status_code, answer.headers["etag"]) == (201, 'W/"1"')
    assert answer.headers["location"] == "http://fhir.test/fhir/R4/Patient/chosen-id.1/_history/1"
    assert client.get("Patient/chosen-id.1").json() == answer.json()


def test_an_update_makes_a_new_version(client: Client) -> None:
    client.store(patient("u1"))

    answer = client.send("PUT", "Patient/u1", patient("u1", gender="other"))

    assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"2"')
    assert client.get("Patient/u1").json()["gender"] == "other"


def test_an_update_replaces_the_whole_resource(client: Client) -> None:
    client.store(patient("u2", active=True))

    client.store({"resourceType": "Patient", "id": "u2", "gender": "other"})

    assert client.get("Patient/u2").json().keys() == {"resourceType", "id", "meta", "gender"}


def test_an_update_without_a_change_makes_no_version(client: Client) -> None:
    client.store(patient("u3"))

    answer = client.send("PUT", "Patient/u3", patient("u3"))

    assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"1"')


def test_if_match_updates_only_that_version(client: Client) -> None:
    client.store(patient("m1"))

    taken = client.send("PUT", "Patient/m1", patient("m1", gender="other"), If_Match='W/"1"')
    refused = client.send("PUT", "Patient/m1", patient("m1", gender="female"), If_Match='W/"1"')

    assert (taken.status_code, refused.status_code) == (200, 412)
    assert refused.json()["issue"][0]["code"] == "conflict"
    assert client.get("Patient/m1").json()["gender"] == "other"


def test_if_match_of_what_is_not_there_is_refused(client: Client) -> None:
    answer = client.send("PUT", "Patient/m2", patient("m2"), If_Match='W/"1"')

    assert answer.status_code == 412
    assert client.get("Patient/m2").status_code == 404


def test_a_malformed_if_match_is_refused(client: Client) -> None:
    assert client.send("PUT", "Patient/m3", patient("m3"), If_Match="yes").status_code == 400


def test_of_many_updates_of_one_version_one_wins(client: Client) -> None:
    client.store(patient("race"))

    def update(number: int) -> int:
        changed = patient("race", given=f"Peter {number}")
        return client.send("PUT", "Patient/race", changed, If_Match='W/"1"').status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = sorted(threads.map(update, range(8)))

    assert statuses == [200] + [412] * 7


def test_a_conditional_create_makes_one_resource_however_often_it_is_sent(client: Client) -> None:
    condition = {"If_None_Exist": f"identifier={MRN}|mrn-once"}

    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda _: client.send("POST", "Patient", without_id("once"), **condition), range(8))
        )

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert client.get(f"Patient?identifier={MRN}|mrn-once&_total=accurate").json()["total"] == 1


@pytest.mark.parametrize("query", ["", "nonsense=1", "identifier=", "_count=1"])
def test_a_condition_that_selects_nothing_in_particular_is_refused(client: Client, query: str) -> None:
    answer = client.send("POST", "Patient", without_id("vague"), If_None_Exist=query)

    assert answer.status_code == 400


def test_a_conditional_update_finds_its_resource_by_identifier(client: Client) -> None:
    query = f"Patient?identifier={MRN}|mrn-cu"

    created = client.send("PUT", query, without_id("cu"))
    updated = client.send("PUT", query, without_id("cu", gender="other"))

    assert (created.status_code, updated.status_code) == (201, 200)
    assert updated.json()["id"] == created.json()["id"]
    assert updated.headers["etag"] == 'W/"2"'


@pytest.mark.parametrize(
    ("prefer", "kind"),
    [
        ("return=minimal", None),
        ("return=representation", "Patient"),
        ("return=OperationOutcome", "OperationOutcome"),
        ("handling=lenient, return=OperationOutcome", "OperationOutcome"),
        ("return=nonsense", "Patient"),
    ],
)
def test_the_client_says_what_a_write_answers_with(client: Client, prefer: str, kind: str | None) -> None:
    created = client.send("POST", "Patient", {"resourceType": "Patient"}, Prefer=prefer)
    updated = client.send("PUT", "Patient/preferred", patient("preferred"), Prefer=prefer)

    for answer in (created, updated):
        assert answer.headers["etag"]
        assert answer.headers["location"]
        assert (answer.json()["resourceType"] if answer.content else None) == kind


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "\\u0007"])
def test_text_that_cannot_be_stored_is_refused(client: Client, text: str) -> None:
    body = b'{"resourceType":"Patient","name":[{"family":"a' + text.encode() + b'b"}]}'

    assert client.send("POST", "Patient", body).status_code in (400, 422)


def test_another_organization_s_resource_cannot_be_changed(client: Client, stranger: Client) -> None:
    client.store(patient("mine"))

    stranger.store(patient("mine", family="Stranger"))

    assert client.get("Patient/mine").json()["name"][0]["family"] == "Chalmers"
    assert client.get("Patient/mine").headers["etag"] == 'W/"1"'
