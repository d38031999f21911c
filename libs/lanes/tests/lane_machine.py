"""The lane protocol under every fault we know, one atomic step at a time, against a real Redis.

Workers take, commit, settle, let go, die and wake up late in any order; RQ loses jobs; answers of Redis get
lost and calls are repeated; operators pause lanes. The clock stands still unless a step moves it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from redis import Redis

from libs.lanes.claim import Batch, Claim, renew
from libs.lanes.enqueue import enqueue
from libs.lanes.pause import pause, resume
from libs.lanes.sweep import sweep

QUEUE = "hl7.inbound:1"
LANES = (f"{QUEUE}/default/0", f"{QUEUE}/default/1")
BATCH = 2  # messages at most, so that few messages make many batches

_lane = st.sampled_from(LANES)
_worker = st.integers(0, 3)


@dataclass
class Worker:
    """A process at work on one job, between two of its steps."""

    claim: Claim
    batch: Batch | None = None
    committed: int = 0  # of the batch, from the front


@dataclass
class Database:
    """What PostgreSQL does for us: a message id is unique, and what is there already is skipped."""

    unique: bool = True
    applied: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    def commit(self, lane: str, messages: Sequence[bytes]) -> None:
        rows = self.applied[lane]
        rows.extend(message for message in messages if not self.unique or message not in rows)


@dataclass
class Snapshot:
    """All that Redis holds, read at once."""

    messages: dict[str, list[bytes]]
    owners: dict[str, tuple[bytes | None, bytes | None]]  # lane -> job, state
    due: set[str]
    paused: set[str]
    depth: int
    records: set[bytes]  # jobs that RQ has a record of


class LaneMachine(RuleBasedStateMachine):
    def __init__(self, redis: Redis, *, unique: bool = True, sweeping: bool = True) -> None:
        super().__init__()
        redis.flushdb()
        self.redis = redis
        self.database = Database(unique)
        self.sweeping = sweeping
        self.sent: dict[str, list[bytes]] = defaultdict(list)
        self.workers: list[Worker] = []
        self.time = 1_000_000

    @property
    def now(self) -> str:
        return str(self.time)

    # The gateway

    @rule(lanes=st.lists(_lane, min_size=1, max_size=4))
    def push(self, lanes: list[str]) -> None:
        batch = []
        for lane in lanes:
            message = f"{lane} {len(self.sent[lane])}".encode()
            self.sent[lane].append(message)
            batch.append((lane, message))
        enqueue(self.redis, batch, now=self.now)

    # Workers

    @rule()
    def start_a_job(self) -> None:
        if job := self._pop():
            self.workers.append(job)
            self._take(job)

    @rule()
    def take_up_a_job(self) -> None:
        if job := self._pop():
            self.workers.append(job)

    @precondition(lambda self: self.workers)
    @rule(which=_worker)
    def go_on(self, which: int) -> None:
        self._go_on(self._pick(which))

    @precondition(lambda self: self.workers)
    @rule(which=_worker)
    def go_on_to_the_next_batch(self, which: int) -> None:
        worker = self._pick(which)
        if worker.batch and not worker.committed:
            self._go_on(worker)
        self._go_on(worker)

    @precondition(lambda self: self.workers)
    @rule(which=_worker)
    def commit_a_part(self, which: int) -> None:
        worker = self._pick(which)
        if worker.batch and not worker.committed:
            self.database.commit(worker.claim.lane, worker.batch.messages[:1])
            worker.committed = 1

    @precondition(lambda self: self.workers)
    @rule(which=_worker)
    def settle_and_lose_the_answer(self, which: int) -> None:
        worker = self._pick(which)
        if worker.committed:
            before = worker.claim._batch
            worker.claim.take(worker.committed)
            worker.claim._batch = before
            self._take(worker)

    @precondition(lambda self: self.workers)
    @rule(which=_worker)
    def renew(self, which: int) -> None:
        claim = self._pick(which).claim
        renew(self.redis, claim.lane, claim.job, now=self.now)

    @precondition(lambda self: self.workers)
    @rule(which=_worker, twice=st.booleans())
    def requeue(self, which: int, twice: bool) -> None:
        worker = self._pick(which)
        self.workers.remove(worker)
        for _ in range(1 + twice):
            worker.claim.requeue(worker.committed)

    @precondition(lambda self: self.workers)
    @rule(which=_worker, outage=st.booleans(), twice=st.booleans())
    def fail(self, which: int, outage: bool, twice: bool) -> None:
        worker = self._pick(which)
        if worker.batch and not worker.committed:
            self.workers.remove(worker)
            for _ in range(1 + twice):
                if outage:
                    worker.claim.wait_for_outage()
                else:
                    assert worker.claim.retry_first() in (None, min(2 ** (worker.batch.failures + 1), 60))

    # Faults, time, operators

    @precondition(lambda self: self.workers)
    @rule(which=_worker)
    def die(self, which: int) -> None:
        self.workers.remove(self._pick(which))

    @rule()
    def lose_a_job(self) -> None:
        self.redis.lpop(f"rq:queue:{QUEUE}")

    @rule(seconds=st.sampled_from((16, 11, 3)), sweeps=st.booleans())
    def wait(self, seconds: int, sweeps: bool) -> None:
        self.time += seconds
        if sweeps:
            self._sweep()

    @rule(lane=_lane, stop=st.booleans())
    def pause_or_resume(self, lane: str, stop: bool) -> None:
        if stop:
            pause(self.redis, lane)
        else:
            resume(self.redis, lane, now=self.now)

    # What holds after every step

    @invariant()
    def holds(self) -> None:
        redis = self._snapshot()
        for lane in LANES:
            sent, applied, waiting = self.sent[lane], self.database.applied[lane], redis.messages[lane]
            settled = len(sent) - len(waiting)
            assert applied == sent[: len(applied)], "applied twice or out of order"
            assert waiting == sent[settled:], "not the messages that were sent last"
            assert settled <= len(applied), "lost"
            owned = redis.owners[lane][0] is not None
            assert owned == (lane in redis.due), "an owner that nobody looks after, or a look at nothing"
            assert owned or lane in redis.paused or not waiting, "messages without an owner"
        assert redis.depth == sum(len(messages) for messages in redis.messages.values())
        assert redis.records == {job for job, state in redis.owners.values() if state == b"waiting"}

    def teardown(self) -> None:
        """When the faults stop, everything gets applied."""
        self.workers.clear()
        for lane in LANES:
            resume(self.redis, lane, now=self.now)
        for _ in range(3):
            self.time += 61
            self._sweep()
            while job := self._pop():
                self.workers.append(job)
                while job in self.workers:
                    self._go_on(job)
        assert self.database.applied == self.sent, "stuck"
        assert not any(job for job, _ in self._snapshot().owners.values())

    # Parts

    def _pick(self, which: int) -> Worker:
        worker = self.workers[which % len(self.workers)]
        worker.claim.now = self.now
        return worker

    def _go_on(self, worker: Worker) -> None:
        if worker.batch and not worker.committed:
            self.database.commit(worker.claim.lane, worker.batch.messages)
            worker.committed = len(worker.batch.messages)
        else:
            self._take(worker)

    def _take(self, worker: Worker) -> None:
        worker.batch = worker.claim.take(worker.committed)
        worker.committed = 0
        if worker.batch is None:
            self.workers.remove(worker)
        elif worker.batch.failures:
            assert len(worker.batch.messages) == 1

    def _pop(self) -> Worker | None:
        """A worker with the next job that has a record; RQ passes over those that a sweep replaced."""
        while job := self._ask("LPOP", f"rq:queue:{QUEUE}"):
            description = self._ask("HGET", f"rq:job:{job.decode()}", "description")
            if description:
                lane = description.decode().removeprefix("drain ")
                return Worker(Claim(self.redis, lane, job.decode(), now=self.now))
        return None

    def _sweep(self) -> None:
        if self.sweeping:
            sweep(self.redis, [QUEUE], now=self.now)

    def _ask(self, *command: str) -> Any:
        return self.redis.execute_command(*command)  # type: ignore[no-untyped-call]

    def _snapshot(self) -> Snapshot:
        pipeline = self.redis.pipeline(transaction=False)
        for lane in LANES:
            pipeline.lrange(f"ehr:lane:{lane}", 0, -1)
            pipeline.hmget(f"ehr:owner:{lane}", "job", "state")
        pipeline.zrange(f"ehr:due:{QUEUE}", 0, -1)
        pipeline.smembers("ehr:paused")
        pipeline.hget("ehr:depth", QUEUE)
        pipeline.keys("rq:job:*")
        *of_lanes, due, paused, depth, records = pipeline.execute()
        return Snapshot(
            messages=dict(zip(LANES, of_lanes[::2], strict=True)),
            owners={lane: (owner[0], owner[1]) for lane, owner in zip(LANES, of_lanes[1::2], strict=True)},
            due={lane.decode() for lane in due},
            paused={lane.decode() for lane in paused},
            depth=int(depth or 0),
            records={record.removeprefix(b"rq:job:") for record in records},
        )
