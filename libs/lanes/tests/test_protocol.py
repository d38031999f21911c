"""No order of steps and no fault breaks the lane protocol; without any one of its guards, one does."""

import os
from collections.abc import Callable
from hashlib import sha1

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from redis import Redis

import libs.lanes.claim
import libs.lanes.sweep
from libs.lanes.scripts import RELEASE, SWEEP, TAKE, Script
from libs.lanes.tests.lane_machine import BATCH, LaneMachine

EXAMPLES = int(os.environ.get("LANE_EXAMPLES", "300"))  # `make chaos` asks for more

COMMON = settings(
    stateful_step_count=50,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libs.lanes.claim, "BATCH_MESSAGES", BATCH)


def test_every_message_is_applied_once_and_in_order_whatever_happens(redis: Redis) -> None:
    run_state_machine_as_test(
        lambda: LaneMachine(redis),  # type: ignore[arg-type]  # it calls it, no more
        settings=settings(COMMON, max_examples=EXAMPLES),
    )


GUARDS = {
    "the owner check, when taking": (
        TAKE,
        ("if owner[1] ~= job or (batch ~= before and batch ~= before + 1) then", "if false then"),
        ("if batch == before then", "if true then"),
    ),
    "the batch number, when taking": (TAKE, ("if batch == before then", "if true then")),
    "the owner check, when letting go": (
        RELEASE,
        ("if owner[1] ~= job or tonumber(owner[2]) ~= before then", "if false then"),
    ),
    "the look into RQ's queue": (
        SWEEP,
        ("and redis.call('LPOS', 'rq:queue:' .. queue, owner[1]) then", "then"),
    ),
}


@pytest.mark.parametrize(("script", "changes"), [(g[0], g[1:]) for g in GUARDS.values()], ids=GUARDS)
def test_without_this_guard_the_protocol_breaks(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, script: Script, changes: tuple[tuple[str, str], ...]
) -> None:
    name = {TAKE: "TAKE", RELEASE: "RELEASE", SWEEP: "SWEEP"}[script]
    module = libs.lanes.sweep if script is SWEEP else libs.lanes.claim
    monkeypatch.setattr(module, name, _changed(script, changes))

    with pytest.raises(AssertionError):
        _find_a_violation(lambda: LaneMachine(redis))


def test_without_the_sweep_a_lane_sticks(redis: Redis) -> None:
    with pytest.raises(AssertionError):
        _find_a_violation(lambda: LaneMachine(redis, sweeping=False))


def test_without_unique_message_ids_a_message_is_applied_twice(redis: Redis) -> None:
    with pytest.raises(AssertionError):
        _find_a_violation(lambda: LaneMachine(redis, unique=False))


def _changed(script: Script, changes: tuple[tuple[str, str], ...]) -> Script:
    text = script.text
    for guard, without in changes:
        assert text.count(guard) == 1
        text = text.replace(guard, without)
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


def _find_a_violation(machine: Callable[[], LaneMachine]) -> None:
    run_state_machine_as_test(
        machine,  # type: ignore[arg-type]  # it calls it, no more
        settings=settings(
            COMMON, max_examples=2000, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False
        ),
    )
