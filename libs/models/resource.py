"""FHIR resources: the current version of each, and the versions that it superseded."""

from sqlalchemy import BigInteger, Index, PrimaryKeyConstraint, Sequence, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from libs.models.base import Base, Key, Moment, Number64

ROW_NUMBERS = Sequence("fhir_resource_rid", data_type=BigInteger, metadata=Base.metadata)


class Resource(Base):
    """The current version. Its text is served as it stands, meta.versionId and lastUpdated included."""

    __tablename__ = "fhir_resource"
    __table_args__ = (
        PrimaryKeyConstraint("org_id", "type", "id"),
        UniqueConstraint("rid", name="fhir_resource_rid_key"),
        Index(
            "fhir_resource_last_updated",
            "org_id",
            "type",
            "last_updated",
            "rid",
            postgresql_where=text("NOT deleted"),
        ),
    )

    org_id: Mapped[Key]
    type: Mapped[Key]
    id: Mapped[Key]
    rid: Mapped[Number64]  # what the index tables call it: 8 bytes instead of the key
    version: Mapped[int]  # from 1
    deleted: Mapped[bool]
    last_updated: Mapped[Moment]
    index_hash: Mapped[Number64]  # of its index values: equal means that its index rows stay
    entry_hash: Mapped[Number64]  # of the request that made it: the same again changes nothing
    content: Mapped[str | None] = mapped_column(Text)  # JSON; null when deleted


class Version(Base):
    """A superseded version. The current one is not here, so that a create writes its text once.

    Partitioned by the month in which it was superseded: rows are only ever appended to the newest
    partition, and dropping the oldest is the retention of history.
    """

    __tablename__ = "fhir_version"
    __table_args__ = (
        PrimaryKeyConstraint("org_id", "type", "id", "version", "superseded_at"),
        {"postgresql_partition_by": "RANGE (superseded_at)"},
    )

    org_id: Mapped[Key]
    type: Mapped[Key]
    id: Mapped[Key]
    version: Mapped[int]
    superseded_at: Mapped[Moment]
    last_updated: Mapped[Moment]
    deleted: Mapped[bool]
    content: Mapped[str | None] = mapped_column(Text)
