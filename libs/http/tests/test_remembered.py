"""Credentials that were found good."""

import pytest

from libs.http import remembered
from libs.http.remembered import KEPT, Remembered


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def test_a_credential_is_remembered_for_a_while_and_no_other_is() -> None:
    clock = Clock()
    known: Remembered[str] = Remembered("password", clock)

    before = known.get("anna:secret")
    known.put("anna:secret", "Anna")
    clock.time += KEPT - 0.001
    found, other = known.get("anna:secret"), known.get("anna:secret ")
    clock.time += 0.001

    assert (before, found, other, known.get("anna:secret")) == (None, "Anna", None, None)


def test_the_memory_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST", 3)
    known: Remembered[int] = Remembered("password")

    for number in range(10):
        known.put(str(number), number)

    assert [number for number in range(10) if known.get(str(number)) is not None] == [9]


def test_a_credential_stands_nowhere_in_clear() -> None:
    known: Remembered[str] = Remembered("password")
    known.put("anna:secret", "Anna")

    assert "anna:secret" not in repr(vars(known))
