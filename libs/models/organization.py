"""Organizations, and the API clients that act for them."""

from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from libs.models.base import Base, Created, Key, Moment


class Organization(Base):
    __tablename__ = "organization"

    org_id: Mapped[Key] = mapped_column(primary_key=True)  # a slug: ^[a-z0-9][a-z0-9-]{0,62}$
    name: Mapped[Key]
    created_at: Mapped[Created]


class ApiClient(Base):
    """An application that may use the FHIR API. The key itself is not kept."""

    __tablename__ = "api_client"
    __table_args__ = (UniqueConstraint("key_hash", name="api_client_key_hash_key"),)

    org_id: Mapped[str] = mapped_column(ForeignKey("organization.org_id"))
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    name: Mapped[Key]
    key_hash: Mapped[bytes] = mapped_column(LargeBinary)  # SHA-256 of the key
    created_at: Mapped[Created]
    revoked_at: Mapped[Moment | None]
