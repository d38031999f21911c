"""Search by type. https://hl7.org/fhir/R4/http.html#search"""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from services.fhir_api.tests.conftest import Client, opened
from services.fhir_api.tests.resources import LOINC, MRN, observation, patient


@pytest.fixture(scope="module", autouse=True)
def _stored(client: Client, stranger: Client) -> None:
    for resource in (
        patient("peter", "Chalmers", "Peter", birthDate="1974-12-25"),
        patient("petra", "Müller", "Petra", birthDate="1980-01-31", gender="female"),
        patient("anna", "O'Brien, Ann", "Anna", birthDate="1980-02", gender="female"),
        observation("hb1", "peter", "718-7", "2026-03-01"),
        observation("hb2", "peter", "718-7", "2026-03-02T10:00:00Z"),
        observation("na1", "peter", "2951-2", "2026-03-02T11:00:00Z"),
        observation("hb3", "petra", "718-7", "2026-03-03"),
    ):
        client.store(resource)
    stranger.store(patient("peter", "Chalmers", "Peter"))
    stranger.store(observation("hb9", "peter"))


def ids(answer: httpx.Response) -> list[str]:
    body = answer.json()
    assert (answer.status_code, body["resourceType"], body["type"]) == (200, "Bundle", "searchset"), body
    return [entry["resource"]["id"] for entry in body.get("entry", [])]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Patient", {"peter", "petra", "anna"}),
        ("Patient?_id=peter", {"peter"}),
        ("Patient?_id=peter,anna", {"peter", "anna"}),
        (f"Patient?identifier={MRN}|mrn-peter", {"peter"}),
        ("Patient?identifier=mrn-petra", {"petra"}),
        (f"Patient?identifier={MRN}|", {"peter", "petra", "anna"}),
        ("Patient?identifier=|mrn-petra", set()),
        ("Patient?identifier=urn:other|mrn-petra", set()),
        ("Patient?name=pet", {"peter", "petra"}),
        ("Patient?name=MULLER", {"petra"}),
        ("Patient?name=O'Brien\\, A", {"anna"}),
        ("Patient?family=chal&given=peter", {"peter"}),
        ("Patient?name:exact=Pet", set()),
        ("Patient?birthdate=1974-12-25", {"peter"}),
        ("Patient?birthdate=1980", {"petra", "anna"}),
        ("Patient?birthdate=ge1980-01-31", {"petra", "anna"}),
        ("Patient?birthdate=lt1980-01-31", {"peter"}),
        ("Patient?birthdate=ge1980-01-01&birthdate=lt1980-02-01", {"petra"}),
        ("Patient?gender=female", {"petra", "anna"}),
        ("Patient?gender=female&name=petra", {"petra"}),
        ("Patient?name=nobody", set()),
        ("Observation?patient=peter", {"hb1", "hb2", "na1"}),
        ("Observation?patient=Patient/peter", {"hb1", "hb2", "na1"}),
        ("Observation?subject=Patient/petra", {"hb3"}),
        ("Observation?subject:Patient=petra", {"hb3"}),
        ("Observation?patient=peter,petra&code=718-7", {"hb1", "hb2", "hb3"}),
        (f"Observation?code={LOINC}|718-7&patient=peter", {"hb1", "hb2"}),
        ("Observation?code=http://other|718-7", set()),
        ("Observation?date=2026-03-02", {"hb2", "na1"}),
        ("Observation?date=gt2026-03-02T10:30:00Z", {"na1", "hb3"}),
        ("Observation?date=gt2026-03-02T12:30:00%2B02:00", {"na1", "hb3"}),
        ("Observation?date=gt2026-03-02T12:30:00+02:00", {"na1", "hb3"}),
        ("Observation?subject=http://fhir.test/fhir/R4/Patient/petra", {"hb3"}),
        ("Observation?status=final&_count=1000", {"hb1", "hb2", "hb3", "na1"}),
        ("Patient?_lastUpdated=gt2100-01-01", set()),
        ("Patient?_lastUpdated=ge2020-01-01", {"peter", "petra", "anna"}),
    ],
)
def test_a_search_finds_what_it_should(client: Client, query: str, expected: set[str]) -> None:
    assert set(ids(client.get(query))) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("date", ["hb1", "hb2", "na1", "hb3"]),
        ("-date", ["hb3", "na1", "hb2", "hb1"]),
        ("_id", ["hb1", "hb2", "hb3", "na1"]),
        ("-_id", ["na1", "hb3", "hb2", "hb1"]),
        ("_lastUpdated", ["hb1", "hb2", "na1", "hb3"]),
        ("-_lastUpdated", ["hb3", "na1", "hb2", "hb1"]),
    ],
)
def test_a_result_is_sorted_as_asked(client: Client, sort: str, expected: list[str]) -> None:
    assert ids(client.get(f"Observation?_sort={sort}")) == expected


def test_a_result_is_a_searchset_with_full_urls_and_links(client: Client) -> None:
    body = client.get("Patient?_id=peter&_total=accurate").json()

    assert body == {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 1,
        "link": [{"relation": "self", "url": "http://fhir.test/fhir/R4/Patient?_id=peter&_total=accurate"}],
        "entry": [
            {
                "fullUrl": "http://fhir.test/fhir/R4/Patient/peter",
                "resource": client.get("Patient/peter").json(),
                "search": {"mode": "match"},
            }
        ],
    }


def test_an_empty_result_has_no_entry(client: Client) -> None:
    body = client.get("Patient?name=nobody").json()

    assert "entry" not in body
    assert body["total"] == 0


@pytest.mark.parametrize("query", ["Patient?_count=0", "Patient?_summary=count"])
def test_a_search_for_the_number_gives_only_that(client: Client, query: str) -> None:
    body = client.get(query).json()

    assert (body["total"], "entry" in body) == (3, False)


def test_a_total_is_counted_when_asked(client: Client) -> None:
    assert client.get("Observation?_count=1&_total=accurate").json()["total"] == 4
    assert "total" not in client.get("Observation?_count=1&_total=none").json()


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("Observation/_search", {"patient": "peter", "code": "718-7"}),
        ("Observation/_search?patient=peter", {"code": "718-7"}),
        ("Observation/_search?patient=peter&code=718-7", {}),
    ],
)
def test_a_search_may_be_posted(client: Client, url: str, form: dict[str, str]) -> None:
    assert set(ids(client.post(url, data=form))) == {"hb1", "hb2"}


def test_a_posted_search_in_another_format_is_refused(client: Client) -> None:
    answer = client.post("Patient/_search", content=b"{}", headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["resourceType"]) == (415, "OperationOutcome")


def test_an_unknown_parameter_is_ignored_only_when_the_client_says_so(client: Client) -> None:
    strict = client.get("Patient?_id=peter&nonsense=1")
    lenient = client.get("Patient?_id=peter&nonsense=1", headers={"Prefer": "handling=lenient"})

    assert strict.status_code == 400
    assert "nonsense" in strict.json()["issue"][0]["diagnostics"]
    assert ids(lenient) == ["peter"]
    # The self link says what was really searched for.
    assert lenient.json()["link"][0]["url"].endswith("/Patient?_id=peter")


@pytest.mark.parametrize(
    "value", ["%00", "%ff", "%ed%a0%80", "'", "%25", "\\", "$1", "%F0%9F%98%80", "a" * 3000]
)
@pytest.mark.parametrize(
    "parameter", ["name", "identifier", "_id", "family", "general-practitioner", "birthdate"]
)
def test_no_value_breaks_a_search(client: Client, parameter: str, value: str) -> None:
    assert client.get(f"Patient?{parameter}={value}").status_code in (200, 400)


def pages(client: Client, url: str) -> list[list[str]]:
    """The ids of every page from `url` on."""
    found = []
    while url:
        answer = client.get(url)
        found.append(ids(answer))
        links = {link["relation"]: link["url"] for link in answer.json()["link"]}
        url = links.get("next", "")
    return found


@pytest.mark.parametrize("sort", ["", "date", "-date", "_id", "-_id", "_lastUpdated", "-_lastUpdated"])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_pages_are_the_whole_result_in_order(client: Client, sort: str, count: int) -> None:
    query = f"Observation?_sort={sort}" if sort else "Observation?"

    found = pages(client, f"{query}&_count={count}")

    assert [len(page) for page in found[:-1]] == [count] * (len(found) - 1)
    assert [name for page in found for name in page] == ids(client.get(query))


def test_resources_without_the_date_come_once_in_a_sorted_walk(client: Client) -> None:
    for number in range(3):
        undated = observation(f"undated{number}", "dateless")
        del undated["effectiveDateTime"]
        client.store(undated)
    for sort in ("date", "-date"):
        found = pages(client, f"Observation?patient=dateless&_sort={sort}&_count=1")
        assert sorted(name for page in found for name in page) == ["undated0", "undated1", "undated2"]


def test_inserts_between_pages_neither_repeat_nor_drop_what_was_there(client: Client) -> None:
    before = {f"walk{number:02}" for number in range(10)}
    for name in sorted(before):
        client.store(observation(name, "walker"))

    seen: list[str] = []
    url = "Observation?patient=walker&_sort=_id&_count=3"
    while url:
        answer = client.get(url)
        seen += ids(answer)
        client.store(observation(f"walk00-{len(seen)}", "walker"))  # sorts before the position
        client.store(observation(f"walk99-{len(seen)}", "walker"))  # and after it
        url = {link["relation"]: link["url"] for link in answer.json()["link"]}.get("next", "")
        if len(seen) > 50:
            pytest.fail("the walk does not end")
        if len(seen) >= 18:
            break

    assert len(seen) == len(set(seen))
    assert before <= set(seen)


def next_link(client: Client, query: str) -> str:
    links: dict[str, str] = {link["relation"]: link["url"] for link in client.get(query).json()["link"]}
    return links["next"]


def test_a_next_link_opens_nothing_for_another_organization(client: Client, stranger: Client) -> None:
    link = next_link(client, "Observation?_count=1")

    answer = stranger.get(link)

    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "invalid")


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(lambda url: url.replace("patient=peter", "patient=petra"), id="another query"),
        pytest.param(lambda url: url.replace("/Observation?", "/Condition?"), id="another type"),
        pytest.param(lambda url: url[:-2] + ("AA" if url[-2:] != "AA" else "BB"), id="another signature"),
        pytest.param(lambda url: url.split("_page=")[0] + "_page=", id="no token"),
        pytest.param(lambda url: url + "%00", id="NUL"),
        pytest.param(lambda url: url + "&code=718-7", id="one more parameter"),
    ],
)  # fmt: skip
def test_a_next_link_that_was_changed_is_refused(client: Client, tamper: Any) -> None:
    link = next_link(client, "Observation?patient=peter&_count=1")

    assert client.get(tamper(link)).status_code == 400


def test_a_posted_search_is_paged_by_get(client: Client) -> None:
    first = client.post("Observation/_search", data={"patient": "peter", "_count": "2", "_sort": "_id"})

    link = {link["relation"]: link["url"] for link in first.json()["link"]}["next"]

    assert ids(first) + ids(client.get(link)) == ["hb1", "hb2", "na1"]
    assert dict(parse_qsl(urlsplit(link).query)).keys() == {"patient", "_count", "_sort", "_page"}


def test_another_organization_finds_only_its_own(stranger: Client) -> None:
    assert ids(stranger.get("Observation?patient=peter")) == ["hb9"]
    assert set(ids(stranger.get("Patient"))) == {"peter"}


def test_links_name_the_address_that_clients_know(postgres_url: str, api_keys: dict[str, str]) -> None:
    base = "https://fhir.hospital.example/fhir/R4"
    with opened(database_url=postgres_url, fhir_base_url=base, mllp_host="") as client:
        headers = {"Authorization": f"Bearer {api_keys['here']}"}
        body = client.get("fhir/R4/Observation?_count=1", headers=headers).json()

    assert [link["url"].startswith(f"{base}/Observation?_count=1") for link in body["link"]] == [True, True]
    assert body["entry"][0]["fullUrl"].startswith(f"{base}/Observation/")
