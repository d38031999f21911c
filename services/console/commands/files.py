"""What operators hand over in files: HL7 v2 messages, however they were saved, and documents."""

import sys
from pathlib import Path

from libs.hl7v2.batch import split_messages
from libs.hl7v2.mllp import END, FS, VT, FrameDecoder
from services.console.commands.output import CommandError

LARGEST = 100_000_000  # bytes of one message in a file
_BLANK = b" \t\r\n\0"  # strip() without characters would take the VT, too


def read_messages(path: Path) -> list[bytes]:
    """The messages in the file: one, a batch (FHS, BHS), several in a row, or as captured with MLLP framing.

    Raises OSError.
    """
    content = path.read_bytes()
    framed = content.strip(_BLANK)
    if not framed.startswith(VT):
        return list(split_messages(content))
    # The last block may have lost its CR, or both end characters, to an editor.
    blocks = FrameDecoder(LARGEST).feed(framed + (END[1:] if framed.endswith(FS) else END))
    return [message for block in blocks for message in split_messages(block)]


def read_document(file: str) -> str:
    """A text in UTF-8; - is standard input. Raises CommandError, OSError."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except UnicodeDecodeError:
        raise CommandError(f"{file}: not UTF-8") from None
