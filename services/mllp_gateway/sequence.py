"""The sequence number protocol: MSH-13 of a sender whose rule asks for it.

The numbers belong to a connection: the first one on it is taken as it is, and from then on each message
must follow the one before. So a gap within a connection is found, and another gateway process that the
sender connects to next needs to know nothing; a repeat is found by the message id anyway.

Source: HL7 v2.5.1 chapter 2, 2.10.1.
"""

from enum import Enum, auto

UNKNOWN = -1  # MSA-4: the next number is taken as it is


class Place(Enum):
    """Where a message stands in its sequence."""

    NEXT = auto()
    START = auto()  # the sender (re)starts, and asks where we are
    REPEATED = auto()  # it was accepted before
    AHEAD = auto()  # one before it is missing
    NONE = auto()  # it has no number


class Sequence:
    """The numbers of one sender on one connection."""

    def __init__(self) -> None:
        self.expected = UNKNOWN

    def place(self, number: bytes) -> Place:
        """Where a message with MSH-13 `number` stands."""
        if not number.isdigit():
            return Place.NONE
        value = int(number[:18])
        if value == 0:
            return Place.START
        if self.expected in (UNKNOWN, value):
            return Place.NEXT
        return Place.REPEATED if value < self.expected else Place.AHEAD

    def take(self, number: bytes) -> None:
        """The message is on its way to storage."""
        self.expected = int(number[:18]) + 1

    def give_back(self, number: bytes) -> None:
        """It could not be stored: it, or one before it, is expected again."""
        self.expected = min(self.expected, int(number[:18]))
