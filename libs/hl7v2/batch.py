"""Frames and files that hold more than one message: batches (FHS BHS ... BTS FTS), or MSH after MSH.

Source: HL7 v2.5.1 chapter 2, 2.10.3.
"""

import re
from collections.abc import Iterator

from libs.hl7v2.header import BOM

# After the name of a segment comes a separator, never a letter or digit.
_OPENING = re.compile(rb"(?:MSH|FHS|BHS)(?![0-9A-Za-z])")
_MESSAGE = re.compile(rb"[\r\n]MSH(?![0-9A-Za-z])")
_BOUNDARY = re.compile(rb"[\r\n](?:MSH|FHS|BHS|BTS|FTS)(?![0-9A-Za-z])")  # starts or ends a message
_BLANK = b"\r\n\t \0"


def split_messages(body: bytes) -> Iterator[bytes]:
    """The messages of an unframed block, in order, each looked for only when it is asked for.

    A block without batch segments is one message. There is none in a batch that holds no message. A block
    that starts with anything else than MSH, FHS or BHS is given back whole: whoever reads its header
    refuses it.
    """
    if body.startswith(b"MSH") and body.find(b"MSH", 3) < 0 and b"TS" not in body and b"HS" not in body:
        yield body  # what nearly every body is, found out fast
        return
    content = body.removeprefix(BOM).lstrip(_BLANK)
    opening = _OPENING.match(content)
    boundary = _BOUNDARY.search(content) if opening else None
    if not opening or (opening[0] == b"MSH" and not boundary):
        yield body
        return
    if opening[0] == b"MSH":
        start = 0
    elif message := _MESSAGE.search(content):
        start = message.start() + 1
    else:
        return
    while end := _BOUNDARY.search(content, start):
        yield content[start : end.start() + 1]
        message = _MESSAGE.search(content, end.start())
        if not message:
            return
        start = message.start() + 1
    yield content[start:]
