"""A hospital that sends messages, and what an application reads afterwards."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import psycopg
from redis import Redis

from libs.fhir.bundle import Entry
from libs.fhir.json import loads
from libs.fhir.validate import validate
from libs.hl7v2.message import parse
from libs.lanes.claim import Batch
from libs.lanes.contracts import Envelope, inbound_lane, message_id
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.mapper import map_message
from libs.store.engine import Pool, transaction
from services.transformer.configurations import Configurations
from services.transformer.pipeline import Pipeline
from services.transformer.repointing import Repointing

LANE = inbound_lane("default", 3, b"any")
# What tells of messages stays as it was told.
RECORDS = {"Provenance", "MessageHeader"}


@dataclass
class Hospital:
    """What sends messages, lets references follow, and looks at what is stored."""

    url: str
    pool: Pool
    redis: Redis
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def send(self, event: str, *segments: str) -> None:
        number = next(self.numbers)
        control_id = f"M{number}"
        header = f"MSH|^~\\&|ADT|NORTH|||20260301101500+0000||{event}|{control_id}|P|2.5.1"
        body = "\r".join([header, *segments]).encode()
        identity_ = message_id("default", b"ADT", b"NORTH", control_id.encode(), body)
        envelope = Envelope(
            identity_, "default", 1_772_000_000.0 + number, "ADT|NORTH", "127.0.0.1", "", body
        )
        pipeline = Pipeline(self.pool, Configurations("UTC"), self.redis)
        assert pipeline.handle([Batch(LANE, [envelope.to_wire()])]) == [1]
        assert self.rows("SELECT count(*) FROM dead_letter") == [(0,)]

    def follow(self) -> None:
        """Let all references follow, without waiting for what is to be waited for."""
        chore = Repointing(self.pool, lambda: False)
        while self.rows("SELECT count(*) FROM repointing") != [(0,)]:
            self.make_due()
            chore()

    def make_due(self) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute("UPDATE repointing SET due_at = now()")

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with transaction(self.pool, "default") as connection:
            return connection.execute(query.encode(), values).fetchall()

    def id_of(self, kind: str, number: str) -> str:
        """The resource of that type that the number names, its id."""
        [(found,)] = self.rows("SELECT id FROM fhir_identifier WHERE type = %s AND value = %s", kind, number)
        return str(found)

    def read(self, kind: str, number: str) -> dict[str, Any]:
        [(content,)] = self.rows(
            "SELECT content FROM fhir_resource WHERE type = %s AND id = %s", kind, self.id_of(kind, number)
        )
        return loads(content)

    def referring(self, kind: str, number: str) -> set[str]:
        """The types of the resources that refer to what the number names, but for those about messages."""
        place = f'%"reference":"{kind}/{self.id_of(kind, number)}"%'
        found = self.rows("SELECT type, content FROM fhir_resource WHERE content LIKE %s", place)
        for _, content in found:
            assert validate(loads(content)) == []
        return {found_type for found_type, _ in found} - RECORDS

    def found_by_patient(self, kind: str, number: str) -> int:
        """How many resources a search by patient finds (`Observation?patient=id`)."""
        patient = self.id_of("Patient", number)
        [(found,)] = self.rows(
            "SELECT count(*) FROM org_index WHERE type = %s AND patient = %s", kind, patient
        )
        return int(found)


def pid(number: str, account: str = "") -> str:
    fields = {1: "1", 3: f"{number}^^^NORTH^MR", 5: "Doe^Jane", 8: "F"}
    if account:
        fields[18] = f"{account}^^^NORTH^AN"
    return "|".join(["PID", *(fields.get(n, "") for n in range(1, 19))])


def pv1(visit: str) -> str:
    return "|".join(["PV1", "1", "I", *[""] * 16, f"{visit}^^^NORTH^VN"])


def mrg(number: str = "", *, account: str = "", visit: str = "", alternate: str = "") -> str:
    fields = {
        1: number and f"{number}^^^NORTH^MR",
        3: account and f"{account}^^^NORTH^AN",
        5: visit and f"{visit}^^^NORTH^VN",
        6: alternate and f"{alternate}^^^NORTH^VN",
    }
    return "|".join(["MRG", *(fields.get(n, "") for n in range(1, 7))])


def a_result(number: str, visit: str, order: str) -> list[str]:
    """A result of a specimen, reported of a visit."""
    return [
        pid(number), pv1(visit), f"ORC|RE|{order}^EHR|{order}^LAB",
        f"OBR|1|{order}^EHR|{order}^LAB|24323-8^Panel^LN", "OBX|1|NM|718-7^Hb^LN||13.5|g/dL|||||F",
        f"SPM|1|{order}S&LAB||BLD^Blood^HL70487",
    ]  # fmt: skip


def entries(event: str, *segments: str) -> list[Entry]:
    header = f"MSH|^~\\&|ADT|NORTH|||20260301101500+0000||{event}|M0|P|2.5.1"
    return map_message(parse("\r".join([header, *segments])), MappingConfig("default")).entries


OF_A_RESULT = {"Encounter", "Observation", "DiagnosticReport", "ServiceRequest", "Specimen"}


def admit(hospital: Hospital, number: str, visit: str, account: str = "") -> None:
    hospital.send(
        "ADT^A01", pid(number, account), "NK1|1|Doe^Ann|SPO", pv1(visit), "AL1|1|DA|^Penicillin",
        "DG1|1||J18.9^^I10", "GT1|1|G1|Doe^Ann", "IN1|1|GOLD|C-9|Alpine||||||||||||Doe^Jane|SEL",
    )  # fmt: skip
