"""The short form of `make chaos`: real processes, killed by SIGKILL under load."""

from loadtests.chaos import Plan, disturb
from loadtests.system import running


def test_kills_under_load_lose_double_and_reorder_nothing() -> None:
    with running() as system:
        faults = disturb(system, Plan(seed=7, seconds=15))

    assert faults == []
