"""HL7 messages as received, and the letters that nobody could deliver."""

from uuid import UUID

from sqlalchemy import Identity, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from libs.models.base import Base, Created, Key, Moment, Number64


class Message(Base):
    """One acknowledged HL7 message; its primary key is what makes a resend a no-op."""

    __tablename__ = "message"
    __table_args__ = (
        Index("message_control", "org_id", "control_id", "sender"),
        Index(
            "message_patient", "org_id", "patient_key", "received_at", "id",
            postgresql_where=text("patient_key IS NOT NULL"),
        ),
        Index("message_parked", "org_id", "received_at", postgresql_where=text("status = 'parked'")),
        Index("message_received", "org_id", "received_at"),
        Index(
            "message_unusual", "org_id", "received_at",
            postgresql_where=text("reused_control_id OR status <> 'transformed'"),
        ),
    )  # fmt: skip

    org_id: Mapped[Key] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)  # derived from sender, MSH-10 and content
    sender: Mapped[Key]  # MSH-3|MSH-4
    control_id: Mapped[Key]  # MSH-10
    reused_control_id: Mapped[bool]  # the sender had used this MSH-10 for other content
    message_type: Mapped[Key]  # ADT^A01; "" when it could not be read
    received_at: Mapped[Moment]
    processed_at: Mapped[Moment]
    status: Mapped[Key]  # transformed | dead | replaying | parked
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    charset: Mapped[Key]
    timezone: Mapped[Key] = mapped_column(server_default=text("''"))
    peer: Mapped[Key]
    report: Mapped[Key | None]  # JSON: what the mapping used, lost and could not code
    error: Mapped[Key | None]  # why it is dead, without content of the message
    patient_key: Mapped[Number64 | None]  # of the patient identifier as sent (contracts.patient_key)
    mapping_version: Mapped[int | None]  # of the layers by which it was applied last; null: never, or before


class DeadLetter(Base):
    """A message that will not pass by itself; an operator replays or discards it."""

    __tablename__ = "dead_letter"
    __table_args__ = (
        Index("dead_letter_message", "org_id", "message_id"),
        Index("dead_letter_open", "org_id", "queue", postgresql_where=text("state = 'open'")),
    )

    id: Mapped[Number64] = mapped_column(Identity(always=True), primary_key=True)
    org_id: Mapped[Key]
    queue: Mapped[Key]
    lane: Mapped[Key]
    message_id: Mapped[UUID]
    delivery_id: Mapped[Number64 | None]  # what could not be delivered; null: the message itself
    reason: Mapped[Key]  # the class of the failure: NotHL7, Unmappable, ...
    error: Mapped[Key]  # what is wrong and where, without content of the message
    attempts: Mapped[int]
    created_at: Mapped[Created]
    state: Mapped[Key]  # open | replayed | discarded
    closed_at: Mapped[Moment | None]
