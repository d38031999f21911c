"""The lane protocol's Lua scripts: each one is a step that happens wholly or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha1
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from libs.lanes.contracts import DRAINS

if TYPE_CHECKING:  # the gateway has txredisapi instead
    from redis import Redis


@dataclass(frozen=True, slots=True)
class Script:
    """A script by its text, and the SHA-1 under which Redis remembers it."""

    text: str
    sha: str

    def run(self, redis: Redis, *arguments: str | bytes | float) -> Any:
        """What the script returns. Raises redis.RedisError."""
        from redis.exceptions import NoScriptError

        try:
            return redis.evalsha(self.sha, 0, *arguments)
        except NoScriptError:
            return redis.eval(self.text, 0, *arguments)

    def run_each(self, redis: Redis, calls: Sequence[Sequence[str | bytes | float]]) -> list[Any]:
        """What it returns for each list of arguments, in one round trip. Raises redis.RedisError."""
        from redis.exceptions import NoScriptError

        pipeline = redis.pipeline(transaction=False)
        for arguments in calls:
            pipeline.evalsha(self.sha, 0, *arguments)
        try:
            answers: list[Any] = pipeline.execute()
        except NoScriptError:
            answers = [self.run(redis, *arguments) for arguments in calls]
        return answers


def stamp() -> str:
    """The present as RQ writes it into a job; for people, no decision rests on it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _script(name: str, flags: str) -> Script:
    lua = files("libs.lanes") / "lua"
    drains = ", ".join(f'["{queue}"] = "{function}"' for queue, function in DRAINS.items())
    parts = (
        f"#!lua flags={flags}\nlocal drains = {{{drains}}}\n",
        (lua / "owner.lua").read_text("utf-8"),
        (lua / f"{name}.lua").read_text("utf-8"),
    )
    text = "".join(parts)
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


# When memory runs out Redis must refuse new messages, and must let the lanes be drained.
PUSH = _script("push", "")
TAKE = _script("take", "allow-oom")
GATHER = _script("gather", "allow-oom")
RELEASE = _script("release", "allow-oom")
RENEW = _script("renew", "allow-oom")
SWEEP = _script("sweep", "allow-oom")
PAUSE = _script("pause", "allow-oom")
RESUME = _script("resume", "allow-oom")
LANES = _script("lanes", "no-writes")
