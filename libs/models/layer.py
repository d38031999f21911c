"""The layers of an organization's mapping, in versions."""

from sqlalchemy import PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from libs.models.base import Base, Created, Key


class MappingLayer(Base):
    """A layer as it was saved once. Rows are only ever added: the newest of a name is in force.

    The version counts the saves of the organization, so that one number says how all its layers were.
    """

    __tablename__ = "mapping_layer"
    __table_args__ = (PrimaryKeyConstraint("org_id", "version"),)

    org_id: Mapped[Key]
    version: Mapped[int] = mapped_column(autoincrement=False)  # from 1, without gaps
    name: Mapped[Key]  # profile | organization | sender:MSH-3|MSH-4
    document: Mapped[Key]  # TOML, as it was written
    created_at: Mapped[Created]
