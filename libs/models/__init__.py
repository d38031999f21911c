"""The tables, as SQLAlchemy declarations: what Alembic compares and what is not hot may query."""

from libs.models.base import Base
from libs.models.layer import MappingLayer
from libs.models.message import DeadLetter, Message
from libs.models.organization import ApiClient, Organization
from libs.models.outbound import Delivery, Destination
from libs.models.repointing import Repointing
from libs.models.resource import Resource, Version
from libs.models.search import DateValue, Identifier, IndexRow, NumberValue, Strings
from libs.models.user import ConsoleUser

__all__ = [
    "ApiClient",
    "Base",
    "ConsoleUser",
    "DateValue",
    "DeadLetter",
    "Delivery",
    "Destination",
    "Identifier",
    "IndexRow",
    "MappingLayer",
    "Message",
    "NumberValue",
    "Organization",
    "Repointing",
    "Resource",
    "Strings",
    "Version",
]
