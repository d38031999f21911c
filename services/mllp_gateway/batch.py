"""The messages of one frame: one as a rule, or what a batch holds. Source: HL7 v2.5.1 chapter 2, 2.10.3."""

import re
from itertools import pairwise

_BOUNDARY = re.compile(rb"(?:^|(?<=[\r\n]))(?:MSH|FHS|BHS|BTS|FTS)(?=[^A-Za-z0-9\r\n]|[\r\n]|$)")
_ENVELOPES = (b"FHS", b"BHS")


def messages_of(frame: bytes) -> list[bytes]:
    """Every message in a frame, each from its MSH on; a frame without MSH is returned as it is."""
    if b"\rMSH" not in frame and b"\nMSH" not in frame and not frame.lstrip().startswith(_ENVELOPES):
        return [frame]
    starts = [found.start() for found in _BOUNDARY.finditer(frame)] + [len(frame)]
    parts = [frame[start:end] for start, end in pairwise(starts)]
    messages = [part for part in parts if part.startswith(b"MSH")]
    if messages and starts[0] and frame[: starts[0]].strip():
        messages.insert(0, frame[: starts[0]])  # it is not a message, and must not vanish unanswered
    return messages or [frame]
