"""Text that switches character sets by ISO 2022 escape sequences, as MSH-18 with repetitions allows.

Python's own codecs know only some of the combinations and no 8-bit half (JIS X 0201 kana, ISO 8859).
Source: HL7 v2.5.1 chapter 2, 2.7.2 and 2.15.9.18; ISO/IEC 2022; the registry of its escape sequences.
"""

import re
from functools import lru_cache

ESC = b"\x1b"

# What each sequence designates: the codec, and by how much a byte of a run is raised to reach it.
LOW = {  # bytes below 0x80
    b"(B": ("ascii", 0),
    b"(J": ("ascii", 0),  # JIS X 0201 roman; its yen sign is a backslash in HL7
    b"(I": ("shift_jis", 0x80),  # JIS X 0201 kana
    b"$@": ("euc_jp", 0x80),  # JIS X 0208
    b"$B": ("euc_jp", 0x80),
    b"$(B": ("euc_jp", 0x80),
    b"$(D": ("euc_jp", -0x80),  # JIS X 0212: three bytes, the first is 0x8F
    b"$A": ("gb2312", 0x80),
    b"$(A": ("gb2312", 0x80),
    b"$(C": ("euc_kr", 0x80),  # KS X 1001
}
HIGH = {  # bytes from 0x80
    b")I": "shift_jis",
    b")J": "shift_jis",
    b"$)B": "euc_jp",
    b"$)C": "euc_kr",
    b"$)A": "gb2312",
    b"-A": "iso8859-1",
    b"-B": "iso8859-2",
    b"-C": "iso8859-3",
    b"-D": "iso8859-4",
    b"-F": "iso8859-7",
    b"-G": "iso8859-6",
    b"-H": "iso8859-8",
    b"-L": "iso8859-5",
    b"-M": "iso8859-9",
    b"-T": "iso8859-11",
    b"-b": "iso8859-15",
}
_RUN = re.compile(rb"(?:\x1b([ -/]+[0-~]))?([\r\n]+|[^\x1b\r\n]*)")
_CONTROLS = re.compile(rb"([\x00- \x7f]+)")


def decode_iso2022(data: bytes, default: str) -> str:
    """The text of `data`; `default` is the codec of every segment's start.

    Raises UnicodeDecodeError: a sequence is unknown, or bytes do not belong to what it designates.
    """
    text: list[str] = []
    low, high = ("ascii", 0), default
    position = 0
    while position < len(data):
        match = _RUN.match(data, position)
        if match is None or match.end() == position:
            raise UnicodeDecodeError(
                "iso2022", data, position, position + 1, "an escape sequence is cut short"
            )
        sequence, run = match.groups()
        if sequence in LOW:
            low = LOW[sequence]
        elif sequence in HIGH:
            high = HIGH[sequence]
        elif sequence is not None:
            raise UnicodeDecodeError("iso2022", data, position, position + 1, "an unknown escape sequence")
        if run[:1] in (b"\r", b"\n"):  # the standard returns to the default before a segment ends
            low, high = ("ascii", 0), default
        text.append(_decode_run(run, low, high))
        position = match.end()
    return "".join(text)


def with_real_escapes(data: bytes, escape: str) -> bytes:
    """The sequences that were sent as `\\Cxxyy\\` and `\\Mxxyyzz\\`, as themselves."""
    return sequences(escape).sub(lambda found: ESC + designation(found), data)


def designation(sequence: re.Match[bytes]) -> bytes:
    """What a match of `sequences` holds after its escape character, however it was sent."""
    return sequence[1] or bytes.fromhex((sequence[2] or sequence[3]).decode())


@lru_cache(maxsize=64)
def sequences(escape: str) -> re.Pattern[bytes]:
    """Finds escape sequences: as itself (group 1), as `\\Cxxyy\\` (group 2) or as `\\Mxxyyzz\\` (group 3)."""
    mark = re.escape(escape.encode())
    return re.compile(
        rb"\x1b([ -/]+[0-~])|%s(?:C([0-9A-Fa-f]{4})|M([0-9A-Fa-f]{4}(?:[0-9A-Fa-f]{2})?))%s" % (mark, mark)
    )


def _decode_run(run: bytes, low: tuple[str, int], high: str) -> str:
    codec, shift = low
    if not shift:
        return run.decode(high)
    return "".join(
        part.decode("ascii") if _CONTROLS.fullmatch(part) else _raised(part, codec, shift).decode(codec)
        for part in _CONTROLS.split(run)
    )


def _raised(part: bytes, codec: str, shift: int) -> bytes:
    """The bytes as the codec has them: with the eighth bit, after a single shift for JIS X 0212."""
    raised = bytes(byte | 0x80 for byte in part)
    if shift > 0:
        return raised
    return b"".join(b"\x8f" + raised[i : i + 2] for i in range(0, len(raised), 2))
