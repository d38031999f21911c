"""Whatever is merged, moved and told in whatever order: in the end everything is the last survivor's."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count, pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.errors import Transient
from libs.fhir.json import loads
from libs.fhir.replacement import replaced_by
from services.transformer.repointing import Repointing
from services.transformer.tests.hospital import RECORDS, Hospital, a_result, mrg, pid, pv1

ROUND = count()  # each example has people of its own
PEOPLE = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("visit"), PEOPLE, st.integers(0, 5)),
    st.tuples(st.just("result"), PEOPLE, st.integers(0, 5)),
    st.tuples(st.just("merge"), PEOPLE, PEOPLE),
    st.tuples(st.just("move"), PEOPLE, st.integers(0, 5)),
    st.tuples(st.just("follow"), st.just(0), st.just(0)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=1, max_size=12))
def test_in_the_end_nothing_refers_to_a_patient_that_was_merged_away(
    hospital: Hospital, steps: list[tuple[str, int, int]]
) -> None:
    prefix = f"R{next(ROUND)}-"
    chore = Repointing(hospital.pool, lambda: False)
    for kind, one, other in steps:
        number, visit = f"{prefix}{one}", f"{prefix}V{other}"
        match kind:
            case "visit":
                hospital.send("ADT^A08", pid(number), pv1(visit))
            case "result":
                hospital.send("ORU^R01", *a_result(number, visit, f"{prefix}O{one}-{other}"))
            case "merge":
                hospital.send("ADT^A40", pid(number), mrg(f"{prefix}{other}"))
            case "move":
                hospital.send("ADT^A45", pid(number), mrg(visit=visit), pv1(visit))
            case _:
                hospital.make_due()
                chore()

    hospital.follow()

    assert left_behind(hospital) == []


def test_what_is_told_while_patients_are_merged_is_the_survivors_in_the_end(hospital: Hospital) -> None:
    prefix = f"R{next(ROUND)}-"
    chore = Repointing(hospital.pool, lambda: False)
    numbers = [f"{prefix}{one}" for one in range(4)]

    def tell(number: str) -> None:
        for order in range(8):
            until_it_passes(hospital, "ORU^R01", *a_result(number, f"V{number}", f"O{number}-{order}"))

    with ThreadPoolExecutor(6) as threads:
        telling = [threads.submit(tell, number) for number in numbers]
        for gone, survivor in pairwise(numbers):
            until_it_passes(hospital, "ADT^A40", pid(survivor), mrg(gone))
            chore()
        for one in telling:
            one.result()
    hospital.follow()

    assert left_behind(hospital) == []
    assert hospital.found_by_patient("Observation", numbers[-1]) == 32


def until_it_passes(hospital: Hospital, event: str, *segments: str) -> None:
    """As a lane does: what met another transaction is tried again."""
    while True:
        with suppress(Transient):
            return hospital.send(event, *segments)


def left_behind(hospital: Hospital) -> list[Any]:
    """What refers to a patient that was merged away, but for links of patients and what tells of messages."""
    query = "SELECT type, content FROM fhir_resource WHERE type <> ALL(%s)"
    stored = [(kind, loads(content)) for kind, content in hospital.rows(query, list(RECORDS))]
    gone = {f"Patient/{one['id']}" for kind, one in stored if kind == "Patient" and replaced_by(one)}
    return [one for kind, one in stored if kind != "Patient" and gone & references(one)]


def references(value: object) -> set[str]:
    """Every text that a reference in it has."""
    if isinstance(value, dict):
        own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
        return own.union(*(references(part) for part in value.values()))
    return set().union(*(references(part) for part in value)) if isinstance(value, list) else set()
