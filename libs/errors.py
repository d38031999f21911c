"""The two kinds of failure that a message can meet, and so what happens to it next."""


class Permanent(Exception):
    """It fails the same way however often it is tried; the message becomes a dead letter."""


class Transient(Exception):
    """It may pass: try the same thing again later."""


class Unavailable(Transient):
    """PostgreSQL, Redis or a peer is away: nothing is wrong with the message, so wait for it."""
