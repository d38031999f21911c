"""What the FHIR API can be told."""

import hashlib

from pydantic import Field, SecretStr

from libs.settings import DatabaseSettings, Port, RedisSettings, ServiceSettings


class Settings(ServiceSettings, DatabaseSettings, RedisSettings):
    fhir_port: Port = 8000
    fhir_workers: int = Field(1, ge=1, le=64)  # processes that share the port
    fhir_base_url: str = Field(
        "", pattern=r"^(https?://[^?#\s]*[^/?#\s])?$"
    )  # as clients see it; "": by each Host
    fhir_max_body: int = Field(10 * 1024 * 1024, ge=1024)  # bytes of a request's body
    fhir_paging_key: SecretStr = SecretStr("")  # signs `next` links; "": made from the database's URL
    mllp_host: str = "127.0.0.1"  # the gateway that /health asks; "": it does not ask
    mllp_port: Port = 2575

    def paging_key(self) -> bytes:
        """The key of `next` links: the same in all processes, so that any of them serves a link."""
        secret = self.fhir_paging_key.get_secret_value() or self.database_url.get_secret_value()
        return hashlib.blake2b(secret.encode(), person=b"fhir next links").digest()
