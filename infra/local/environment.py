"""The settings of `make run`, what it hands to the services, and what it tells other programs."""

import os
from collections.abc import Mapping

from pydantic import SecretStr

from libs.settings import Port, ServiceSettings


class LocalSettings(ServiceSettings):
    mllp_port: Port = 2575
    gateway_http_port: Port = 2580
    fhir_port: Port = 8000
    transformer_port: Port = 9101
    database_url: SecretStr | None = None  # None: an embedded PostgreSQL
    redis_url: SecretStr | None = None  # None: an embedded Redis

    @property
    def host(self) -> str:
        """Where this machine reaches its own services."""
        return "127.0.0.1" if self.bind == "0.0.0.0" else self.bind  # noqa: S104  # compared, not bound

    def ports(self) -> dict[str, int]:
        """Every port that the services listen on, by the variable that moves it."""
        return {
            "EHR_MLLP_PORT": self.mllp_port,
            "EHR_GATEWAY_HTTP_PORT": self.gateway_http_port,
            "EHR_FHIR_PORT": self.fhir_port,
            "EHR_TRANSFORMER_PORT": self.transformer_port,
        }

    def fhir(self) -> str:
        return f"http://{self.host}:{self.fhir_port}/fhir/R4"


def service_environment(settings: LocalSettings, database_url: str, redis_url: str) -> dict[str, str]:
    """The environment of a service: ours, with every address spelt out."""
    ports = {name: str(port) for name, port in settings.ports().items()}
    urls = {"EHR_DATABASE_URL": database_url, "EHR_REDIS_URL": redis_url}
    return {**os.environ, **ports, **urls, "PYTHONUNBUFFERED": "1"}


def facts(settings: LocalSettings, database_url: str, redis_url: str, key: str) -> Mapping[str, str]:
    """What `.run/env` says, but for the processes."""
    return {
        "EHR_MLLP": f"{settings.host}:{settings.mllp_port}",
        "EHR_FHIR": settings.fhir(),
        "EHR_API_KEY": key,
        "EHR_DATABASE_URL": database_url,
        "EHR_REDIS_URL": redis_url,
    }
