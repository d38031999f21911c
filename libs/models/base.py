"""What every table has in common: the organization that a row belongs to, and how keys compare."""

from datetime import datetime
from typing import Annotated

from sqlalchemy import BigInteger, DateTime, Text, func
from sqlalchemy.orm import DeclarativeBase, mapped_column

# Ids, types and codes compare byte by byte: cheaper than a language's order, and Python's order too.
Key = Annotated[str, mapped_column(Text(collation="C"))]
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Created = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
Number64 = Annotated[int, mapped_column(BigInteger)]


class Base(DeclarativeBase):
    """Row-level security lets the role `ehrconnect_app` see rows of the organization `app.org` only."""
