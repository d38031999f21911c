"""Who may operate an organization's side of the system."""

from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from libs.models.base import Base, Created, Key


class ConsoleUser(Base):
    """A person who logs in to the console. The password itself is not kept."""

    __tablename__ = "console_user"
    __table_args__ = (UniqueConstraint("name", name="console_user_name_key"),)

    org_id: Mapped[str] = mapped_column(ForeignKey("organization.org_id"))
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    name: Mapped[Key]  # one over all organizations: it tells which one a log-in is for
    role: Mapped[Key]  # viewer | operator | admin
    password: Mapped[Key]  # libs.store.passwords.digest
    created_at: Mapped[Created]
