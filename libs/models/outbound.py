"""The systems that messages are sent to, and each message on its way to one of them."""

from uuid import UUID

from sqlalchemy import (
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from libs.models.base import Base, Created, Key, Moment, Number64


class Destination(Base):
    """A system that takes HL7 v2 over MLLP."""

    __tablename__ = "destination"
    __table_args__ = (PrimaryKeyConstraint("org_id", "name"),)

    org_id: Mapped[Key] = mapped_column(ForeignKey("organization.org_id"))
    name: Mapped[Key]  # a slug, part of its lane's name
    host: Mapped[Key]
    port: Mapped[int]
    tls: Mapped[bool]
    # Senders (MSH-3|MSH-4) whose application acknowledgements go here.
    acknowledges: Mapped[list[str]] = mapped_column(ARRAY(Text))
    waits: Mapped[bool]  # it answers what it gets; else what is sent counts as delivered
    answer_within: Mapped[int]  # seconds
    on_failure: Mapped[Key]  # dead-letter: after 5 more tries; block: tried until it succeeds
    created_at: Mapped[Created]


class Delivery(Base):
    """A message to a destination, written in the transaction that gave rise to it.

    It is sent to its destination in the order of the ids, and again, with the same bytes, until it is
    known to have arrived.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        PrimaryKeyConstraint("org_id", "id"),
        UniqueConstraint("org_id", "message_id", "destination", "purpose", name="delivery_once"),
        Index("delivery_pending", "org_id", "destination", "id", postgresql_where=text("state = 'pending'")),
    )

    org_id: Mapped[Key]
    id: Mapped[Number64] = mapped_column(Identity(always=True))
    destination: Mapped[Key]  # outlives the row of that name
    message_id: Mapped[UUID]  # the received message that gave rise to it
    purpose: Mapped[Key]  # AA | AE: it acknowledges that message so
    control_id: Mapped[Key]  # MSH-10 of the body
    body: Mapped[bytes] = mapped_column(LargeBinary)  # as it is sent, without framing
    state: Mapped[Key]  # pending | delivered | dead | discarded
    attempts: Mapped[int]  # since it is pending
    error: Mapped[Key | None]  # of the last attempt, without content
    created_at: Mapped[Moment]
    settled_at: Mapped[Moment | None]  # when it ceased to be pending
