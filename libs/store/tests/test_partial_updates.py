"""What messages do to what is stored, through the mapping and the writer: absent, `""` and valued fields."""

import pytest

from libs.fhir.json import loads
from libs.store.engine import Pool, transaction
from libs.store.tests.sending import PID, admit, segment, send, stored

TXA = {1: "1", 2: "DS^Summary", 4: "20260301", 12: "D1^NORTH"}
OBR = {1: "1", 2: "P1^NORTH", 3: "L1^LAB", 4: "24323-8^Panel^LN", 25: "F"}


def numbers(pool: Pool) -> list[str]:
    return [telecom["value"] for telecom in stored(pool, "Patient").get("telecom", [])]


def participants(pool: Pool) -> dict[str, list[str]]:
    """The family names by what they do."""
    with transaction(pool, "default") as connection:
        people = {
            f"Practitioner/{one}": loads(content)["name"][0]["family"]
            for one, content in connection.execute(
                "SELECT id, content FROM fhir_resource WHERE type = 'Practitioner'"
            ).fetchall()
        }
    found: dict[str, list[str]] = {}
    for one in stored(pool, "Encounter").get("participant", []):
        found.setdefault(one["type"][0]["coding"][0]["code"], []).append(
            people[one["individual"]["reference"]]
        )
    return found


HOME, CELL, WORK, WORK_CELL = "^PRN^PH^^^^1", "^PRN^CP^^^^2", "^WPN^PH^^^^3", "^WPN^CP^^^^4"
TELECOM = {13: f"{HOME}~{CELL}", 14: f"{WORK}~{WORK_CELL}"}


@pytest.mark.parametrize(
    ("update", "left"),
    [
        ({}, ["1", "2", "3", "4"]),
        ({13: "^PRN^PH^^^^9"}, ["9", "3", "4"]),
        ({13: "^PRN^CP^^^^9"}, ["9", "3", "4"]),
        ({14: "^WPN^CP^^^^9"}, ["1", "2", "9"]),
        ({14: "^NET^Internet^a@example.org"}, ["1", "2", "a@example.org"]),
        ({13: '""'}, ["3", "4"]),
        ({14: '""'}, ["1", "2"]),
        ({13: '""', 14: '""'}, []),
        ({13: '""', 14: "^WPN^PH^^^^9"}, ["9"]),
        ({40: "^PRN^PH^^^^9"}, ["1", "2", "3", "4", "9"]),
    ],
)
def test_a_telephone_field_speaks_for_its_own_numbers_only(
    pool: Pool, update: dict[int, str], left: list[str]
) -> None:
    admit(pool, "A01", TELECOM)

    admit(pool, "A08", update)

    assert numbers(pool) == left


def test_numbers_that_are_told_again_stay_as_they_are(pool: Pool) -> None:
    admit(pool, "A01", TELECOM | {40: "^PRN^PH^^^^5"})
    before = stored(pool, "Patient")["telecom"]

    admit(pool, "A08", TELECOM | {40: "^PRN^PH^^^^5", 8: "O"})

    assert stored(pool, "Patient")["telecom"] == before


@pytest.mark.parametrize(
    ("update", "left"),
    [
        ({}, ["Doe", "Roe"]),
        ({5: "Smith^Jane^^^^^L"}, ["Smith", "Roe"]),
        ({9: "Poe^J"}, ["Doe", "Poe"]),
        ({9: '""'}, ["Doe"]),
    ],
)
def test_a_name_and_an_alias_are_told_apart(pool: Pool, update: dict[int, str], left: list[str]) -> None:
    admit(pool, "A01", {9: "Roe^J"})

    admit(pool, "A08", update)

    assert [name["family"] for name in stored(pool, "Patient")["name"]] == left


def test_a_county_alone_leaves_the_address(pool: Pool) -> None:
    admit(pool, "A01", {11: "1 Street^^Town"})

    admit(pool, "A08", {12: "Shire"})

    places = stored(pool, "Patient")["address"]
    assert places == [{"line": ["1 Street"], "city": "Town"}, {"id": "county-1", "district": "Shire"}]


def test_what_fields_became_as_extensions_is_removed_by_two_quotes(pool: Pool) -> None:
    admit(pool, "A01", {6: "Born^Ann", 19: "123-45", 23: "Graz"})

    admit(pool, "A08", {6: '""', 19: '""'})

    patient = stored(pool, "Patient")
    assert [one["url"].rpartition("-")[2] for one in patient["extension"]] == ["birthPlace"]
    assert [one["value"] for one in patient["identifier"]] == ["1"]


@pytest.mark.parametrize(
    ("pv1", "pv2", "left"),
    [
        ({}, {}, {"ATND": ["Attend"], "REF": ["Refer", "Asks"], "CON": ["Consult"]}),
        ({7: "9^New"}, {}, {"ATND": ["New"], "REF": ["Refer", "Asks"], "CON": ["Consult"]}),
        ({8: '""'}, {}, {"ATND": ["Attend"], "REF": ["Asks"], "CON": ["Consult"]}),
        ({}, {13: '""'}, {"ATND": ["Attend"], "REF": ["Refer"], "CON": ["Consult"]}),
        ({8: "9^New"}, {}, {"ATND": ["Attend"], "REF": ["New", "Asks"], "CON": ["Consult"]}),
    ],
)
def test_a_person_of_a_visit_is_replaced_by_the_field_of_the_same_part(
    pool: Pool, pv1: dict[int, str], pv2: dict[int, str], left: dict[str, list[str]]
) -> None:
    asked = segment("PV2", {13: "5^Asks"})
    admit(pool, "A01", None, {7: "1^Attend", 8: "2^Refer", 9: "3^Consult"}, asked)

    admit(pool, "A08", None, pv1, segment("PV2", {1: ""} | pv2))

    assert participants(pool) == left


@pytest.mark.parametrize(
    ("event", "update", "left"),
    [
        ("A08", {}, ["planned", "completed", "active", "reserved"]),
        ("A08", {3: "W9^1"}, ["active", "completed", "active", "reserved"]),
        ("A08", {42: '""'}, ["planned", "completed", "active"]),
        ("A08", {3: '""', 6: '""', 11: '""'}, ["reserved"]),
        ("A02", {3: "W2^1", 6: "W1^1"}, ["active", "completed", "active"]),
        ("A12", {3: "W1^1"}, ["active", "active", "reserved"]),
    ],
)
def test_a_place_of_a_visit_is_replaced_by_the_field_of_the_same_part(
    pool: Pool, event: str, update: dict[int, str], left: list[str]
) -> None:
    admit(pool, "A05", None, {3: "W1^1", 6: "W0^1", 11: "T^1", 42: "W2^1"})

    admit(pool, event, None, update)

    assert [place["status"] for place in stored(pool, "Encounter")["location"]] == left


def test_types_times_and_details_of_a_visit_are_removed_one_by_one(pool: Pool) -> None:
    admit(
        pool, "A03", None,
        {4: "E", 18: "IP", 14: "7", 36: "01", 44: "20260301", 45: "20260305"},
    )  # fmt: skip

    admit(pool, "A08", None, {4: '""', 36: '""', 45: '""'})

    visit = stored(pool, "Encounter")
    assert [one["coding"][0]["code"] for one in visit["type"]] == ["IP"]
    assert list(visit["hospitalization"]) == ["admitSource"]
    assert visit["period"] == {"start": "2026-03-01"}


def test_a_cancelled_discharge_takes_the_end_and_leaves_the_beginning(pool: Pool) -> None:
    admit(pool, "A03", None, {44: "20260301", 45: "20260305"})

    admit(pool, "A13", None, {44: "20260301"})

    assert stored(pool, "Encounter")["period"] == {"start": "2026-03-01"}


def test_the_number_of_a_contact_of_kin_is_not_that_of_the_kin(pool: Pool) -> None:
    admit(pool, "A01", None, None, segment("NK1", {1: "1", 2: "Doe^Ann", 5: "1", 6: "2", 31: "3"}))

    admit(pool, "A08", None, None, segment("NK1", {1: "1", 2: "Doe^Ann", 6: '""', 31: "9"}))

    assert [one["value"] for one in stored(pool, "RelatedPerson")["telecom"]] == ["1", "9"]


def test_a_correction_of_one_result_leaves_the_others_in_the_report(pool: Pool) -> None:
    def report(*observations: tuple[str, str, str]) -> None:
        send(
            pool, "ORU^R01", segment("PID", PID), segment("OBR", OBR),
            *(
                segment("OBX", {1: number, 2: "NM", 3: f"{code}^X^LN", 5: "1", 11: status})
                for number, code, status in observations
            ),
        )  # fmt: skip

    report(("1", "718-7", "F"), ("2", "787-2", "F"))
    before = stored(pool, "DiagnosticReport")["result"]
    report(("2", "787-2", "C"))

    assert (len(before), stored(pool, "DiagnosticReport")["result"]) == (2, before)


def test_a_document_that_is_added_leaves_the_others_in_the_report(pool: Pool) -> None:
    for number, data in (("1", "QUJD"), ("2", "REVG"), ("2", "REVG")):
        document = {1: number, 2: "ED", 3: f"PDF{number}^X^L", 5: f"^application^pdf^Base64^{data}", 11: "F"}
        send(pool, "ORU^R01", segment("PID", PID), segment("OBR", OBR), segment("OBX", document))

    assert [one["data"] for one in stored(pool, "DiagnosticReport")["presentedForm"]] == ["QUJD", "REVG"]


def test_links_to_several_merged_patients_stay(pool: Pool) -> None:
    for gone in ("2", "3"):
        send(pool, "ADT^A40", segment("PID", PID), f"MRG|{gone}^^^NORTH^MR")

    with transaction(pool, "default") as connection:
        (content,) = connection.execute(
            "SELECT content FROM fhir_resource r JOIN fhir_identifier i USING (org_id, type, id)"
            " WHERE i.type = 'Patient' AND i.value = '1'"
        ).fetchone() or ("",)
    assert [link["type"] for link in loads(content)["link"]] == ["replaces", "replaces"]


def test_another_form_of_an_element_takes_the_place_of_the_one_stored(pool: Pool) -> None:
    def onset(fields: dict[int, str]) -> dict[str, str]:
        iam = segment("IAM", {3: "P1^Peanut^L", 6: "A", 7: "A7^NORTH"} | fields)
        send(pool, "ADT^A60", segment("PID", PID), iam)
        allergy = stored(pool, "AllergyIntolerance")
        return {name: value for name, value in allergy.items() if name.startswith("onset")}

    assert onset({12: "as a child"}) == {"onsetString": "as a child"}
    assert onset({11: "19950301"}) == {"onsetDateTime": "1995-03-01"}
    assert onset({12: "as a child"}) == {"onsetString": "as a child"}


def test_a_medication_of_its_own_takes_the_place_of_a_code(pool: Pool) -> None:
    def medication(*rxc: str) -> set[str]:
        rxo = segment("RXO", {1: "M1^Saline^L", 2: "1", 4: "bag"})
        send(pool, "OMP^O09", segment("PID", PID), "ORC|NW|P1^NORTH", rxo, *rxc)
        return {name for name in stored(pool, "MedicationRequest") if name.startswith("medication")}

    assert medication() == {"medicationCodeableConcept"}
    assert medication("RXC|B|W^Water^L|1|l", "RXC|A|S^Salt^L|9|g") == {"medicationReference"}
    assert medication() == {"medicationCodeableConcept"}


def test_an_episode_keeps_the_diagnoses_of_its_other_visits(pool: Pool) -> None:
    def visit(number: str, *codes: str) -> None:
        diagnoses = [segment("DG1", {3: f"{code}^^I10", 6: "F"}) for code in codes]
        admit(pool, "A01", {}, {19: f"{number}^^^NORTH^VN", 54: "EP-1^^^NORTH"}, *diagnoses)

    visit("V1", "E11.9", "I10")
    visit("V2", "J45.9")
    visit("V2", "J45.9")

    assert len(stored(pool, "EpisodeOfCare")["diagnosis"]) == 3


def test_a_cancelled_discharge_led_nowhere(pool: Pool) -> None:
    admit(pool, "A03", {}, {2: "I", 14: "7", 36: "01", 37: "SNF", 45: "20260305120000"})

    admit(pool, "A13", {}, {2: "I"})

    assert set(stored(pool, "Encounter")["hospitalization"]) == {"admitSource"}


@pytest.mark.parametrize("event", ["A02", "A08", "A13"])
def test_an_event_that_does_not_say_the_class_of_the_visit_leaves_it(pool: Pool, event: str) -> None:
    admit(pool, "A01", {}, {2: "I"})

    admit(pool, event, {}, {2: "", 3: "W4"})

    assert stored(pool, "Encounter")["class"]["code"] == "IMP"
    assert stored(pool, "Encounter")["status"] == "in-progress"


@pytest.mark.parametrize("event", ["T03", "T11"])
def test_a_status_of_a_document_takes_neither_its_content_nor_its_visit(pool: Pool, event: str) -> None:
    visit = segment("PV1", {1: "1", 2: "I", 19: "V1^^^NORTH^VN"})
    text = [segment("OBX", {1: "1", 2: "TX", 3: "^Text", 5: "All is well"})]
    send(pool, "MDM^T02", segment("PID", PID), visit, segment("TXA", TXA | {17: "DI"}), *text)
    before = stored(pool, "DocumentReference")

    send(pool, f"MDM^{event}", segment("PID", PID), segment("TXA", TXA | {17: "AU"}))

    after = stored(pool, "DocumentReference")
    assert after["docStatus"] == "final"
    assert after["content"] == before["content"]
    assert after["context"] == before["context"]


def test_a_placeholder_takes_no_other_form_of_what_is_stored(pool: Pool) -> None:
    drug = [segment("RXO", {1: "D1^Drug^NDC"}), segment("RXR", {1: "PO"})]
    order = segment("ORC", {1: "NW", 2: "P1^NORTH"})
    send(pool, "OMP^O09", segment("PID", PID), order, *drug, segment("RXC", {1: "A", 2: "S1^Salt^NDC"}))
    before = stored(pool, "MedicationRequest")

    send(pool, "OMP^O09", segment("PID", PID), order, segment("RXO", {2: "5", 4: "mg"}))

    after = stored(pool, "MedicationRequest")
    assert after["medicationReference"] == before["medicationReference"]
    assert "medicationCodeableConcept" not in after
