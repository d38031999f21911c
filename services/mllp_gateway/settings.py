"""What the gateway can be told, all of it `EHR_*` variables."""

from pathlib import Path

from pydantic import Field, SecretStr

from libs.settings import Port, RedisSettings, ServiceSettings


class Settings(ServiceSettings, RedisSettings):
    mllp_port: Port = 2575  # the port registered for HL7
    gateway_http_port: Port = 2580  # /metrics, /health, /hl7
    default_organization: str = Field(
        "default", pattern=r"^([a-z0-9][a-z0-9-]{0,62})?$"
    )  # "" refuses unknown senders
    senders_file: Path | None = None  # TOML, see senders.py
    listeners_file: Path | None = None  # TOML, see listeners.py; ports besides these two

    mllps_port: Port = 2576
    mllps_certificate: Path | None = None  # PEM with its chain; with the key it opens the TLS port
    mllps_key: Path | None = None
    mllps_client_authority: Path | None = None  # PEM; clients must then show a certificate of this authority

    hl7_http_token: SecretStr | None = None  # what senders over HTTP must show as a bearer token

    mllp_max_message: int = Field(10_000_000, ge=1_000, le=256_000_000)  # bytes
    mllp_frame_timeout: float = Field(40, gt=0)  # seconds from a message's first byte to its last
    mllp_max_connections: int = Field(5_000, ge=1)
    mllp_max_connections_per_address: int = Field(1_000, ge=1)
    mllp_memory: int = Field(64_000_000, ge=1_000_000)  # bytes of messages in hand, over all connections

    ack_replicas: int = Field(0, ge=0, le=9)  # Redis replicas that must hold a message before its AA
    reuse_port: bool = False  # let a second gateway open the same ports, to take over from this one
    redis_timeout: float = Field(5, gt=0)  # seconds that Redis may take for one call
