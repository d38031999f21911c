from decimal import Decimal

import pytest

from libs.mapping.inbound.mapper import MappingConfig, Unmappable
from libs.mapping.tests.messages import (
    A01,
    MSH,
    PID,
    PV1,
    Json,
    event,
    mapped,
    message,
    only,
    resources,
    segment,
)

V2 = "http://terminology.hl7.org/CodeSystem/v2-"
V3 = "http://terminology.hl7.org/CodeSystem/v3-"
NORTH = "urn:oid:2.999.1.1"


def test_an_admission_becomes_the_patient_as_a_fhir_developer_expects_it() -> None:
    patient = only(mapped(*A01), "Patient")

    assert patient == {
        "resourceType": "Patient",
        "identifier": [
            {
                "type": {
                    "coding": [{"system": V2 + "0203", "code": "MR", "display": "Medical record number"}]
                },
                "system": NORTH,
                "value": "48213",
                "assigner": {"display": "NORTH"},
            },
            {
                "type": {
                    "coding": [
                        {
                            "system": V2 + "0203",
                            "code": "NI",
                            "display": "National unique individual identifier",
                        }
                    ]
                },
                "system": "urn:ehrconnect:default:authority:NATIONAL",
                "value": "9006153318",
                "assigner": {"display": "NATIONAL"},
            },
        ],
        "name": [{"use": "official", "family": "Okafor", "given": ["Amara", "Chidi"], "prefix": ["Dr"]}],
        "telecom": [
            {
                "system": "phone",
                "value": "+43 316 5550142",
                "use": "home",
                "extension": [
                    {"url": CONTACT + "country", "valueString": "43"},
                    {"url": CONTACT + "area", "valueString": "316"},
                    {"url": CONTACT + "local", "valueString": "5550142"},
                ],
            },
            {
                "system": "phone",
                "value": "+43 316 5550199",
                "use": "work",
                "extension": [
                    {"url": CONTACT + "country", "valueString": "43"},
                    {"url": CONTACT + "area", "valueString": "316"},
                    {"url": CONTACT + "local", "valueString": "5550199"},
                ],
            },
        ],
        "gender": "female",
        "birthDate": "1990-06-15",
        "address": [
            {
                "line": ["Lindenweg 4", "Apt 2"],
                "city": "Graz",
                "state": "ST",
                "postalCode": "8010",
                "country": "AUT",
                "use": "home",
            }
        ],
        "maritalStatus": {
            "coding": [
                {"system": V3 + "MaritalStatus", "code": "M", "display": "Married"},
                {"system": V2 + "0002", "code": "M"},
            ]
        },
        "contact": [
            {
                "relationship": [
                    {
                        "coding": [
                            {"system": V3 + "RoleCode", "code": "SPS", "display": "spouse"},
                            {"system": V2 + "0063", "code": "SPO"},
                        ]
                    },
                    {"coding": [{"system": V2 + "0131", "code": "N", "display": "Next-of-Kin"}]},
                ],
                "name": {"family": "Okafor", "given": ["Emeka"]},
                "telecom": [
                    {
                        "system": "phone",
                        "value": "+43 660 5550100",
                        "use": "mobile",
                        "extension": [
                            {"url": CONTACT + "country", "valueString": "43"},
                            {"url": CONTACT + "area", "valueString": "660"},
                            {"url": CONTACT + "local", "valueString": "5550100"},
                        ],
                    }
                ],
                "address": {"line": ["Lindenweg 4"], "city": "Graz", "postalCode": "8010"},
            }
        ],
    }


CONTACT = "http://hl7.org/fhir/StructureDefinition/contactpoint-"


def test_the_patient_is_found_by_the_medical_record_number_wherever_it_stands() -> None:
    swapped = PID.replace("48213^^^NORTH&2.999.1.1&ISO^MR~9006153318^^^NATIONAL^NI", "1^^^X^AN~2^^^Y^MR")

    entry = next(e for e in mapped(*event("A01", swapped)).entries if e.resource["resourceType"] == "Patient")

    assert (entry.method, entry.url) == ("PUT", "Patient?identifier=urn:ehrconnect:default:authority:Y|2")
    assert entry.merge


def test_an_organization_decides_which_authority_identifies_its_patients() -> None:
    config = MappingConfig(
        authorities={"NATIONAL": "https://ids.example.org/national"},
        patient_systems=("https://ids.example.org/national",),
    )

    entries = mapped(*A01, config=config).entries

    assert "Patient?identifier=https://ids.example.org/national|9006153318" in [
        entry.url for entry in entries
    ]


def test_numbers_without_an_authority_belong_to_the_facility_that_sent_them() -> None:
    patient = only(mapped(*event("A04", "PID|1||77||Doe^Jo")), "Patient")

    assert patient["identifier"] == [
        {"system": "urn:ehrconnect:default:facility:NORTH%20CLINIC", "value": "77"}
    ]


def test_the_visit_its_place_and_its_people() -> None:
    found = mapped(*A01)
    encounter = only(found, "Encounter")
    urls = {entry.full_url: entry.resource for entry in found.entries}

    assert encounter["status"] == "in-progress"
    assert encounter["class"] == {"system": V3 + "ActCode", "code": "IMP"}
    assert encounter["period"] == {"start": "2026-03-10T08:15:00+01:00"}
    assert urls[encounter["subject"]["reference"]]["resourceType"] == "Patient"
    (bed,) = encounter["location"]
    chain = []
    place = bed["location"]
    while place:
        resource = urls[place["reference"]]
        chain.append((resource["name"], resource["physicalType"]["coding"][0]["code"]))
        place = resource.get("partOf")
    assert chain == [("B", "bd"), ("312", "ro"), ("W3", "wa"), ("NORTH", "si")]
    (attender,) = encounter["participant"]
    assert urls[attender["individual"]["reference"]]["name"] == [
        {"family": "Berger", "given": ["Paul"], "prefix": ["Dr"]}
    ]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("A01", "in-progress"),
        ("A03", "finished"),
        ("A04", "in-progress"),
        ("A05", "planned"),
        ("A11", "cancelled"),
        ("A13", "in-progress"),
        ("A27", "cancelled"),
        ("A38", "cancelled"),
    ],
)
def test_where_a_visit_stands_after_the_event(code: str, status: str) -> None:
    assert only(mapped(*event(code, PID, PV1)), "Encounter")["status"] == status


def test_an_update_does_not_say_where_the_visit_stands() -> None:
    def kept(code: str) -> tuple[str, ...]:
        entries = mapped(*event(code, PID, PV1)).entries
        return next(entry.keep for entry in entries if entry.resource["resourceType"] == "Encounter")

    assert [kept(code) for code in ("A01", "A08", "A31")] == [(), ("status",), ("status",)]


def test_a_cancelled_discharge_has_no_end() -> None:
    entry = next(
        e for e in mapped(*event("A13", PID, PV1)).entries if e.resource["resourceType"] == "Encounter"
    )

    discharge = ("hospitalization:dischargeDisposition", "hospitalization:destination")
    assert entry.remove == ("period:end", *discharge)


def test_two_quotes_remove_what_is_stored_and_nothing_leaves_it() -> None:
    pid = 'PID|1||48213^^^NORTH^MR||Okafor^Amara|||F|||""||""'

    entry = next(e for e in mapped(*event("A08", pid)).entries if e.resource["resourceType"] == "Patient")

    assert entry.remove == ("address:main", "telecom:home")
    assert not {"address", "telecom", "birthDate"} & entry.resource.keys()


def alternate(table: str, code: str) -> Json:
    concept = {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/v2-{table}", "code": code}]}
    url = "http://hl7.org/fhir/StructureDefinition/alternate-codes"
    return {"extension": [{"url": url, "valueCodeableConcept": concept}]}


def test_an_allergy() -> None:
    allergy = only(mapped(*A01), "AllergyIntolerance")
    del allergy["patient"]

    assert allergy == {
        "resourceType": "AllergyIntolerance",
        "id": allergy["id"],
        "clinicalStatus": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
                    "code": "active",
                }
            ]
        },
        "type": "allergy",
        "category": ["medication"],
        "_category": [alternate("0127", "DA")],
        "criticality": "high",
        "_criticality": alternate("0128", "SV"),
        "code": {
            "coding": [
                {
                    "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
                    "code": "7980",
                    "display": "Penicillin G",
                }
            ]
        },
        "onsetDateTime": "2019",
        "reaction": [{"manifestation": [{"text": "Hives"}], "severity": "severe"}],
    }


def test_a_diagnosis_is_a_condition_that_the_visit_refers_to() -> None:
    found = mapped(*A01)
    (diagnosis,) = only(found, "Encounter")["diagnosis"]
    urls = {entry.full_url: entry.resource for entry in found.entries}

    condition = urls[diagnosis["condition"]["reference"]]

    assert condition["code"] == {
        "coding": [
            {"system": "http://hl7.org/fhir/sid/icd-10", "code": "J18.9", "display": "Pneumonia, unspecified"}
        ]
    }
    assert condition["onsetDateTime"] == "2026-03-10"
    assert diagnosis["use"]["coding"][0]["code"] == "AD"


def test_one_provenance_and_one_message_header_a_message() -> None:
    found = mapped(*A01)
    provenance, header = only(found, "Provenance"), only(found, "MessageHeader")

    assert provenance["recorded"] == "2026-03-10T08:30:00+01:00"
    assert provenance["entity"] == [
        {
            "role": "source",
            "what": {
                "identifier": {
                    "system": "urn:ehrconnect:default:message:ADMIT:NORTH%20CLINIC",
                    "value": "A-1",
                }
            },
        }
    ]
    assert header["eventCoding"] == {"system": V2 + "0003", "code": "A01", "display": "ADT^A01^ADT_A01"}


def test_the_same_message_gives_the_same_entries() -> None:
    assert mapped(*A01).entries == mapped(*A01).entries


def test_a_resend_and_an_update_find_the_same_resources() -> None:
    def identities(code: str, control: str) -> set[tuple[str, str]]:
        found = mapped(*event(code, *A01[2:], control=control))
        once = {"MessageHeader", "Provenance"}
        return {(e.full_url, e.url) for e in found.entries if e.resource["resourceType"] not in once}

    assert identities("A01", "1") == identities("A08", "2")


def test_insurance_guarantor_and_procedure() -> None:
    found = mapped(
        *A01,
        "PR1|1||80146002^Appendectomy^SCT||202603101200+0100||45",
        "GT1|1||Okafor^Emeka||Lindenweg 4^^Graz|||19880101|M||SPO",
        segment(
            "IN1",
            {
                1: "1",
                2: "GOLD^Gold plan",
                3: "C9",
                4: "Alpine Mutual",
                12: "20260101",
                17: "SEL",
                36: "POL-1",
            },
        ),
    )

    assert only(found, "Procedure")["performedPeriod"] == {
        "start": "2026-03-10T12:00:00+01:00",
        "end": "2026-03-10T12:45:00+01:00",
    }
    coverage = only(found, "Coverage")
    assert (coverage["subscriberId"], coverage["subscriber"]) == ("POL-1", coverage["beneficiary"])
    assert "Alpine Mutual" in [one["name"] for one in resources(found, "Organization")]
    assert len(resources(found, "RelatedPerson")) == 1  # the guarantor is the next of kin


def test_an_observation_of_an_admission_is_told_apart_by_its_time() -> None:
    def urls(time: str) -> list[str]:
        found = mapped(*A01, f"OBX|1|NM|8302-2^Height^LN||1.70|m^^UCUM|||||F|||{time}")
        return [entry.url for entry in found.entries if entry.resource["resourceType"] == "Observation"]

    assert urls("20260310") == urls("20260310") != urls("20260311")
    height = only(mapped(*A01, "OBX|1|NM|8302-2^Height^LN||1.70|m^^UCUM|||||F"), "Observation")
    assert height["valueQuantity"] == {
        "value": Decimal("1.70"),
        "unit": "m",
        "system": "http://unitsofmeasure.org",
        "code": "m",
    }
    assert str(height["valueQuantity"]["value"]) == "1.70"


def test_messages_that_say_nothing_about_anybody_are_refused() -> None:
    with pytest.raises(Unmappable, match="without PID and PV1"):
        mapped(*event("A01"))
    with pytest.raises(Unmappable, match="type XYZ are not mapped"):
        mapped(MSH.format(kind="XYZ^Z01", control="1"), PID)
    with pytest.raises(Unmappable, match="MSH-9: what stands in place"):
        mapped(MSH.format(kind="Slipped content", control="1"), PID)


def test_a_visit_that_nothing_names_is_open_only_by_an_event_of_its_own() -> None:
    nameless = "PV1|1|I|W1"
    result = [MSH.format(kind="ORU^R01", control="O-1"), PID, nameless, "OBR|1||F1|718-7^Hb^LN"]

    statuses = [only(mapped(*event(code, PID, nameless)), "Encounter")["status"] for code in ("A01", "A31")]

    assert [*statuses, only(mapped(*result), "Encounter")["status"]] == ["in-progress", "unknown", "unknown"]


def test_a_severity_that_tells_nothing_of_the_risk_ends_what_was_known_of_it() -> None:
    severe, moderate = (
        next(
            entry
            for entry in mapped(*event("A08", PID, f"AL1|1|DA|7980^Penicillin^RXNORM|{code}|Hives")).entries
            if entry.resource["resourceType"] == "AllergyIntolerance"
        )
        for code in ("SV", "MO")
    )

    assert (severe.resource["criticality"], "criticality" in severe.remove) == ("high", False)
    assert ("criticality" in moderate.resource, "criticality" in moderate.remove) == (False, True)


def test_a_diagnosis_that_is_confirmed_stays_one_condition() -> None:
    admitting, working = (
        only(mapped(*event("A08", PID, PV1, f"DG1|1||E11^Diabetes^I10|||{use}")), "Condition")["id"]
        for use in "AW"
    )

    assert admitting == working


def test_the_report_tells_what_was_used_and_what_was_not() -> None:
    found = mapped(*event("A04", PID + "||||||||||||||||||||||||XX", "ZPI|1|blue", "AL1|1|QQ|1^Nuts"))

    assert found.report.to_dict() == {
        "segments": {"used": {"MSH": 1, "EVN": 1, "PID": 1, "AL1": 1}, "unused": ["ZPI[3]"]},
        "fields": {"unused": []},
        "repetitions": {"unused": []},
        "components": {"unused": []},
        "uncoded": [
            {"position": "AL1[4]-2", "table": "0127", "code": "QQ"},
        ],
        "warnings": [],
    } | {"fields": found.report.to_dict()["fields"]}
    assert message(*A01).header.text(10) == "A-1"
