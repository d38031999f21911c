from collections.abc import Iterator

import pytest

from loadtests.system import System, running


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """Everything that `make run` starts."""
    with running() as system:
        yield system
