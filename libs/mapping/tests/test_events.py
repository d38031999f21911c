"""Every event that hospitals send becomes what a reader of the message expects, and nothing else."""

import pytest

from libs.fhir.validate import validate
from libs.mapping.inbound.mapper import Mapped, Unmappable
from libs.mapping.tests.events import (
    ANSWER,
    CLINIC,
    DONE,
    EVENTS,
    LEFT,
    OBR,
    OBX,
    OK,
    ORC,
    ORDER,
    OTHER,
    PID,
    PV1,
    SCH,
    SPM,
    VACCINE,
)
from libs.mapping.tests.messages import MSH, mapped, only, resources

_STATUS = {"Goal": "lifecycleStatus", "Practitioner": "active"}
_AROUND = {"MessageHeader", "Provenance", "Organization", "PractitionerRole"}


def message(kind: str, *segments: str) -> Mapped:
    return mapped(MSH.format(kind=kind, control="E-1"), *segments)


def summary(found: Mapped, expected: str) -> str:
    """The clinical resources in order, with where they stand; people and places if they are the matter."""
    around = _AROUND | ({"Practitioner", "Location"} - {one.partition(":")[0] for one in expected.split()})
    shown = []
    for entry in found.entries:
        kind = entry.resource["resourceType"]
        if kind not in around:
            stands = entry.resource.get(_STATUS.get(kind, "status"))
            shown.append(kind if stands is None else f"{kind}:{stands}")
    return " ".join(shown)


@pytest.mark.parametrize(
    ("kind", "segments", "expected"), EVENTS, ids=[f"{kind} {len(s)}" for kind, s, _ in EVENTS]
)
def test_an_event_becomes_what_it_says(kind: str, segments: list[str], expected: str) -> None:
    event = kind.split("^")[1]
    evn = [f"EVN|{event}|20260310083000"] if kind.startswith(("ADT", "BAR", "MDM", "PMU")) else []

    found = message(kind, *evn, *segments)

    assert summary(found, expected) == expected
    assert [one for entry in found.entries for one in validate(entry.resource)] == []
    referred = {one["reference"] for one in only(found, "MessageHeader").get("focus", [])}
    assert referred <= {entry.full_url for entry in found.entries}


@pytest.mark.parametrize("kind", ["ADT^A03^ADT_A03", "ADT^A03", "ADT", "^A03^ADT_A03", "ADT_A03", "adt^a03"])
def test_the_kind_of_a_message_is_found_wherever_its_version_puts_it(kind: str) -> None:
    found = message(kind, "EVN|A03|198901011200", PID, PV1)

    assert found.message_type == "ADT^A03"
    assert only(found, "Encounter")["status"] == "finished"
    assert only(found, "MessageHeader")["eventCoding"]["code"] == "A03"


def test_a_message_of_no_known_kind_is_refused_with_the_place() -> None:
    for kind, reason in (
        ("", "no message type"),
        ("ZZZ^Z01", "of the type ZZZ"),
        ("slipped text", "is none"),
    ):
        with pytest.raises(Unmappable, match=f"^MSH-9: .*{reason}"):
            message(kind, PID)


def test_segments_out_of_their_order_and_unknown_ones_lose_nothing() -> None:
    usual = message("ORU^R01", PID, PV1, DONE, OBR, OBX)
    mixed = message("ORU^R01", PV1, "ZZ1|local", PID, "QQQ", OBR, DONE, OBX)

    kinds = [entry.resource["resourceType"] for entry in usual.entries]
    assert sorted(kinds) == sorted(entry.resource["resourceType"] for entry in mixed.entries)
    assert only(mixed, "ServiceRequest")["authoredOn"] == only(usual, "ServiceRequest")["authoredOn"]
    assert [str(one) for one in mixed.report.unused_segments] == ["ZZ1[2]", "QQQ[4]"]


def test_every_order_of_a_specimen_refers_to_it() -> None:
    second = ORDER.replace("P100", "P101"), ORC.replace("P100", "P101")
    found = message("OML^O33", PID, SPM, ORC, ORDER, second[1], second[0], SPM.replace("S55", "S56"), ORC)

    one, two, three = resources(found, "ServiceRequest")
    assert one["specimen"] == two["specimen"] != three["specimen"]


def test_the_results_of_several_patients_stay_with_them() -> None:
    other = OBR.replace("P100", "P200").replace("F900", "F901")
    found = message("ORU^R01", PID, OBR, OBX, OBX.replace("718-7", "718-8"), OTHER, other, OBX)

    first, second = (entry.full_url for entry in found.entries if entry.url.startswith("Patient?"))
    subjects = [one["subject"]["reference"] for one in resources(found, "Observation")]
    assert subjects == [first, first, second]
    assert [len(one["result"]) for one in resources(found, "DiagnosticReport")] == [2, 1]


def test_an_answer_that_names_no_patient_leaves_the_order_with_whom_it_is() -> None:
    found = message("ORR^O02", ANSWER, OK, ORDER)

    assert [entry.keep for entry in found.entries if entry.url.startswith("ServiceRequest")] == [("subject",)]


def test_an_answer_names_what_it_answers() -> None:
    header = only(message("ORR^O02", "MSA|AR|Q-1"), "MessageHeader")
    odd = message("ACK", "MSA|AA|number 1")

    assert header["response"] == {"identifier": "Q-1", "code": "transient-error"}
    assert only(odd, "MessageHeader")["response"]["code"] == "ok"
    assert "a control id that FHIR has no place for" in odd.report.warnings[0].text


def test_a_question_changes_nobody() -> None:
    found = message("QBP^Q22", "QPD|Q22|1", PID)

    assert {entry.resource["resourceType"] for entry in found.entries} <= _AROUND
    assert "PID[2]" in [str(one) for one in found.report.unused_segments]


def test_a_change_of_an_appointment_leaves_its_status_but_one_that_states_it_does_not() -> None:
    stated = SCH + "|" * 14 + "Complete"
    changed = [message("SIU^S14", one, PID, CLINIC).entries for one in (SCH, stated)]

    kept = [[one.keep for one in entries if one.url.startswith("Appointment")] for entries in changed]
    assert kept == [[("status",)], [()]]


def test_an_end_stays_the_end_and_several_vaccines_of_a_query_are_told_apart() -> None:
    assert only(message("ADT^A08", PID, LEFT), "Encounter")["status"] == "finished"
    doses = [PID, DONE, VACCINE, DONE.replace("P100", "P101"), VACCINE]
    assert len(resources(message("RSP^K11", ANSWER, *doses), "Immunization")) == 2
