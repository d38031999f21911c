"""The body of a request, within limits."""

from starlette.requests import Request

from libs.http.errors import TooLarge


async def read_body(request: Request, limit: int) -> bytes:
    """Raises TooLarge as soon as `limit` bytes are passed, before the rest is received."""
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > limit:
        raise _too_large(limit)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def media_type(text: str) -> tuple[str, dict[str, str]]:
    """The media type and its parameters, names in lower case."""
    kind, _, rest = text.partition(";")
    pairs = (part.partition("=") for part in rest.split(";") if part)
    return kind.strip().lower(), {name.strip().lower(): value.strip(' "') for name, _, value in pairs}


def _too_large(limit: int) -> TooLarge:
    # The rest of the body is not read, so the connection cannot serve another request.
    return TooLarge(f"the body exceeds {limit} bytes", headers={"Connection": "close"})
