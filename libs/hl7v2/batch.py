"""Frames and files that hold more than one message: batches (FHS BHS ... BTS FTS), or MSH after MSH.

Source: HL7 v2.5.1 chapter 2, 2.10.3.
"""

import re

from libs.hl7v2.header import BOM

# A segment that starts or ends a message; after the name comes a separator, never a letter or digit.
_BOUNDARY = re.compile(rb"(?:^|(?<=[\r\n]))(MSH|FHS|BHS|BTS|FTS)(?![0-9A-Za-z])")
_BLANK = b"\r\n\t \0"


def split_messages(body: bytes) -> list[bytes]:
    """The messages of an unframed block, in order; a block without batch segments is one message.

    Empty for a batch that holds no message. A block that starts with anything else than MSH, FHS or
    BHS is given back whole: whoever reads its header refuses it.
    """
    if body.startswith(b"MSH") and body.find(b"MSH", 3) < 0 and b"BTS" not in body and b"FTS" not in body:
        return [body]
    content = body.removeprefix(BOM).lstrip(_BLANK)
    boundaries = list(_BOUNDARY.finditer(content))
    names = [boundary[1] for boundary in boundaries]
    if not names or boundaries[0].start() > 0 or names[0] in (b"BTS", b"FTS") or names == [b"MSH"]:
        return [body]
    ends = [boundary.start() for boundary in boundaries[1:]] + [len(content)]
    return [
        content[boundary.start() : end]
        for boundary, end in zip(boundaries, ends, strict=True)
        if boundary[1] == b"MSH"
    ]
