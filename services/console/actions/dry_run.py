"""What a layer would change in FHIR, tried on stored messages; nothing is written."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from libs.errors import Permanent
from libs.fhir.json import dumps
from libs.hl7v2.charset import decode_message
from libs.hl7v2.message import parse
from libs.lanes.contracts import Envelope
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.difference import Change, difference
from libs.mapping.inbound.layers import Layers, read_layer
from libs.mapping.inbound.mapper import Mapped, map_message
from libs.store.transformations import Stored


@dataclass(frozen=True)
class Outcome:
    """What the layer would change for one message. False when that is nothing."""

    message: Stored
    changes: list[Change] = field(default_factory=list)
    uncoded: tuple[int, int] = (0, 0)  # codes that no map knows, before and after
    error: str = ""  # why it cannot be mapped

    def __bool__(self) -> bool:
        return bool(self.changes) or self.uncoded[0] != self.uncoded[1]

    def lines(self) -> list[str]:
        """For people: a line for the message, then one for each change; none when there is nothing to say."""
        if not self and not self.error:
            return []
        facts = self.message
        at = datetime.fromtimestamp(facts.envelope.received_at, UTC).isoformat(" ", "seconds")
        head = f"{facts.message_type} {facts.control_id} of {facts.envelope.sender}, {at}"
        if self.error:
            return [head, f"cannot be mapped: {self.error}"]
        lines = [_line(change) for change in self.changes]
        if self.uncoded[0] != self.uncoded[1]:
            lines.append(f"codes that no map knows: {self.uncoded[0]} -> {self.uncoded[1]}")
        return [head, *lines]

    def to_dict(self) -> dict[str, Any]:
        """The outcome as JSON-ready data."""
        return {
            "message_id": self.message.envelope.message_id,
            "message_type": self.message.message_type,
            "control_id": self.message.control_id,
            "sender": self.message.envelope.sender,
            "changes": [
                {
                    "resource": change.resource,
                    "url": change.url,
                    "path": change.path,
                    "before": _json(change.before),
                    "after": _json(change.after),
                }
                for change in self.changes
            ],
            "uncoded": {"before": self.uncoded[0], "after": self.uncoded[1]},
            "error": self.error,
        }


def dry_run(
    base: MappingConfig, current: Layers, name: str, document: str, stored: Sequence[Stored]
) -> list[Outcome]:
    """The messages by the layers that are in force, compared with those and the layer. Raises BadLayer."""
    candidate = Layers(current.version, {**current.by_name, name: read_layer(name, document)})
    return [
        _outcome(one, _config(base, current, one.envelope), _config(base, candidate, one.envelope))
        for one in stored
    ]


def _config(base: MappingConfig, layers: Layers, envelope: Envelope) -> MappingConfig:
    return layers.config(base, envelope.sender, envelope.charset, envelope.timezone)


def _outcome(message: Stored, before: MappingConfig, after: MappingConfig) -> Outcome:
    try:
        then, now = (_mapped(message.envelope, config) for config in (before, after))
    except Permanent as error:
        return Outcome(message, error=str(error))
    uncoded = (len(then.report.uncoded), len(now.report.uncoded))
    return Outcome(message, difference(then.entries, now.entries), uncoded)


def _mapped(envelope: Envelope, config: MappingConfig) -> Mapped:
    text, _ = decode_message(envelope.body, config.charset)
    return map_message(parse(text), config)


def _line(change: Change) -> str:
    if not change.path:
        what = "goes" if change.after is None else "comes"
        return f"{change.url} {what}"
    return f"{change.url} {change.path}: {_text(change.before)} -> {_text(change.after)}"


def _text(value: Any) -> str:
    return "nothing" if value is None else dumps(value).decode()


def _json(value: Any) -> Any:
    return json.loads(dumps(value))
