"""What each MLLP port is: where it listens, for whom, how it is secured and within which limits.

`EHR_MLLP_PORT` and `EHR_MLLPS_PORT` are two of them; more are read from a TOML file, whose names are
those of `Listener`:

    [[listener]]
    name = "lab"
    port = 2577
    organization = "north"            # "" or absent: the sender rules decide
    charset = "8859/1"                # what an empty MSH-18 means, unless the sender's rule says
    timezone = "Europe/Berlin"        # of times without an offset, likewise
    proxy = true                      # the connections come through a proxy that says PROXY v1 or v2

    [listener.tls]
    certificate = "/etc/ehr/lab.pem"  # with its chain
    key = "/etc/ehr/lab.key"
    client_authority = "/etc/ehr/lab-clients.pem"   # clients must then show a certificate of this CA

    [listener.tls.clients]            # and be one of these, by common name or DNS name
    "lab.north.example" = "north"     # the organization it stands for
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from libs.settings import Port
from services.mllp_gateway.senders import CharacterSet, TimeZone
from services.mllp_gateway.settings import Settings

Organization = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class BadListeners(Exception):
    """The ports cannot be as they are described; the text is one line that says why."""


class Tls(BaseModel):
    """How a port is secured: TLS 1.2 or later."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certificate: Path  # PEM, the server's first, then those up to its authority
    key: Path  # PEM
    client_authority: Path | None = None  # PEM of the authorities that clients' certificates must be from
    clients: Mapping[
        str, Organization
    ] = {}  # common or DNS name -> organization; empty: any of the authority


class Listener(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,30}$")  # a label of the metrics
    address: str
    port: Port
    organization: Organization | None = None
    charset: CharacterSet = ""  # what an empty MSH-18 means, unless the sender's rule says
    timezone: TimeZone = ""  # of times, when neither they nor MSH-7 state an offset, likewise
    processing_ids: frozenset[str] = (
        frozenset()
    )  # accepted MSH-11.1, unless the sender's rule says; empty: any
    tls: Tls | None = None
    proxy: bool = False
    max_message: int = Field(ge=1_000, le=256_000_000)  # bytes
    frame_timeout: float = Field(gt=0)  # seconds from a message's first byte to its last
    idle_timeout: float | None = Field(None, gt=0)  # seconds a connection may stay silent; None: for ever
    max_connections: int | None = Field(None, ge=1)  # of this port, within those of the gateway


def read_listeners(settings: Settings) -> list[Listener]:
    """The ports to open. Raises BadListeners."""
    common = _common(settings)
    listeners = [Listener(name="mllp", port=settings.mllp_port, **common)]
    if settings.mllps_certificate or settings.mllps_key or settings.mllps_client_authority:
        # A part of them alone would leave the port closed, to an operator who believes it open and secured.
        if not (settings.mllps_certificate and settings.mllps_key):
            raise BadListeners("the TLS port needs both EHR_MLLPS_CERTIFICATE and EHR_MLLPS_KEY")
        tls = Tls(
            certificate=settings.mllps_certificate,
            key=settings.mllps_key,
            client_authority=settings.mllps_client_authority,
        )
        listeners.append(Listener(name="mllps", port=settings.mllps_port, tls=tls, **common))
    if settings.listeners_file:
        listeners += _read_file(settings.listeners_file, common)
    names = [listener.name for listener in listeners]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadListeners(f"{settings.listeners_file}: two listeners are called {twice[0]}")
    return listeners


def http_listener(settings: Settings) -> Listener:
    """The port for HL7 over HTTP."""
    return Listener(name="http", port=settings.gateway_http_port, **_common(settings))


def _common(settings: Settings) -> dict[str, Any]:
    return {
        "address": settings.bind,
        "max_message": settings.mllp_max_message,
        "frame_timeout": settings.mllp_frame_timeout,
    }


def _read_file(file: Path, common: Mapping[str, Any]) -> list[Listener]:
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadListeners(f"{file}: {error}") from error
    if unknown := sorted(content.keys() - {"listener"}):
        raise BadListeners(f"{file}: {unknown[0]} is not [[listener]]")
    listeners = []
    for number, table in enumerate(content.get("listener", []), 1):
        try:
            listeners.append(Listener(**{**common, **table}))
        except ValidationError as error:
            problem = error.errors()[0]
            field = ".".join(str(part) for part in problem["loc"])
            raise BadListeners(f"{file}: listener {number}: {field}: {problem['msg']}") from error
    return listeners
