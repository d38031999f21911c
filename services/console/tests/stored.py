"""Messages as the transformer leaves them in the database."""

from dataclasses import replace
from datetime import UTC, datetime

from libs.lanes.contracts import Envelope, inbound_lane, patient_key
from libs.store.engine import Pool, transaction
from libs.store.messages import Buried, Finished, bury, finish
from libs.testing.messages import adt

NOW = datetime(2026, 3, 2, 11, tzinfo=UTC)
LANE = inbound_lane("default", 3, b"100001")
PATIENT = patient_key(b"100001")
FIRST = Envelope(
    message_id="0" * 31 + "1",
    organization="default",
    received_at=1_772_446_500.0,
    sender="REGISTRATION|NORTH",
    peer="10.0.0.1:4000",
    charset="",
    body=adt(control_id="A1"),
    timezone="Europe/Berlin",
)
REUSED = replace(
    FIRST, message_id="0" * 31 + "2", received_at=1_772_446_501.0, body=adt("A08", control_id="A1")
)
DEAD = replace(FIRST, message_id="0" * 31 + "3", received_at=1_772_446_502.0, body=adt(control_id="A2"))
REPORT = '{"fields": {"unused": ["PID[2]-8"]}, "warnings": [{"position": "PV1[5]-44", "text": "no date"}]}'


def store(pool: Pool) -> None:
    """FIRST and REUSED as transformed, DEAD as a dead letter; nothing else."""
    with transaction(pool, "default") as connection:
        connection.execute("DELETE FROM dead_letter")
        connection.execute("DELETE FROM message")
        for envelope in (FIRST, REUSED):
            finish(connection, "default", [Finished(envelope, "A1", "ADT^A01", REPORT)], NOW)
        bury(connection, "default", unmappable(DEAD, "A2"), NOW)


def unmappable(envelope: Envelope, control_id: str) -> Buried:
    """The message as one that could not be mapped."""
    return Buried(
        envelope=envelope,
        control_id=control_id,
        message_type="ADT^A01",
        queue="hl7.inbound:3",
        lane=LANE,
        reason="Unmappable",
        error="PID-3 is empty",
        attempts=1,
        patient_key=PATIENT,
    )
