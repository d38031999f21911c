"""The target of `make fuzz` for the mapping: whatever a message says, it becomes valid FHIR or is refused."""

from random import Random

from libs.mapping.tests.damage import damaged
from libs.mapping.tests.promises import CONFIGS, broken


class Broken(AssertionError):
    """A promise that does not hold for the input at hand."""


def mapping(data: bytes) -> None:
    """The bytes choose what is damaged, and how."""
    chance = Random(data)
    if promise := broken(damaged(chance), chance.choice(CONFIGS)):
        raise Broken(promise)
