"""Batches through the real mapping into a real PostgreSQL."""

from collections.abc import Iterator, Sequence

import psycopg
import pytest
from redis import Redis

from libs.errors import Unavailable
from libs.lanes.claim import Batch
from libs.lanes.contracts import Envelope, inbound_lane, message_id
from libs.lanes.drain import RETRIES
from libs.store.engine import open_pool
from services.transformer.configurations import Configurations
from services.transformer.conversion import LOST_WORKERS
from services.transformer.pipeline import Pipeline

LANE = inbound_lane("default", 3, b"any")


@pytest.fixture
def pipeline(fresh_postgres_url: str, redis: Redis) -> Iterator[Pipeline]:
    with open_pool(fresh_postgres_url, 2) as pool:
        yield Pipeline(pool, Configurations("UTC"), redis)


def admission(number: int, *, name: str = "Doe", patient: str = "") -> bytes:
    return "\r".join(
        [
            f"MSH|^~\\&|ADT|NORTH|||20260301||ADT^A01^ADT_A01|M{number}|P|2.5",
            "EVN|A01|20260301",
            f"PID|1||{patient or f'P{number}'}^^^NORTH^MR||{name}^Jo||19700101|M",
            f"PV1|1|I|||||||||||||||||V{number}^^^NORTH^VN",
        ]
    ).encode()


def wire(body: bytes) -> bytes:
    control_id = body.split(b"|")[9]
    identity = message_id("default", b"ADT", b"NORTH", control_id, body)
    return Envelope(identity, "default", 1_772_000_000.0, "ADT|NORTH", "127.0.0.1", "", body).to_wire()


def batch(bodies: Sequence[bytes], lane: str = LANE, failures: int = 0, stalls: int = 0) -> Batch:
    return Batch(lane, [wire(body) for body in bodies], failures, stalls)


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def statuses(url: str) -> list[tuple[object, ...]]:
    return rows(url, "SELECT control_id, status FROM message ORDER BY control_id")


def test_a_batch_becomes_patients_and_visits(pipeline: Pipeline, fresh_postgres_url: str) -> None:
    settled = pipeline.handle([batch([admission(1), admission(2)])])

    assert settled == [2]
    assert statuses(fresh_postgres_url) == [("M1", "transformed"), ("M2", "transformed")]
    kinds = (
        "SELECT type, count(*) FROM fhir_resource WHERE type IN ('Patient', 'Encounter')"
        " GROUP BY 1 ORDER BY 1"
    )
    assert rows(fresh_postgres_url, kinds) == [("Encounter", 2), ("Patient", 2)]


def test_a_batch_that_is_read_again_changes_nothing(pipeline: Pipeline, fresh_postgres_url: str) -> None:
    messages = batch([admission(1), admission(2)])
    pipeline.handle([messages])
    before = rows(fresh_postgres_url, "SELECT type, id, version, content FROM fhir_resource ORDER BY 1, 2")

    assert pipeline.handle([messages]) == [2]

    after = rows(fresh_postgres_url, "SELECT type, id, version, content FROM fhir_resource ORDER BY 1, 2")
    assert after == before
    assert rows(fresh_postgres_url, "SELECT count(*) FROM message") == [(2,)]


def test_a_message_that_stands_twice_in_a_batch_is_applied_once(
    pipeline: Pipeline, fresh_postgres_url: str
) -> None:
    assert pipeline.handle([batch([admission(1), admission(1)])]) == [2]

    assert statuses(fresh_postgres_url) == [("M1", "transformed")]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"no message at all", "NotHL7"),
        (b"MSH|^~\\&|ADT|NORTH|||20260301||QQQ^Z99|M2|P|2.5\rPID|1||P2", "Unmappable"),
        (b"MSH|^~\\&|ADT|NORTH|||20260301||ADT^A01|M2|P|2.5\rEVN|A01", "Unmappable"),
    ],
    ids=["no MSH", "unknown type", "ADT without PID"],
)
def test_what_cannot_be_mapped_is_a_dead_letter_and_holds_up_nobody(
    pipeline: Pipeline, fresh_postgres_url: str, body: bytes, reason: str
) -> None:
    bodies = [admission(1), body, admission(3)]
    messages = [wire(bodies[0]), wire(body if b"|M2|" in body else b"|" * 9 + b"M2|" + body), wire(bodies[2])]

    assert pipeline.handle([Batch(LANE, messages)]) == [3]

    stored = rows(fresh_postgres_url, "SELECT status, count(*) FROM message GROUP BY 1 ORDER BY 1")
    assert stored == [("dead", 1), ("transformed", 2)]
    assert rows(fresh_postgres_url, "SELECT reason, queue, attempts, state FROM dead_letter") == [
        (reason, "hl7.inbound:3", 1, "open")
    ]


def refuse(url: str, family: str) -> None:
    """Make PostgreSQL fail whoever writes a patient of that name, as a defect of ours would."""
    with psycopg.connect(url) as connection:
        connection.execute(
            f"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'a defect that quotes %', NEW.content; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON fhir_resource FOR EACH ROW
            WHEN (NEW.content LIKE '%{family}%') EXECUTE FUNCTION refuse();
            """.encode()
        )


def test_a_failing_batch_is_halved_down_to_the_message_at_fault(
    pipeline: Pipeline, fresh_postgres_url: str
) -> None:
    refuse(fresh_postgres_url, "Offender")
    bodies = [admission(number) for number in range(10, 15)]
    bodies[3] = admission(13, name="Offender")

    settled = pipeline.handle([batch(bodies)])

    assert settled == [3]
    with pytest.raises(psycopg.errors.RaiseException):
        pipeline.handle([batch(bodies[3:4])])
    assert pipeline.handle([batch(bodies[3:4], failures=RETRIES)]) == [1]
    assert pipeline.handle([batch(bodies[4:])]) == [1]
    assert statuses(fresh_postgres_url) == [
        ("M10", "transformed"), ("M11", "transformed"), ("M12", "transformed"), ("M13", "dead"),
        ("M14", "transformed"),
    ]  # fmt: skip
    [(error, attempts)] = rows(fresh_postgres_url, "SELECT error, attempts FROM dead_letter")
    assert "Offender" not in str(error)
    assert attempts == RETRIES + 1


def test_a_database_that_is_away_settles_nothing_and_blames_no_message(
    fresh_postgres_url: str, redis: Redis
) -> None:
    with open_pool("postgresql://nobody@127.0.0.1:1/nowhere", 1) as pool:
        away = Pipeline(pool, Configurations("UTC"), redis)

        with pytest.raises(Unavailable):
            away.handle([batch([admission(1)], failures=RETRIES)])

    assert statuses(fresh_postgres_url) == []


def test_an_organization_that_does_not_exist_holds_its_messages(
    pipeline: Pipeline, fresh_postgres_url: str
) -> None:
    stranger = Envelope("0" * 32, "ghost", 1_772_000_000.0, "ADT|NORTH", "127.0.0.1", "", admission(1))

    with pytest.raises(Unavailable, match="org add ghost"):
        pipeline.handle([Batch("hl7.inbound:3/ghost/1", [stranger.to_wire()], RETRIES)])

    assert statuses(fresh_postgres_url) == []


def test_the_same_control_id_with_other_content_is_another_message_and_flagged(
    pipeline: Pipeline, fresh_postgres_url: str
) -> None:
    pipeline.handle([batch([admission(1)])])

    pipeline.handle([batch([admission(1, name="Roe", patient="P1")])])

    flags = rows(fresh_postgres_url, "SELECT reused_control_id FROM message ORDER BY processed_at")
    assert flags == [(False,), (True,)]
    families = "SELECT content::json #>> '{name,0,family}' FROM fhir_resource WHERE type = 'Patient'"
    assert rows(fresh_postgres_url, families) == [("Roe",)]


def test_lanes_that_come_together_are_stored_together(pipeline: Pipeline, fresh_postgres_url: str) -> None:
    settled = pipeline.handle(
        [batch([admission(1), admission(2)]), batch([admission(3)], "hl7.inbound:3/default/1")]
    )

    assert settled == [2, 1]
    assert statuses(fresh_postgres_url) == [(f"M{number}", "transformed") for number in (1, 2, 3)]


def test_what_is_no_message_of_ours_is_a_dead_letter(pipeline: Pipeline, fresh_postgres_url: str) -> None:
    wires = [b"garbage", b'{"id":"x"}\nMSH', wire(admission(1))]

    assert pipeline.handle([Batch(LANE, wires)]) == [3]

    letters = rows(fresh_postgres_url, "SELECT reason, state FROM dead_letter")
    assert letters == [("Unreadable", "open"), ("Unreadable", "open")]
    assert rows(fresh_postgres_url, "SELECT raw FROM message WHERE status = 'dead' ORDER BY length(raw)") == [
        (b"garbage",), (b'{"id":"x"}\nMSH',),
    ]  # fmt: skip


def test_content_that_slipped_into_the_type_stays_out_of_logs_and_errors(
    pipeline: Pipeline, fresh_postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    slipped = admission(1).replace(b"ADT^A01^ADT_A01", b"QUELLWASSER^ROSALINDE")

    pipeline.handle([batch([slipped])])

    told = [str(row) for row in rows(fresh_postgres_url, "SELECT error FROM dead_letter")]
    assert told
    assert "QUELL" not in told[0] + capsys.readouterr().out


def test_a_message_that_ended_worker_after_worker_is_set_aside_untried(
    pipeline: Pipeline, fresh_postgres_url: str
) -> None:
    assert pipeline.handle([batch([admission(1)], stalls=LOST_WORKERS)]) == [1]

    letters = rows(fresh_postgres_url, "SELECT reason, error, attempts, state FROM dead_letter")
    assert letters == [("WorkerLost", "5 workers in a row ended with it in hand", 5, "open")]
    assert rows(fresh_postgres_url, "SELECT count(*) FROM fhir_resource") == [(0,)]
