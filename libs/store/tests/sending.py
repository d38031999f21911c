"""HL7 messages through the mapping and the writer into a real PostgreSQL, and what became of them."""

from datetime import UTC, datetime
from typing import Any

from libs.fhir.json import loads
from libs.fhir.validate import validate
from libs.hl7v2.message import parse
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.mapper import map_message
from libs.store import writer
from libs.store.engine import Pool, attempt, transaction

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
PID = {3: "1^^^NORTH^MR", 5: "Doe^Jane", 8: "F"}
PV1 = {2: "I", 19: "V1^^^NORTH^VN"}


def segment(name: str, fields: dict[int, str]) -> str:
    return "|".join([name, *(fields.get(number, "") for number in range(1, max(fields) + 1))])


GUIDE = MappingConfig()


def send(pool: Pool, kind: str, *segments: str, config: MappingConfig = GUIDE) -> None:
    """Map the message and apply it."""
    header = f"MSH|^~\\&|ADT|NORTH|EHR|NORTH|20260310083000+0000||{kind}|C1|P|2.5.1"
    entries = map_message(parse("\r".join([header, *segments])), config).entries
    attempt(pool, "default", lambda connection: writer.apply(connection, "default", [entries], NOW))


def admit(
    pool: Pool, event: str, pid: dict[int, str] | None = None, pv1: dict[int, str] | None = None, *more: str
) -> None:
    send(pool, f"ADT^{event}", segment("PID", PID | (pid or {})), segment("PV1", PV1 | (pv1 or {})), *more)


def stored(pool: Pool, kind: str) -> dict[str, Any]:
    """The one resource of that type; valid, whatever was put together."""
    with transaction(pool, "default") as connection:
        [(content,)] = connection.execute(
            "SELECT content FROM fhir_resource WHERE type = %s", (kind,)
        ).fetchall()
    assert validate(loads(content)) == []
    return loads(content)
