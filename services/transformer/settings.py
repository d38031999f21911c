"""What the transformer can be told."""

import os

from pydantic import Field, field_validator

from libs.hl7v2.timestamp import zone_name
from libs.settings import DatabaseSettings, Port, RedisSettings, ServiceSettings


class Settings(ServiceSettings, RedisSettings, DatabaseSettings):
    transformer_port: Port = 9101  # /metrics and /health/*
    # Worker processes; one keeps a core busy, PostgreSQL takes about as much again.
    transformer_processes: int = Field(max(1, os.cpu_count() or 1), ge=1, le=64)
    database_pool: int = Field(2, ge=1, le=500)  # connections a worker process may hold
    # IANA zone of times without an offset when MSH-7 has none either; empty: they keep date precision.
    default_timezone: str = "UTC"

    @field_validator("default_timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return name and zone_name(name)
