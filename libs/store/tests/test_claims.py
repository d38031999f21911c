"""A resource claims the profiles that it conforms to as it is stored, whatever the message stated of it."""

from typing import Any

import pytest

from libs.fhir.bundle import Entry
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.layers import configure, read_layer, shipped_profile
from libs.store import writer
from libs.store.engine import Pool, attempt
from libs.store.tests.sending import GUIDE, NOW, PID, segment, send, stored

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
US = configure(MappingConfig(), [read_layer("profile", shipped_profile("us-core"))])
NO_SEX = PID | {8: ""}


def update(pool: Pool, pid: dict[int, str], config: MappingConfig = US) -> None:
    send(pool, "ADT^A08", segment("PID", pid), config=config)


def claimed(pool: Pool) -> list[str]:
    """What the patient claims."""
    return [one.removeprefix(US_CORE) for one in stored(pool, "Patient")["meta"].get("profile", [])]


def write(pool: Pool, *entries: Entry) -> None:
    attempt(pool, "default", lambda c: writer.apply(c, "default", [list(entries)], NOW))


def test_a_resource_claims_a_profile_only_where_a_layer_asks_for_it(pool: Pool) -> None:
    update(pool, PID, GUIDE)
    assert claimed(pool) == []

    update(pool, PID, US)
    assert claimed(pool) == ["patient"]


def test_what_is_stored_decides_not_what_the_message_states(pool: Pool) -> None:
    update(pool, PID)
    update(pool, {3: PID[3], 5: "Doe^Ann"})

    assert stored(pool, "Patient")["gender"] == "female"
    assert claimed(pool) == ["patient"]


def test_a_claim_goes_when_it_no_longer_holds_and_comes_back(pool: Pool) -> None:
    update(pool, PID)
    update(pool, PID | {8: '""'})
    assert claimed(pool) == []

    update(pool, PID)
    assert claimed(pool) == ["patient"]


@pytest.mark.parametrize(("pid", "left"), [(NO_SEX, ["patient"]), (PID | {8: '""'}, [])])
def test_a_claim_is_looked_at_again_when_no_layer_asks_any_more(
    pool: Pool, pid: dict[int, str], left: list[str]
) -> None:
    update(pool, PID)

    update(pool, pid | {7: "19900615"}, GUIDE)

    assert stored(pool, "Patient")["birthDate"] == "1990-06-15"
    assert claimed(pool) == left


def test_a_claim_of_another_profile_is_whoevers_made_it(pool: Pool) -> None:
    update(pool, PID, GUIDE)
    theirs = {**stored(pool, "Patient"), "meta": {"profile": ["http://a.example/profile"]}}
    write(pool, Entry(theirs, "urn:uuid:1", "PUT", f"Patient/{theirs['id']}"))

    update(pool, PID | {7: "19900615"}, US)

    assert claimed(pool) == ["http://a.example/profile", "patient"]


def test_a_message_told_again_makes_no_version(pool: Pool) -> None:
    update(pool, PID)
    update(pool, {3: PID[3], 5: PID[5]})
    update(pool, PID)

    assert stored(pool, "Patient")["meta"]["versionId"] == "1"


UNKNOWN = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


def visit(pool: Pool, kind: str) -> list[tuple[str, str]]:
    """The types of the visit after a message that says this of its kind (PV1-4)."""
    pv1 = segment("PV1", {2: "I", 4: kind, 19: "V1^^^NORTH^VN"})
    send(pool, "ADT^A08", segment("PID", PID), pv1, config=US)
    found = stored(pool, "Encounter")
    assert found["meta"]["profile"] == [US_CORE + "encounter"]
    return [(one["system"], one["code"]) for concept in found["type"] for one in concept["coding"]]


def test_what_is_unknown_gives_way_to_what_is_told_and_never_the_other_way_round(pool: Pool) -> None:
    emergency = [("http://terminology.hl7.org/CodeSystem/v2-0007", "E")]

    assert visit(pool, "") == [(UNKNOWN, "unknown")]
    assert visit(pool, "E") == emergency
    assert visit(pool, "") == emergency


def test_an_unknown_name_does_not_stand_beside_a_known_one(pool: Pool) -> None:
    unnamed = {"resourceType": "Organization", "identifier": [{"system": "s", "value": "1"}]}
    absent = {"extension": [{"url": "urn:a", "valueCode": "unknown"}]}
    one = Entry(unnamed, "urn:uuid:1", "PUT", "Organization?identifier=s|1", merge=True)

    write(pool, one._replace(resource=unnamed | {"name": "North"}))
    write(pool, one._replace(resource=unnamed | {"_name": absent}, keep=("_name",)))
    assert "_name" not in stored(pool, "Organization")

    write(pool, one._replace(resource=unnamed | {"name": "North Clinic"}))
    assert stored(pool, "Organization")["name"] == "North Clinic"


def patient(config: MappingConfig, elements: dict[str, Any]) -> list[Entry]:
    resource = {"resourceType": "Patient", "identifier": [{"system": "s", "value": "1"}], **elements}
    return [Entry(resource, "urn:uuid:1", "PUT", "Patient?identifier=s|1", merge=True, claim=config.profiles)]


NAMED: dict[str, Any] = {"name": [{"family": "Doe"}], "gender": "female"}


def amend(pool: Pool, before: list[list[Entry]], after: list[list[Entry]]) -> int:
    return attempt(pool, "default", lambda c: writer.amend(c, "default", before, after, NOW))


def test_what_messages_are_transformed_to_again_claims_what_it_then_conforms_to(pool: Pool) -> None:
    before, after = [patient(GUIDE, NAMED)], [patient(US, NAMED)]
    write(pool, *before[0])

    assert amend(pool, before, after) == 0
    assert claimed(pool) == ["patient"]
    assert amend(pool, after, [patient(US, {"name": NAMED["name"]})]) == 0
    assert claimed(pool) == []


def test_what_somebody_else_has_said_counts_for_the_claims_of_a_transformation(pool: Pool) -> None:
    before, after = [patient(GUIDE, NAMED)], [patient(US, {"name": NAMED["name"]})]
    write(pool, *before[0])
    write(pool, *[one._replace(resource=one.resource | {"gender": "other"}) for one in before[0]])

    assert amend(pool, before, after) == 1
    assert (stored(pool, "Patient")["gender"], claimed(pool)) == ("other", ["patient"])


def test_claims_go_with_the_layer_that_asked_for_them(pool: Pool) -> None:
    before = patient(US, NAMED)
    claiming = before[0].resource | {"meta": {"profile": [US_CORE + "patient"]}}
    before = [before[0]._replace(resource=claiming)]
    write(pool, *before)

    assert amend(pool, [before], [patient(GUIDE, NAMED)]) == 0
    assert claimed(pool) == []
