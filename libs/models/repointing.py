"""References that have to follow a merge or a move."""

from sqlalchemy import Index, PrimaryKeyConstraint, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from libs.models.base import Base, Created, Key, Number64


class Repointing(Base):
    """Written with the merge, deleted when nothing refers any more (libs.store.repointing)."""

    __tablename__ = "repointing"
    __table_args__ = (
        PrimaryKeyConstraint("org_id", "about", "was"),
        Index("repointing_due", "due_at"),
    )

    org_id: Mapped[Key]
    about: Mapped[Key]  # Type/id: what is looked for in references
    was: Mapped[Key]  # Type/id: the references that become others, in what was found
    due_at: Mapped[Created]
    after: Mapped[Number64] = mapped_column(server_default=text("0"))  # the row that was looked at last
    # The transactions that may yet write such a reference; null: nobody has looked.
    overlapping: Mapped[list[str] | None] = mapped_column(ARRAY(Text(collation="C")))
    tries: Mapped[int] = mapped_column(server_default=text("0"))
