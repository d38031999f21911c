"""Who asks: HTTP Basic with the name and password of a user.

The organization of everything a request does comes from here, never from the request itself.

Source: RFC 7617; RFC 9110, 11.6; NIST SP 800-63B, 3.2.2 (throttling)
"""

import binascii
from base64 import b64decode
from collections.abc import Callable
from hashlib import blake2b
from math import ceil

import anyio
from redis import Redis
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.http.errors import Unauthorized
from libs.http.remembered import Remembered
from libs.log import get_logger
from libs.store.passwords import LONGEST
from libs.store.users import User
from services.console.api.problem import Forbidden, TooManyRequests

WINDOW = 300  # seconds over which failures are counted
FAILURES = {"user and address": 10, "address": 50, "user": 100}  # after which nothing is tried any more
AT_A_TIME = 2  # passwords that are checked together; each takes 16 MB and a fifth of a second
WAITING = 20  # log-ins that wait for their turn; who comes then is told to come again

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

log = get_logger(__name__)


class Failures:
    """Counts failed log-ins in Redis, for all processes of the console together."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def wait(self, name: str, address: str) -> int:
        """Seconds until the name may be tried again from the address; 0: now."""
        keys = _counters(name, address)
        counts = self._redis.mget(list(keys))
        full = [
            key for (key, most), count in zip(keys.items(), counts, strict=True) if int(count or 0) >= most
        ]
        return max((ceil(self._redis.pttl(key) / 1000) for key in full), default=0)

    def count(self, name: str, address: str) -> None:
        """One more."""
        with self._redis.pipeline(transaction=True) as pipeline:
            for key in _counters(name, address):
                pipeline.incr(key)
                pipeline.expire(key, WINDOW, nx=True)
            pipeline.execute()


class Logins:
    """Whom a name and a password stand for. Those that were right are remembered for a short time."""

    def __init__(self, look_up: Callable[[str, str], User | None], failures: Failures) -> None:
        self._look_up = look_up
        self._failures = failures
        self._known: Remembered[User] = Remembered("password")
        self._turns = anyio.CapacityLimiter(AT_A_TIME)
        self._under_way = 0

    async def user(self, name: str, password: str, address: str) -> User:
        """Raises Unauthorized, TooManyRequests."""
        credential = f"{name}:{password}"
        found = self._known.get(credential)
        if found is None:
            found = await self._in_turn(name, password, address)
            self._known.put(credential, found)
        return found

    async def _in_turn(self, name: str, password: str, address: str) -> User:
        if self._under_way >= AT_A_TIME + WAITING:
            raise TooManyRequests("too many log-ins at a time; try again", headers={"Retry-After": "2"})
        self._under_way += 1
        try:
            return await anyio.to_thread.run_sync(self._check, name, password, address, limiter=self._turns)
        finally:
            self._under_way -= 1

    def _check(self, name: str, password: str, address: str) -> User:
        # Asked when its turn has come: what waits with it may have failed meanwhile.
        if seconds := self._failures.wait(name, address):
            raise TooManyRequests(
                f"too many failed log-ins; try again in {seconds} s", headers={"Retry-After": str(seconds)}
            )
        found = self._look_up(name, password)
        if found is None:
            self._failures.count(name, address)
            log.warning("log-in failed", address=address)  # the name may be a password, typed too early
            raise _unauthorized("no user has this name and password")
        return found


class Authenticate:
    """Lets only requests of known users pass; their `scope["user"]` is the User."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        name, password = _credential(headers.get("authorization", ""))
        logins: Logins = scope["app"].state.runtime.logins
        scope["user"] = await logins.user(name, password, (scope.get("client") or ("",))[0])
        _require_own_origin(scope["method"], headers)
        await self._app(scope, receive, send)


def _credential(header: str) -> tuple[str, str]:
    """Name and password. Raises Unauthorized."""
    scheme, _, encoded = header.partition(" ")
    if not scheme:
        raise _unauthorized("send a name and password: Authorization: Basic ...")
    if scheme.lower() != "basic":
        raise _unauthorized("the console takes users' names and passwords only: Authorization: Basic ...")
    try:
        name, colon, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        name, colon, password = "", "", ""
    if not colon or len(password) > LONGEST or "\0" in name:
        raise _unauthorized("the credential is no name and password")
    return name, password


def _require_own_origin(method: str, headers: Headers) -> None:
    """Raises Forbidden where a page of another site makes a browser act with the password it has kept."""
    origin = headers.get("origin")
    if method not in _SAFE and origin is not None and origin.partition("://")[2] != headers.get("host"):
        raise Forbidden("the request comes from a page of another site")


def _counters(name: str, address: str) -> dict[str, int]:
    """What is counted of a failure, and how many of it are too many."""
    about = {"user and address": f"{name}\n{address}", "address": address, "user": name}
    return {
        f"ehr:login:{kind}:{blake2b(about[kind].encode(), digest_size=16).hexdigest()}": most
        for kind, most in FAILURES.items()
    }


def _unauthorized(text: str) -> Unauthorized:
    challenge = 'Basic realm="EHRConnect", charset="UTF-8"'
    return Unauthorized(text, headers={"WWW-Authenticate": challenge})
