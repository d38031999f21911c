"""Settings of a service: `EHR_*` environment variables, or files of the same name in /run/secrets.

Each service composes the mixins it needs into one class and reads it once, in its `__main__`:

    class Settings(ServiceSettings, RedisSettings): ...
    settings = load(Settings)
"""

import os
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

SECRETS = Path("/run/secrets")

# Every setting of every service: they share one environment, so each must know the others' names to
# tell a misspelt setting from one that is not its own. A test holds it equal to the settings classes.
KNOWN = frozenset(
    {
        "EHR_ACK_REPLICAS",
        "EHR_BIND",
        "EHR_CONSOLE_PORT",
        "EHR_DATABASE_POOL",
        "EHR_DATABASE_URL",
        "EHR_DEFAULT_ORGANIZATION",
        "EHR_DEFAULT_TIMEZONE",
        "EHR_FHIR_BASE_URL",
        "EHR_FHIR_MAX_BODY",
        "EHR_FHIR_PAGING_KEY",
        "EHR_FHIR_PORT",
        "EHR_FHIR_WORKERS",
        "EHR_GATEWAY_HTTP_PORT",
        "EHR_HL7_HTTP_TOKEN",
        "EHR_LISTENERS_FILE",
        "EHR_LOG_LEVEL",
        "EHR_MLLPS_CERTIFICATE",
        "EHR_MLLPS_CLIENT_AUTHORITY",
        "EHR_MLLPS_KEY",
        "EHR_MLLPS_PORT",
        "EHR_MLLP_FRAME_TIMEOUT",
        "EHR_MLLP_HOST",
        "EHR_MLLP_MAX_CONNECTIONS",
        "EHR_MLLP_MAX_CONNECTIONS_PER_ADDRESS",
        "EHR_MLLP_MAX_MESSAGE",
        "EHR_MLLP_MEMORY",
        "EHR_MLLP_PORT",
        "EHR_OUTBOUND_AUTHORITY",
        "EHR_OUTBOUND_CERTIFICATE",
        "EHR_OUTBOUND_KEY",
        "EHR_OUTBOUND_SENDER_LANES",
        "EHR_OUTBOUND_SENDER_PORT",
        "EHR_REDIS_TIMEOUT",
        "EHR_REDIS_URL",
        "EHR_REUSE_PORT",
        "EHR_SENDERS_FILE",
        "EHR_TRANSFORMER_PORT",
        "EHR_TRANSFORMER_PROCESSES",
    }
)

# What `make run` tells other programs in `.run/env`; no service reads them.
TOLD = frozenset(
    {
        "EHR_API_KEY",
        "EHR_CONSOLE",
        "EHR_CONSOLE_PASSWORD",
        "EHR_CONSOLE_USER",
        "EHR_FHIR",
        "EHR_HL7_HTTP",
        "EHR_MLLP",
        "EHR_MLLPS",
        "EHR_PIDS",
    }
)

Port = Annotated[int, Field(ge=0, le=65535)]


class _Environment(BaseSettings):
    # Each mixin needs it: a class takes the configuration of its last base, not of its first.
    model_config = SettingsConfigDict(env_prefix="EHR_", extra="ignore", hide_input_in_errors=True)


class ServiceSettings(_Environment):
    """What every service can be told."""

    bind: str = "127.0.0.1"  # address that the service's ports listen on
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")


class RedisSettings(_Environment):
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")


class DatabaseSettings(_Environment):
    database_url: SecretStr = SecretStr("postgresql://127.0.0.1:5432/ehrconnect")
    database_pool: int = Field(10, ge=1, le=500)  # connections a process may hold


S = TypeVar("S", bound=ServiceSettings)


def load(settings: type[S]) -> S:
    """The settings that the environment gives; ends the process with a line per bad or unknown one."""
    _refuse_unknown()
    secrets = SECRETS if SECRETS.is_dir() else None
    try:
        return settings(_secrets_dir=secrets)  # type: ignore[call-arg]  # of BaseSettings
    except ValidationError as error:
        for problem in error.errors():
            name = "EHR_" + "_".join(str(part) for part in problem["loc"]).upper()
            print(f"{name}: {problem['msg']}", file=sys.stderr)
        raise SystemExit(2) from None


def _refuse_unknown() -> None:
    """A misspelt setting is a setting that the operator believes to be in force."""
    known = KNOWN | TOLD
    unknown = sorted(name for name in os.environ if name.startswith("EHR_") and name not in known)
    for name in unknown:
        similar = get_close_matches(name, KNOWN, n=1)
        hint = f"; did you mean {similar[0]}?" if similar else ""
        print(f"{name}: not a setting of EHRConnect{hint}", file=sys.stderr)
    if unknown:
        raise SystemExit(2)
