"""How the messages of each organization are mapped: its layers, read once and again when one was saved."""

from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection

from libs.errors import Unavailable
from libs.lanes.contracts import Envelope
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.layers import BadLayer, Layers
from libs.store import layers

_SENDERS = 10_000  # of an organization, whose configuration is remembered


@dataclass(frozen=True, slots=True)
class Configuration:
    """The mapping of one organization at a version."""

    base: MappingConfig  # where no layer says otherwise
    layers: Layers
    _known: dict[tuple[str, str, str], MappingConfig] = field(default_factory=dict)

    @property
    def version(self) -> int:
        return self.layers.version

    def of(self, envelope: Envelope) -> MappingConfig:
        """What holds for a message: by its sender, and what the gateway says of that."""
        key = (envelope.sender, envelope.charset, envelope.timezone)
        config = self._known.get(key)
        if config is None:
            if len(self._known) >= _SENDERS:
                self._known.clear()
            config = self._known[key] = self.layers.config(self.base, *key)
        return config


class Configurations:
    """The organizations' mappings, as this process knows them."""

    def __init__(self, default_timezone: str | None) -> None:
        self._default_timezone = default_timezone
        self._known: dict[str, Configuration] = {}

    def current(self, connection: Connection[Any], organization: str) -> Configuration:
        """What is in force as `connection` sees it: one question, unless it has changed.

        Raises Unavailable when there is no such organization, and for a layer that cannot be read.
        """
        version = current_version(connection, organization)
        known = self._known.get(organization)
        if known is None or known.version != version:
            base = MappingConfig(organization, self._default_timezone)
            known = self._known[organization] = Configuration(base, _load(connection, organization))
        return known

    def at(self, connection: Connection[Any], organization: str, version: int) -> Configuration:
        """What was in force at an earlier version. Raises Unavailable."""
        base = MappingConfig(organization, self._default_timezone)
        return Configuration(base, _load(connection, organization, version))


def current_version(connection: Connection[Any], organization: str) -> int:
    """The version of the organization's mapping. Raises Unavailable when there is no such organization."""
    version = layers.version(connection, organization)
    if version is None:
        # Its messages wait, and the log says so: to store them would hide them from everybody.
        raise Unavailable(
            f"there is no organization {organization}: `ehrconnect org add {organization}` makes it"
        )
    return version


def _load(connection: Connection[Any], organization: str, version: int | None = None) -> Layers:
    try:
        return layers.load(connection, organization, version)
    except BadLayer as error:
        # Another release has saved it. The messages wait: to map them by anything else would be wrong.
        raise Unavailable(
            f"the mapping of {organization} cannot be read: {error}; save that layer again"
        ) from None
