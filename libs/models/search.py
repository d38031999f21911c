"""What a search looks at. Rows are named by `fhir_resource.rid` and replaced whole when they change."""

from decimal import Decimal

from sqlalchemy import BigInteger, Index, PrimaryKeyConstraint, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from libs.models.base import Base, Key, Moment, Number64

# What is inserted waits in a list of at most this many kB until it is put into the index together.
_GATHERED = {"fastupdate": "on", "gin_pending_list_limit": 256}


class IndexRow(Base):
    """One row a resource: its tokens, references, uris and its main date.

    References are in `tok` like any token, so that a search by reference is an index look-up; `refs`
    says what a row refers to, for walks in the other direction.
    """

    __tablename__ = "fhir_index"
    __table_args__ = (
        Index("fhir_index_tok", "tok", postgresql_using="gin", postgresql_with=_GATHERED),
        Index(
            "fhir_index_date", "org_id", "type", "date_from", "rid",
            postgresql_where=text("date_from IS NOT NULL"),
        ),
    )  # fmt: skip

    rid: Mapped[Number64] = mapped_column(primary_key=True, autoincrement=False)
    org_id: Mapped[Key]
    type: Mapped[Key]
    patient: Mapped[Key | None]  # id of the patient whose compartment it is in
    date_from: Mapped[Moment | None]  # the type's main date, [from, to)
    date_to: Mapped[Moment | None]
    refs: Mapped[list[str]] = mapped_column(ARRAY(Text))  # parameter=Type/id
    tok: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))  # libs.fhir.search_values.token_key


class Strings(Base):
    """The normalized strings of a resource as lexemes `org type parameter value`.

    A tsvector because its GIN index finds lexemes by prefix, which is what a FHIR string search
    asks: one row a resource, where a row a string would be fifteen for a patient.
    """

    __tablename__ = "fhir_str"
    __table_args__ = (
        Index("fhir_str_lexemes", "lexemes", postgresql_using="gin", postgresql_with=_GATHERED),
    )  # fmt: skip

    rid: Mapped[Number64] = mapped_column(primary_key=True, autoincrement=False)
    org_id: Mapped[Key]
    type: Mapped[Key]
    lexemes: Mapped[str] = mapped_column(TSVECTOR)


class NumberValue(Base):
    """A number or quantity: [lo, hi] is the range that its digits imply."""

    __tablename__ = "fhir_num"
    __table_args__ = (
        PrimaryKeyConstraint("rid", "param", "key", "lo", "hi"),
        Index("fhir_num_value", "type", "param", "org_id", "key", "lo"),
    )

    rid: Mapped[Number64]
    org_id: Mapped[Key]
    type: Mapped[Key]
    param: Mapped[Key]
    key: Mapped[Number64]  # token key of the unit
    lo: Mapped[Decimal]
    hi: Mapped[Decimal]


class DateValue(Base):
    """A date other than the type's main one, [lo, hi)."""

    __tablename__ = "fhir_date"
    __table_args__ = (
        PrimaryKeyConstraint("rid", "param", "lo", "hi"),
        Index("fhir_date_value", "type", "param", "org_id", "lo"),
    )

    rid: Mapped[Number64]
    org_id: Mapped[Key]
    type: Mapped[Key]
    param: Mapped[Key]
    lo: Mapped[Moment]
    hi: Mapped[Moment]


class Identifier(Base):
    """Who a business identifier names: what HL7 messages and conditional writes resolve."""

    __tablename__ = "fhir_identifier"
    __table_args__ = (PrimaryKeyConstraint("org_id", "type", "system", "value"),)

    org_id: Mapped[Key]
    type: Mapped[Key]
    system: Mapped[Key]  # "" for none
    value: Mapped[Key]
    id: Mapped[Key]
