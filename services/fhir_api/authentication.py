"""Who asks: `Authorization: Bearer` with an API key.

The organization of everything a request does comes from here, never from the request itself.

Source: RFC 6750, 2.1 and 3
"""

from collections.abc import Awaitable, Callable
from time import monotonic

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from libs.http.errors import Unauthorized
from libs.http.remembered import Remembered
from libs.store.organizations import KEY_PREFIX, Principal

_LONGEST_KEY = 200  # characters


class Keys:
    """Whose an API key is."""

    def __init__(
        self, look_up: Callable[[str], Awaitable[Principal | None]], now: Callable[[], float] = monotonic
    ) -> None:
        self._look_up = look_up
        self._known: Remembered[Principal] = Remembered("api_key", now)

    async def principal(self, key: str) -> Principal | None:
        """Whom `key` stands for; None when nobody."""
        owner = self._known.get(key)
        if owner is None:
            owner = await self._look_up(key)
            if owner is not None:
                self._known.put(key, owner)
        return owner


class Authenticate:
    """Lets only requests with a known key pass; their `scope["user"]` is its Principal."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scheme, _, key = Headers(scope=scope).get("authorization", "").partition(" ")
        if not scheme:
            raise _unauthorized("send a credential: Authorization: Bearer ehr_...", "")
        key = key.strip()
        if scheme.lower() != "bearer" or not _may_be_key(key):
            raise _unauthorized("the credential is no API key", "invalid_token")
        keys: Keys = scope["app"].state.runtime.keys
        owner = await keys.principal(key)
        if owner is None:
            raise _unauthorized("the API key is not known or was revoked", "invalid_token")
        scope["user"] = owner
        await self._app(scope, receive, send)


def principal(request: Request) -> Principal:
    """Who sent the request."""
    owner: Principal = request.scope["user"]
    return owner


def _may_be_key(text: str) -> bool:
    return text.startswith(KEY_PREFIX) and len(text) <= _LONGEST_KEY and text.isascii()


def _unauthorized(diagnostics: str, error: str) -> Unauthorized:
    challenge = 'Bearer realm="EHRConnect"' + (f', error="{error}"' if error else "")
    return Unauthorized(diagnostics, headers={"WWW-Authenticate": challenge})
