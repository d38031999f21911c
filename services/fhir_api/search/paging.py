"""`next` links: where a result goes on, signed for one client and one query. No server state.

A link works on any process of the API and for as long as its key is kept. It is bound to the
organization, the client and the query, so that one handed to somebody else opens nothing.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from hashlib import blake2b

from libs.http.errors import BadRequest
from libs.store.organizations import Principal

PARAMETER = "_page"
_MAC_SIZE = 16  # bytes


def link(url: str, token: str) -> str:
    """`url` at the page that the token stands for."""
    return f"{url}{'&' if '?' in url else '?'}{PARAMETER}={token}"


class Pages:
    """Signs positions in results and checks those that come back."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, principal: Principal, query: str, position: bytes) -> str:
        """`position` of the result of `query`, for a link's `_page`."""
        mac = self._mac(principal, query, position)
        return urlsafe_b64encode(mac + position).rstrip(b"=").decode()

    def position(self, principal: Principal, query: str, token: str) -> bytes:
        """The position that `token` holds. Raises BadRequest when it is of another client or query."""
        try:
            signed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (NotBase64, ValueError):
            signed = b""
        mac, position = signed[:_MAC_SIZE], signed[_MAC_SIZE:]
        if not hmac.compare_digest(mac, self._mac(principal, query, position)):
            raise BadRequest(
                f"{PARAMETER}: not a page of this search by this client; start at the first page"
            )
        return position

    def _mac(self, principal: Principal, query: str, position: bytes) -> bytes:
        digest = blake2b(key=self._key, digest_size=_MAC_SIZE)
        for part in (principal.organization.encode(), principal.client_id.encode(), query.encode(), position):
            digest.update(len(part).to_bytes(4, "big") + part)
        return digest.digest()
