"""What the outbound sender can be told."""

from pathlib import Path

from pydantic import Field

from libs.settings import DatabaseSettings, Port, RedisSettings, ServiceSettings


class Settings(ServiceSettings, RedisSettings, DatabaseSettings):
    outbound_sender_port: Port = 9103  # /metrics and /health/*
    outbound_sender_lanes: int = Field(64, ge=1, le=1000)  # destinations that are sent to at a time
    # For destinations with TLS, PEM: whom to trust (None: as the system does), and who we are.
    outbound_authority: Path | None = None
    outbound_certificate: Path | None = None
    outbound_key: Path | None = None  # None: it is in the certificate's file
    database_pool: int = Field(4, ge=1, le=500)  # none is held while a destination is waited for
