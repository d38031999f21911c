"""Credentials that were found good, kept for a short time by their digest and never in clear."""

import secrets
from collections.abc import Callable
from hashlib import blake2b
from time import monotonic
from typing import Generic, TypeVar

from libs.metrics import CACHE_REQUESTS

KEPT = 10.0  # seconds; so long a credential that was withdrawn may still work
MOST = 10_000  # credentials

T = TypeVar("T")


class Remembered(Generic[T]):
    """Whom a credential stands for. The digests are of no use outside this process: their key stays in it."""

    def __init__(self, cache: str, now: Callable[[], float] = monotonic) -> None:
        """`cache`: its name in the metric `cache_requests_total`."""
        self._hit = CACHE_REQUESTS.labels(cache, "hit")
        self._miss = CACHE_REQUESTS.labels(cache, "miss")
        self._now = now
        self._secret = secrets.token_bytes(32)
        self._known: dict[bytes, tuple[T, float]] = {}  # and until when

    def get(self, credential: str) -> T | None:
        """Who was found for it lately; None when nobody was."""
        found = self._known.get(self._digest(credential))
        if found is not None and self._now() < found[1]:
            self._hit.inc()
            return found[0]
        self._miss.inc()
        return None

    def put(self, credential: str, owner: T) -> None:
        """Remember who was found for it."""
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[self._digest(credential)] = owner, self._now() + KEPT

    def _digest(self, credential: str) -> bytes:
        return blake2b(credential.encode("utf-8", "surrogatepass"), key=self._secret, digest_size=32).digest()
