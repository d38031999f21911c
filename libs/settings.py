"""Settings of a service: `EHR_*` environment variables, or files of the same name in /run/secrets.

Each service composes the mixins it needs into one class and reads it once, in its `__main__`:

    class Settings(ServiceSettings, RedisSettings): ...
    settings = load(Settings)
"""

import os
import sys
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

SECRETS = Path("/run/secrets")

Port = Annotated[int, Field(ge=0, le=65535)]


class ServiceSettings(BaseSettings):
    """What every service can be told."""

    model_config = SettingsConfigDict(env_prefix="EHR_", extra="ignore", hide_input_in_errors=True)

    bind: str = "127.0.0.1"  # address that the service's ports listen on
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")


class RedisSettings(BaseSettings):
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")


class DatabaseSettings(BaseSettings):
    database_url: SecretStr = SecretStr("postgresql://127.0.0.1:5432/ehrconnect")
    database_pool: int = Field(10, ge=1, le=500)  # connections a process may hold


S = TypeVar("S", bound=ServiceSettings)


def load(settings: type[S]) -> S:
    """The settings that the environment gives; ends the process with one line per bad one."""
    secrets = SECRETS if SECRETS.is_dir() else None
    try:
        return settings(_secrets_dir=secrets)  # type: ignore[call-arg]  # of BaseSettings
    except ValidationError as error:
        for problem in error.errors():
            name = "EHR_" + "_".join(str(part) for part in problem["loc"]).upper()
            print(f"{name}: {problem['msg']}", file=sys.stderr)
        raise SystemExit(2) from None


def require_known(*known: type[BaseSettings]) -> None:
    """End the process when an EHR_* variable is set that none of the classes `known` reads.

    A misspelt setting is a setting that the operator believes to be in force.
    """
    names = {f"EHR_{field}".upper() for settings in known for field in settings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith("EHR_") and name not in names)
    if unknown:
        print(f"{', '.join(unknown)}: not a setting of EHRConnect", file=sys.stderr)
        raise SystemExit(2)
