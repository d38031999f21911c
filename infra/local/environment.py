"""The settings of `make run`, what it hands to the services, and what it tells other programs."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, SecretStr

from infra.local.certificate import self_signed
from infra.local.credentials import Credentials
from libs.settings import Port, ServiceSettings


class LocalSettings(ServiceSettings):
    mllp_port: Port = 2575
    mllps_port: Port = 2576
    mllps_certificate: Path | None = None  # None: one of our own
    mllps_key: Path | None = None
    gateway_http_port: Port = 2580
    fhir_port: Port = 8000
    console_port: Port = 8080
    transformer_port: Port = 9101
    outbound_sender_port: Port = 9103
    # "": messages of unknown senders are refused
    default_organization: str = Field("default", pattern=r"^([a-z0-9][a-z0-9-]{0,62})?$")
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
            "EHR_MLLPS_PORT": self.mllps_port,
            "EHR_GATEWAY_HTTP_PORT": self.gateway_http_port,
            "EHR_FHIR_PORT": self.fhir_port,
            "EHR_CONSOLE_PORT": self.console_port,
            "EHR_TRANSFORMER_PORT": self.transformer_port,
            "EHR_OUTBOUND_SENDER_PORT": self.outbound_sender_port,
        }

    def fhir(self) -> str:
        return f"http://{self.host}:{self.fhir_port}/fhir/R4"

    def console(self) -> str:
        return f"http://{self.host}:{self.console_port}"


def service_environment(
    settings: LocalSettings, home: Path, database_url: str, redis_url: str
) -> dict[str, str]:
    """The environment of a service: ours, with every address spelt out."""
    certificate, key = settings.mllps_certificate, settings.mllps_key
    if not certificate and not key:
        certificate, key = self_signed(home)
    tls = {"EHR_MLLPS_CERTIFICATE": certificate, "EHR_MLLPS_KEY": key}  # of one alone the gateway complains
    return {
        **os.environ,
        **{name: str(port) for name, port in settings.ports().items()},
        **{name: str(file) for name, file in tls.items() if file},
        "EHR_DATABASE_URL": database_url,
        "EHR_REDIS_URL": redis_url,
    }


def facts(
    settings: LocalSettings, database_url: str, redis_url: str, credentials: Credentials
) -> Mapping[str, str]:
    """What `.run/env` says, but for the processes."""
    return {
        "EHR_MLLP": f"{settings.host}:{settings.mllp_port}",
        "EHR_MLLPS": f"{settings.host}:{settings.mllps_port}",
        "EHR_HL7_HTTP": f"http://{settings.host}:{settings.gateway_http_port}/hl7",
        "EHR_FHIR": settings.fhir(),
        "EHR_CONSOLE": settings.console(),
        "EHR_API_KEY": credentials.api_key,
        "EHR_CONSOLE_USER": credentials.console_user,
        "EHR_CONSOLE_PASSWORD": credentials.console_password,
        "EHR_DATABASE_URL": database_url,
        "EHR_REDIS_URL": redis_url,
    }
