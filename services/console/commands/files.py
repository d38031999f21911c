"""HL7 v2 messages out of files, however they were saved."""

from pathlib import Path

from libs.hl7v2.batch import split_messages
from libs.hl7v2.mllp import END, VT, FrameDecoder

LARGEST = 100_000_000  # bytes of one message in a file


def read_messages(path: Path) -> list[bytes]:
    """The messages in the file: one, a batch (FHS, BHS), several in a row, or as captured with MLLP framing.

    Raises OSError.
    """
    content = path.read_bytes()
    if content.lstrip()[:1] != VT:
        return split_messages(content)
    complete = content if content.rstrip().endswith(END[:1]) else content + END
    blocks = FrameDecoder(LARGEST).feed(complete.rstrip() + END[1:])
    return [message for block in blocks for message in split_messages(block)]
