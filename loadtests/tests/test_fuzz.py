"""The short form of `make fuzz`: some thousand inputs, the same on every run."""

import pytest

from loadtests.fuzz_inputs import inputs
from loadtests.fuzz_targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_the_target_holds_for_damaged_messages(name: str) -> None:
    for data in inputs(seed=1, count=200 if name == "mapping" else 2_000):
        TARGETS[name](data)
