"""The gateway's one connection to Redis: pushes batches to the lanes, and says what is sure when it fails."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import txredisapi
from twisted.internet import defer, ssl, task
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS

from libs.errors import Unavailable
from libs.lanes.enqueue import PUSH
from libs.log import get_logger

CONNECT_TIMEOUT = 3.0  # seconds
RECONNECT_WAIT = 1.0  # seconds that a batch waits for a connection
HEARTBEAT = 2.0  # seconds between two looks at a Redis that nothing is asked of
REPLICATION_SHARE = 0.8  # of the timeout of a call that replicas may take

# What Redis says before the script's first write. After any other error the batch may be stored in part.
_NOTHING_WRITTEN = (
    "BUSY", "LOADING", "MASTERDOWN", "MISCONF", "NOAUTH", "NOPERM", "NOREPLICAS", "OOM", "READONLY",
)  # fmt: skip

log = get_logger(__name__)


class BadRedisUrl(Exception):
    """The URL of Redis cannot be used; the text is one line that says why."""


class Refused(Unavailable):
    """Redis did not take the batch: nothing of it is stored, nor will be."""


class TooFewReplicas(Unavailable):
    """Redis has the batch, and not as many replicas as they should."""


class Storage:
    """Redis behind one connection, which comes back by itself within about a second of Redis."""

    def __init__(self, reactor: Any, url: str, timeout: float, replicas: int) -> None:
        """`timeout`: seconds for one call; `replicas`: how many must have a batch before it counts.

        Raises BadRedisUrl.
        """
        self._reactor = reactor
        self._timeout = timeout
        self._replicas = replicas
        self._busy = False
        try:
            self._factory, self._endpoint = _client(reactor, url, timeout)
        except (ValueError, OSError) as error:
            raise BadRedisUrl(
                "EHR_REDIS_URL: not a redis://, rediss:// or unix:// URL, or its ssl_ca_certs cannot be read"
            ) from error
        self._heartbeat = task.LoopingCall(self._beat)
        self._heartbeat.clock = reactor

    def start(self) -> None:
        self._factory.startConnecting(self._endpoint)
        self._heartbeat.start(HEARTBEAT, now=False)

    def stop(self) -> "defer.Deferred[Any]":
        """To be called when no call is under way that matters: what Redis has not taken yet is dropped."""
        self._heartbeat.stop()
        for connection in list(self._factory.pool):
            connection.transport.abortConnection()
        stopped: defer.Deferred[Any] = self._factory.disconnect()
        return stopped

    @property
    def problem(self) -> str | None:
        """Why nothing can be stored now; None when it can."""
        return None if self._connection() else "not connected to Redis"

    @defer.inlineCallbacks
    def push(self, arguments: Sequence[str | bytes]) -> Any:
        """Fires when the batch is on Redis's disk, and on those of the replicas that were asked for.

        Fails with Refused when nothing was stored; with anything else when that cannot be known.
        """
        self._busy = True
        try:
            connection = yield self._connected()
            yield _evaluate(connection, arguments)
            if self._replicas:
                yield self._replicate(connection)
        finally:
            self._busy = False

    @defer.inlineCallbacks
    def _replicate(self, connection: Any) -> Any:
        milliseconds = int(self._timeout * REPLICATION_SHARE * 1000)
        try:
            have = yield connection.execute_command("WAIT", self._replicas, milliseconds)
        except txredisapi.ResponseError as error:
            raise TooFewReplicas(f"Redis: {error}") from error
        if have < self._replicas:
            raise TooFewReplicas(f"{have} of {self._replicas} replicas have the batch")

    @defer.inlineCallbacks
    def _connected(self) -> Any:
        """The connection, after a short wait if need be: a Redis that restarts costs no sender its own."""
        deadline = self._reactor.seconds() + RECONNECT_WAIT
        while (connection := self._connection()) is None:
            if self._reactor.seconds() >= deadline:
                raise Refused("not connected to Redis")
            yield task.deferLater(self._reactor, RECONNECT_WAIT / 50)
        return connection

    def _connection(self) -> Any:
        return next((connection for connection in self._factory.pool if connection.connected), None)

    def _beat(self) -> None:
        """Find out about a Redis that hangs before a message does: an unanswered ping ends the connection."""
        if not self._busy and (connection := self._connection()):
            connection.ping().addErrback(
                lambda failure: log.warning("redis silent", reason=str(failure.value))
            )


@defer.inlineCallbacks
def _evaluate(connection: Any, arguments: Sequence[str | bytes]) -> Any:
    try:
        try:
            yield connection.execute_command("EVALSHA", PUSH.sha, 0, *arguments)
        except txredisapi.ResponseError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            yield connection.execute_command("EVAL", PUSH.text, 0, *arguments)
    except txredisapi.ResponseError as error:
        if str(error).startswith(_NOTHING_WRITTEN):
            raise Refused(f"Redis: {error}") from error
        raise


class _Factory(txredisapi.RedisFactory):  # type: ignore[misc]  # untyped
    initialDelay = 0.1
    factor = 2
    maxDelay = 1.0

    def stopTrying(self) -> "defer.Deferred[None]":
        """Go on: txredisapi gives up for ever when AUTH or SELECT fails once, as they do while Redis
        loads its data after a restart, or when its password is being changed."""
        return defer.succeed(None)

    def connectionError(self, why: str) -> None:
        log.warning("redis connection failed", reason=why)


def _client(reactor: Any, url: str, timeout: float) -> tuple[_Factory, Any]:
    """Factory and endpoint for redis://, rediss:// (`ssl_ca_certs=FILE` in the query) and unix:// URLs."""
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    endpoint: Any
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ValueError(parts.scheme)
    if parts.scheme == "unix":
        database = query.get("db", "0")
        endpoint = UNIXClientEndpoint(reactor, unquote(parts.path), CONNECT_TIMEOUT)  # type: ignore[no-untyped-call]
    else:
        database = query.get("db") or parts.path.strip("/") or "0"
        host = parts.hostname or "127.0.0.1"
        endpoint = HostnameEndpoint(reactor, host, parts.port or 6379, timeout=CONNECT_TIMEOUT)
        if parts.scheme == "rediss":
            authority = query.get("ssl_ca_certs")
            trust = ssl.Certificate.loadPEM(Path(authority).read_bytes()) if authority else None
            endpoint = wrapClientTLS(ssl.optionsForClientTLS(host, trustRoot=trust), endpoint)
    factory = _Factory(
        uuid=None,
        dbid=int(database) or None,
        poolsize=1,
        isLazy=True,
        charset=None,
        convertNumbers=False,
        replyTimeout=timeout,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
    return factory, endpoint
