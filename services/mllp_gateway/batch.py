"""The messages of one frame: one as a rule, or what a batch holds. Source: HL7 v2.5.1 chapter 2, 2.10.3."""

import re
from itertools import pairwise

_BOUNDARY = re.compile(rb"(?:^|(?<=[\r\n]))(?:MSH|FHS|BHS|BTS|FTS)(?![A-Za-z0-9])")
_ENVELOPES = (b"FHS", b"BHS")


def messages_of(frame: bytes) -> list[bytes]:
    """Every message in a frame, as sent; a frame that holds no more than one is returned as it is."""
    if b"\rMSH" not in frame and b"\nMSH" not in frame and not frame.startswith(_ENVELOPES):
        return [frame]
    starts = [found.start() for found in _BOUNDARY.finditer(frame)]
    parts = [frame[start:end] for start, end in pairwise([*starts, len(frame)])]
    before = frame[: starts[0]] if starts else b""
    if before.strip():
        parts.insert(0, before)  # whatever it is, it must not vanish unanswered
    batch = any(part.startswith(_ENVELOPES) for part in parts)
    messages = [part for part in parts if part.startswith(b"MSH") or part is before]
    return messages if messages and (batch or len(messages) > 1) else [frame]
