"""What the events of MDM do to a document that is stored, through the mapping and the writer."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from libs.fhir.json import loads
from libs.fhir.validate import validate
from libs.store.engine import Pool, open_pool, transaction
from libs.store.tests.sending import PID, PV1, segment, send, stored

TXA = {1: "1", 2: "DS", 4: "20260310080000+0000", 12: "D1^NORTH", 17: "PA", 19: "AV", 25: "Summary"}
NUMBER = "urn:ehrconnect:default:authority:NORTH"


@pytest.fixture
def pool(fresh_postgres_url: str) -> Iterator[Pool]:
    with open_pool(fresh_postgres_url, 2) as pool:
        yield pool


def tell(pool: Pool, event: str, txa: dict[int, str], text: str = "") -> None:
    """An MDM of that event, with a text for the document if it has one."""
    content = [segment("OBX", {1: "1", 2: "TX", 3: "1^Body^L", 5: text, 11: "F"})] if text else []
    person = [segment("PID", PID), segment("PV1", PV1)]
    send(pool, f"MDM^{event}", *person, segment("TXA", txa), *content)


def documents(pool: Pool) -> dict[str, dict[str, Any]]:
    """The stored documents by their numbers."""
    with transaction(pool, "default") as connection:
        found = connection.execute(
            "SELECT content FROM fhir_resource WHERE type = 'DocumentReference'"
        ).fetchall()
    read = [loads(content) for (content,) in found]
    assert [validate(one) for one in read] == [[] for _ in read]
    return {one["masterIdentifier"]["value"]: one for one in read}


def text_of(document: dict[str, Any]) -> str:
    (content,) = document["content"]
    return base64.b64decode(content["attachment"].get("data", "")).decode()


@pytest.mark.parametrize(
    ("event", "txa", "status", "completion"),
    [
        pytest.param("T03", {17: "LA", 19: ""}, "current", "final", id="its status changes"),
        pytest.param("T04", {17: "LA"}, "current", "final", id="its status changes, with the content"),
        pytest.param("T07", {17: "", 21: "Typing error"}, "current", "preliminary", id="it was edited"),
        pytest.param("T11", {17: "", 19: ""}, "entered-in-error", "preliminary", id="it is cancelled"),
        pytest.param("T03", {19: "OB"}, "superseded", "preliminary", id="it is obsolete"),
    ],
)
def test_a_notification_leaves_the_content_and_what_it_does_not_state(
    pool: Pool, event: str, txa: dict[int, str], status: str, completion: str
) -> None:
    tell(pool, "T02", TXA, "First")

    tell(pool, event, TXA | {4: "", 25: ""} | txa)

    document = stored(pool, "DocumentReference")
    assert (document["status"], document["docStatus"]) == (status, completion)
    assert (text_of(document), document["description"]) == ("First", "Summary")
    assert document["context"]["period"] == {"start": "2026-03-10T08:00:00+00:00"}


def test_a_change_without_its_availability_brings_no_cancelled_document_back(pool: Pool) -> None:
    tell(pool, "T02", TXA, "First")
    tell(pool, "T11", TXA | {19: ""})

    tell(pool, "T03", TXA | {17: "LA", 19: ""})
    assert stored(pool, "DocumentReference")["status"] == "entered-in-error"

    tell(pool, "T02", TXA | {19: ""}, "Again")
    assert stored(pool, "DocumentReference")["status"] == "current"


@pytest.mark.parametrize(("event", "text"), [("T04", "Second"), ("T08", "Second")])
def test_an_edition_replaces_the_content(pool: Pool, event: str, text: str) -> None:
    tell(pool, "T02", TXA, "First")

    tell(pool, event, TXA, text)

    assert text_of(stored(pool, "DocumentReference")) == text


@pytest.mark.parametrize(("event", "text"), [("T05", ""), ("T06", "More")])
def test_an_addendum_is_a_document_beside_the_one_it_is_about(pool: Pool, event: str, text: str) -> None:
    tell(pool, "T02", TXA, "First")

    tell(pool, event, TXA | {12: "D2^NORTH", 13: "D1^NORTH"}, text)

    found = documents(pool)
    assert {number: one["status"] for number, one in found.items()} == {"D1": "current", "D2": "current"}
    (relation,) = found["D2"]["relatesTo"]
    assert (relation["code"], relation["target"]["identifier"]["value"]) == ("appends", "D1")


@pytest.mark.parametrize("authority", ["^NORTH", ""])
@pytest.mark.parametrize(("event", "text"), [("T09", ""), ("T10", "Second")])
def test_a_replacement_supersedes_the_document_it_replaces(
    pool: Pool, event: str, text: str, authority: str
) -> None:
    first, second = f"D1{authority}", f"D2{authority}"
    tell(pool, "T02", TXA | {12: first}, "First")

    tell(pool, event, TXA | {12: second, 13: first}, text)
    tell(pool, "T03", TXA | {12: first, 19: ""})  # a late word about the old one

    found = documents(pool)
    old, new = found["D1"], found["D2"]
    assert (old["status"], text_of(old), old["docStatus"]) == ("superseded", "First", "preliminary")
    assert (new["status"], text_of(new)) == ("current", text)
    (relation,) = new["relatesTo"]
    assert relation["code"] == "replaces"
    assert relation["target"]["reference"] == f"DocumentReference/{old['id']}"


def test_a_replaced_document_that_is_not_known_is_what_its_number_tells(pool: Pool) -> None:
    tell(pool, "T10", TXA | {12: "D2^NORTH", 13: "D1^NORTH"}, "Second")

    old = documents(pool)["D1"]
    assert (old["status"], old["identifier"]) == ("superseded", [{"system": NUMBER, "value": "D1"}])


def test_a_document_does_not_replace_itself(pool: Pool) -> None:
    tell(pool, "T02", TXA, "First")

    tell(pool, "T10", TXA | {13: TXA[12]}, "Second")

    document = stored(pool, "DocumentReference")
    assert (document["status"], text_of(document)) == ("current", "Second")
    assert "relatesTo" not in document
