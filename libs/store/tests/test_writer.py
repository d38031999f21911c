from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

import psycopg
import pytest

from libs.fhir.bundle import Entry
from libs.fhir.json import loads
from libs.store import rows as store_rows
from libs.store import writer
from libs.store.batch import VersionMismatch
from libs.store.engine import Conflict, Pool, attempt, transaction
from libs.store.identity import NotWritable
from libs.store.writer import Written

NOW = datetime(2026, 11, 24, 9, 30, 15, 123456, tzinfo=UTC)
STAMP = "2026-11-24T09:30:15.123Z"
Method = Literal["PUT", "POST"]


def urn(key: str) -> str:
    return f"urn:uuid:{uuid5(NAMESPACE_URL, key)}"


def by_identifier(kind: str, value: str, **elements: Any) -> Entry:
    """A partial update of the resource with that identifier, as a message makes it."""
    resource = {"resourceType": kind, "identifier": [{"system": "s", "value": value}], **elements}
    return Entry(resource, urn(f"{kind}/{value}"), "PUT", f"{kind}?identifier=s|{value}", merge=True)


def put(kind: str, resource_id: str, **elements: Any) -> Entry:
    """A full update, as a client makes it."""
    return Entry({"resourceType": kind, "id": resource_id, **elements}, "", "PUT", f"{kind}/{resource_id}")


def apply(
    pool: Pool,
    *transactions: Sequence[Entry],
    org: str = "default",
    now: datetime = NOW,
    if_match: Mapping[tuple[str, str], int] | None = None,
) -> list[list[Written]]:
    return attempt(pool, org, lambda c: writer.apply(c, org, transactions, now, if_match))


def rows(pool: Pool, query: str, org: str = "default") -> list[tuple[Any, ...]]:
    with transaction(pool, org) as connection:
        return connection.execute(query).fetchall()


def test_a_created_resource_is_stored_as_it_will_be_served(pool: Pool) -> None:
    entry = by_identifier("Patient", "1", active=True, meta={"tag": [{"code": "x"}]})

    [[written]] = apply(pool, [entry])

    assert written == Written(
        "Patient",
        urn("Patient/1")[9:],
        1,
        "created",
        b'{"resourceType":"Patient","id":"%s","meta":{"versionId":"1","lastUpdated":"%s","tag":[{"code":"x"}]},'
        b'"identifier":[{"system":"s","value":"1"}],"active":true}'
        % (urn("Patient/1")[9:].encode(), STAMP.encode()),
        NOW.replace(microsecond=123000),
    )
    assert rows(pool, "SELECT version, deleted, last_updated, content FROM fhir_resource") == [
        (1, False, written.last_updated, written.content.decode())
    ]


def test_what_a_message_says_again_makes_no_new_version(pool: Pool) -> None:
    entry = by_identifier("Patient", "1", gender="female", multipleBirthInteger=2)

    outcomes = [
        [(w.version, w.outcome) for [w] in apply(pool, [entry], [entry])],
        [(w.version, w.outcome) for [w] in apply(pool, [entry])],
    ]

    assert outcomes == [[(1, "created"), (1, "unchanged")], [(1, "unchanged")]]
    assert rows(pool, "SELECT count(*) FROM fhir_version") == [(0,)]


def test_a_partial_update_leaves_what_it_does_not_mention(pool: Pool) -> None:
    first = by_identifier("Patient", "1", gender="female", birthDate="1970-01-31", telecom=[{"value": "1"}])
    second = by_identifier("Patient", "1", gender="other")._replace(remove=("birthDate",))

    apply(pool, [first])
    [[written]] = apply(pool, [second])

    stored = loads(written.content)
    assert (written.version, written.outcome, written.dropped) == (2, "updated", ("birthDate",))
    assert {k: stored.get(k) for k in ("gender", "birthDate", "telecom")} == {
        "gender": "other",
        "birthDate": None,
        "telecom": [{"value": "1"}],
    }


def test_an_element_to_keep_is_only_for_a_new_resource(pool: Pool) -> None:
    entry = by_identifier("Encounter", "1", status="unknown")._replace(keep=("status",))

    apply(pool, [entry], [by_identifier("Encounter", "1", status="finished")])
    [[written]] = apply(pool, [entry])

    assert (written.outcome, loads(written.content)["status"]) == ("unchanged", "finished")


def test_a_full_update_replaces_the_resource_to_the_digit(pool: Pool) -> None:
    def observation(value: bytes) -> Entry:
        return put("Observation", "o", **loads(b'{"status":"final","valueQuantity":{"value":%s}}' % value))

    versions = [apply(pool, [observation(v)])[0][0].version for v in (b"1.10", b"1.10", b"1.1", b"1.1")]

    assert versions == [1, 1, 2, 2]
    [(content,)] = rows(pool, "SELECT content FROM fhir_version")
    assert b'"value":1.10}' in content.encode()


def test_references_end_up_as_type_and_id(pool: Pool) -> None:
    patient = by_identifier("Patient", "1")
    encounter = by_identifier(
        "Encounter", "e", subject={"reference": patient.full_url}, serviceProvider={"display": "x"}
    )
    later = by_identifier("Condition", "c", subject={"reference": "Patient?identifier=s|1"})

    written = apply(pool, [encounter, patient], [later])

    expected = {"reference": f"Patient/{patient.full_url[9:]}"}
    assert [loads(w.content).get("subject") for one in written for w in one] == [expected, None, expected]


@pytest.mark.parametrize(
    "entry",
    [
        by_identifier("Encounter", "e", subject={"reference": urn("nobody")}),
        by_identifier("Encounter", "e", subject={"reference": "Patient?identifier=s|nobody"}),
        by_identifier("Encounter", "e", subject={"reference": "Patient?name=x"}),
        put("Patient", "not an id"),
        put("Patient", "p")._replace(url="Observation/p"),
        put("Patient", "p")._replace(url="Patient?name=x"),
        put("Patient", "p")._replace(url="Patient?identifier=x"),
        put("Patient", "p")._replace(url="Patient"),
    ],
)
def test_an_entry_that_cannot_be_done_is_refused(pool: Pool, entry: Entry) -> None:
    with pytest.raises(NotWritable):
        apply(pool, [by_identifier("Patient", "1")], [entry])

    assert rows(pool, "SELECT id FROM fhir_resource") == []


def test_an_identifier_names_the_resource_that_stated_it_first(pool: Pool) -> None:
    patient = put("Patient", "p", identifier=[{"system": "s", "value": "1"}, {"value": "no system"}])
    other = put("Patient", "q", identifier=[{"system": "s", "value": "1"}])

    apply(pool, [patient])
    apply(pool, [other])
    [[found]] = apply(pool, [by_identifier("Patient", "1", active=True)])

    assert (found.id, found.outcome) == ("p", "updated")
    assert rows(pool, "SELECT system, value, id FROM fhir_identifier ORDER BY system") == [
        ("", "no system", "p"),
        ("s", "1", "p"),
    ]


def test_an_identifier_that_is_given_up_can_be_taken_over(pool: Pool) -> None:
    one, other = put("Patient", "p", identifier=[{"system": "s", "value": "1"}]), put("Patient", "p")
    heir = put("Patient", "q", identifier=[{"system": "s", "value": "1"}])

    apply(pool, [one])
    apply(pool, [other], [heir])

    assert rows(pool, "SELECT value, id FROM fhir_identifier") == [("1", "q")]


def test_identifiers_of_any_length_and_content_can_be_looked_up(pool: Pool) -> None:
    value = "9\0 |&%" * 5000
    entry = by_identifier("Patient", value)
    entry = entry._replace(url="Patient?identifier=s|" + "9%00%20%7C%26%25" * 5000)

    outcomes = [apply(pool, [entry])[0][0].outcome for _ in range(2)]

    assert outcomes == ["created", "unchanged"]


def test_a_conditional_create_happens_once(pool: Pool) -> None:
    def create(status: str) -> Entry:
        resource = {
            "resourceType": "Account",
            "status": status,
            "identifier": [{"system": "s", "value": "1"}],
        }
        return Entry(resource, urn("Account/1"), "POST", "Account", if_none_exist="identifier=s|1")

    written = apply(pool, [create("active")], [create("inactive")])

    assert [(w.outcome, loads(w.content)["status"]) for [w] in written] == [
        ("created", "active"),
        ("unchanged", "active"),
    ]


def test_every_create_without_a_name_is_a_new_resource(pool: Pool) -> None:
    entry = Entry({"resourceType": "Patient"}, "", "POST", "Patient")

    ids = [w.id for one in apply(pool, [entry, entry], [entry]) for w in one]

    stamps = [one[:13] for one in ids]
    assert len(set(ids)) == 3
    assert stamps == sorted(stamps), "by time of creation, to the millisecond"


def test_history_has_every_version_but_the_current_one(pool: Pool) -> None:
    apply(pool, [put("Patient", "p", gender="male")])
    later = NOW + timedelta(hours=1)
    apply(pool, [put("Patient", "p", gender="female")], [put("Patient", "p", gender="other")], now=later)

    history = rows(
        pool, "SELECT version, superseded_at, last_updated, content FROM fhir_version ORDER BY version"
    )

    stamp = {1: "2026-11-24T09:30:15.123Z", 2: "2026-11-24T10:30:15.123Z"}
    assert [(v, at, updated) for v, at, updated, _ in history] == [
        (1, later.replace(microsecond=123000), NOW.replace(microsecond=123000)),
        (2, later.replace(microsecond=123000), later.replace(microsecond=123000)),
    ]
    assert [loads(text) for *_, text in history] == [
        {
            "resourceType": "Patient",
            "id": "p",
            "meta": {"versionId": str(v), "lastUpdated": stamp[v]},
            "gender": g,
        }
        for v, g in ((1, "male"), (2, "female"))
    ]


def test_if_match_names_the_version_that_may_be_replaced(pool: Pool) -> None:
    place = ("Patient", "p")
    apply(pool, [put(*place, gender="male")], if_match={place: 0})

    with pytest.raises(VersionMismatch):
        apply(pool, [put(*place, gender="other")], if_match={place: 2})
    [[written]] = apply(pool, [put(*place, gender="other")], if_match={place: 1})

    assert written.version == 2


def test_a_resource_that_changed_after_it_was_read_is_a_conflict(pool: Pool) -> None:
    apply(pool, [put("Patient", "p", gender="male")])

    with transaction(pool, "default") as slow:
        [state] = store_rows.fetch(slow, "default", [("Patient", "p")])
        apply(pool, [put("Patient", "p", gender="female")])
        state.version, state.last_updated = 2, NOW

        with pytest.raises(Conflict):
            store_rows.write(slow, "default", [state], NOW)

    assert rows(pool, "SELECT version FROM fhir_resource") == [(2,)]


def test_updates_at_the_same_time_all_happen_one_after_the_other(pool: Pool) -> None:
    def update(worker: int) -> None:
        for n in range(6):
            identifier = {"system": "s", "value": f"{worker}-{n}"}
            entry = by_identifier("Patient", "1")
            entry.resource["identifier"].append(identifier)
            _until_done(partial(apply, pool, [entry]))

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(update, range(4)))

    [(version, content)] = rows(pool, "SELECT version, content FROM fhir_resource")
    assert version == 24
    assert len(loads(content)["identifier"]) == 25
    assert rows(pool, "SELECT count(*), count(DISTINCT version) FROM fhir_version") == [(23, 23)]


def test_batches_with_the_same_new_resources_neither_double_nor_block_each_other(pool: Pool) -> None:
    def batch(worker: int) -> None:
        shared = [by_identifier("Organization", str(n), name="shared") for n in range(20)]
        own = by_identifier("Patient", str(worker))
        _until_done(lambda: apply(pool, [*(shared if worker % 2 else reversed(shared)), own]))

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(batch, range(8)))

    counted = rows(pool, "SELECT type, count(*), max(version) FROM fhir_resource GROUP BY 1 ORDER BY 1")
    assert counted == [("Organization", 20, 1), ("Patient", 8, 1)]


def _until_done(work: Callable[[], object]) -> None:
    """As a lane does: a Conflict that outlasts its attempts comes back later."""
    while True:
        try:
            work()
        except Conflict:
            continue
        return


def test_organizations_have_their_own_resources_under_the_same_names(pool: Pool) -> None:
    entry = by_identifier("Patient", "1")

    outcomes = [apply(pool, [entry], org=org)[0][0].outcome for org in ("default", "north", "north")]

    assert outcomes == ["created", "created", "unchanged"]
    for table in ("fhir_resource", "fhir_identifier", "org_index", "org_str", "fhir_date", "fhir_num"):
        assert {org for (org,) in rows(pool, f"SELECT org_id FROM {table}", "north")} <= {"north"}


def test_an_organization_cannot_write_rows_of_another(pool: Pool) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), transaction(pool, "north") as connection:
        connection.execute("INSERT INTO fhir_identifier VALUES ('default', 'Patient', 's', '1', 'p')")


def test_index_rows_follow_the_resource(pool: Pool) -> None:
    before = put("Patient", "p", name=[{"family": "Smith"}], birthDate="1970-01-31")
    after = put("Patient", "p", name=[{"family": "Jones"}])

    apply(pool, [before], [put("Observation", "o", valueQuantity={"value": 1, "code": "g"})])
    first = rows(pool, "SELECT lexemes::text FROM org_str UNION ALL SELECT param FROM fhir_num")
    apply(pool, [after], [put("Observation", "o")])
    second = rows(pool, "SELECT lexemes::text FROM org_str UNION ALL SELECT param FROM fhir_num")

    assert "family smith" in first[0][0]
    assert ("value-quantity",) in first
    assert len(second) == 1
    assert "family jones" in second[0][0]


def test_a_transaction_of_more_resources_than_are_written_at_once(pool: Pool) -> None:
    count = 1001
    entries = [put("Observation", f"o{number:04}", status="final") for number in range(count)]

    (written,) = apply(pool, entries)

    assert [one.outcome for one in written] == ["created"] * count
    assert rows(pool, "SELECT count(*) FROM fhir_resource") == [(count,)]
    assert rows(pool, "SELECT count(*) FROM fhir_index") == [(count,)]
