"""The short form of `make chaos`: real processes, killed by SIGKILL under load."""

from loadtests.chaos import disturb
from loadtests.system import running

SECONDS = 15.0


def test_kills_under_load_lose_double_and_reorder_nothing() -> None:
    with running() as system:
        faults = disturb(system, SECONDS, seed=7)

    assert faults == []
