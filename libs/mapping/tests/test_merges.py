import pytest

from libs.fhir.bundle import Entry
from libs.mapping.tests.messages import event, mapped, segment

PID = segment(
    "PID",
    {
        1: "1",
        3: "100^^^NORTH&2.999.1.1&ISO^MR",
        5: "Okafor^Amara",
        7: "19900615",
        8: "F",
        18: "ACC-1^^^NORTH&2.999.1.1&ISO",
    },
)
NORTH = "urn:oid:2.999.1.1"


def entries(code: str, *segments: str) -> dict[str, Entry]:
    """The entries by request URL, without those of the message itself."""
    found = mapped(*event(code, *segments)).entries
    return {e.url: e for e in found if e.resource["resourceType"] in {"Patient", "Account", "Encounter"}}


@pytest.mark.parametrize("code", ["A18", "A34", "A40"])
def test_a_merged_patient_is_inactive_and_replaced_by_the_survivor(code: str) -> None:
    found = entries(code, PID, "MRG|200^^^NORTH&2.999.1.1&ISO^MR||||||Okafor^Amarah")
    survivor = found[f"Patient?identifier={NORTH}|100"]
    gone = found[f"Patient?identifier={NORTH}|200"]

    assert survivor.resource["active"] is True
    assert survivor.resource["link"] == [{"other": {"reference": gone.full_url}, "type": "replaces"}]
    assert gone.resource["active"] is False
    assert gone.resource["link"] == [{"other": {"reference": survivor.full_url}, "type": "replaced-by"}]
    assert gone.resource["identifier"][0]["use"] == "old"


def test_several_patients_can_be_merged_into_one() -> None:
    found = entries(
        "A40",
        PID,
        "MRG|200^^^NORTH&2.999.1.1&ISO^MR",
        PID.replace("|100^", "|101^"),
        "MRG|201^^^NORTH&2.999.1.1&ISO^MR",
    )

    replaced = {url: [link["type"] for link in e.resource.get("link", [])] for url, e in found.items()}
    assert {url: kind for url, kind in replaced.items() if kind} == {
        f"Patient?identifier={NORTH}|100": ["replaces"],
        f"Patient?identifier={NORTH}|200": ["replaced-by"],
        f"Patient?identifier={NORTH}|101": ["replaces"],
        f"Patient?identifier={NORTH}|201": ["replaced-by"],
    }


def test_a_merge_with_oneself_or_with_nobody_is_reported_and_changes_nothing() -> None:
    itself = mapped(*event("A40", PID, "MRG|100^^^NORTH&2.999.1.1&ISO^MR"))
    nobody = mapped(*event("A40", PID, "MRG|"))

    assert [one.text for one in itself.report.warnings] == [
        "the prior identifier is the surviving one: nothing is merged"
    ]
    assert [one.text for one in nobody.report.warnings] == ["no prior patient identifier: nothing is merged"]


def test_a_changed_identifier_finds_the_patient_by_the_old_one() -> None:
    found = entries("A47", PID, "MRG|200^^^NORTH&2.999.1.1&ISO^MR")

    (patient,) = [e for e in found.values() if e.resource["resourceType"] == "Patient"]
    assert patient.url == f"Patient?identifier={NORTH}|200"
    assert [(one.get("use"), one["value"]) for one in patient.resource["identifier"]] == [
        (None, "100"),
        ("old", "200"),
    ]


def test_a_merged_account_becomes_a_part_of_the_surviving_one() -> None:
    found = entries("A41", PID, "MRG|100^^^NORTH&2.999.1.1&ISO^MR||ACC-2^^^NORTH&2.999.1.1&ISO")
    survivor = found[f"Account?identifier={NORTH}|ACC-1"]
    gone = found[f"Account?identifier={NORTH}|ACC-2"].resource

    assert (gone["status"], gone["partOf"]) == ("inactive", {"reference": survivor.full_url})


def test_a_moved_visit_belongs_to_the_patient_of_the_message() -> None:
    found = entries("A45", PID, "MRG|200^^^NORTH^MR||||V-1^^^NORTH&2.999.1.1&ISO")
    visit = found[f"Encounter?identifier={NORTH}|V-1"]

    assert visit.resource["subject"] == {"reference": found[f"Patient?identifier={NORTH}|100"].full_url}
    assert visit.keep == ("status", "class")  # it is known; only its patient changes


def test_a_changed_visit_number_finds_the_visit_by_the_old_one() -> None:
    visit = entries(
        "A50",
        PID,
        "MRG|100^^^NORTH^MR||||V-1^^^NORTH&2.999.1.1&ISO",
        segment("PV1", {1: "1", 2: "I", 19: "V-2^^^NORTH&2.999.1.1&ISO"}),
    )[f"Encounter?identifier={NORTH}|V-1"]

    assert [(one.get("use"), one["value"]) for one in visit.resource["identifier"]] == [
        (None, "V-2"),
        ("old", "V-1"),
    ]


def test_linked_patients_refer_to_each_other_and_unlinked_ones_do_not() -> None:
    second = PID.replace("|100^", "|101^")

    linked = [e for e in entries("A24", PID, second).values() if "link" in e.resource]
    unlinked = [e for e in entries("A37", PID, second).values() if e.resource["resourceType"] == "Patient"]

    assert [e.resource["link"][0]["type"] for e in linked] == ["seealso", "seealso"]
    assert [e.remove for e in unlinked] == [("link:seealso",), ("link:seealso",)]


def test_a_swap_of_beds_is_about_two_visits() -> None:
    visits = [
        "PV1|1|I|W1^1^A||||||||||||||||V-1^^^NORTH&2.999.1.1&ISO",
        "PV1|1|I|W1^1^B||||||||||||||||V-2^^^NORTH&2.999.1.1&ISO",
    ]
    found = entries("A17", PID, visits[0], PID.replace("|100^", "|101^"), visits[1])

    assert len([url for url in found if url.startswith("Encounter")]) == 2
    assert all(e.keep == ("status",) for url, e in found.items() if url.startswith("Encounter"))


def test_deleted_person_information_makes_the_patient_inactive() -> None:
    assert entries("A29", PID)[f"Patient?identifier={NORTH}|100"].resource["active"] is False
