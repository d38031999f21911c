"""The character set of a message: what MSH-18 declares, then what its bytes say.

Source: HL7 v2.5.1 chapter 2, 2.15.9.18 and table 0211.
"""

from libs.hl7v2.character_sets import UnsupportedCharset, character_sets
from libs.hl7v2.header import BOM, Header, read_header
from libs.hl7v2.iso2022 import ESC, decode_iso2022, with_real_escapes

__all__ = ["UnsupportedCharset", "decode_message", "decode_part"]


def decode_message(body: bytes, default: str = "") -> tuple[str, list[str]]:
    """The message as text without its byte order mark, and what is doubtful about it.

    MSH-18 decides; then `default`, the character set agreed with the sender; then strict UTF-8; then
    cp1252. No byte is ever replaced by U+FFFD.
    Raises NotHL7, BadHeader, UnsupportedCharset.
    """
    header = read_header(body)
    if body.startswith(BOM):
        return _decode_as(body.removeprefix(BOM), header, default, "utf-8")
    return _decode_as(body, header, default)


def decode_part(part: bytes, header: Header, default: str = "") -> str:
    """Some bytes of a message, a field for example, as text: in the way of `decode_message`.

    Raises UnsupportedCharset.
    """
    return _decode_as(part, header, default)[0]


def _decode_as(body: bytes, header: Header, default: str, mark: str = "") -> tuple[str, list[str]]:
    """`mark` is the codec that a byte order mark tells."""
    declared = character_sets(header.charset.decode("latin-1"), header.delimiters.repetition)
    agreed = character_sets(default)
    warnings = [
        f"{source} is not in table 0211"
        for source, sets in (("MSH-18", declared), ("the sender's default", agreed))
        if not sets.is_known and not (sets is agreed and declared.codec)
    ]
    sets = declared.or_else(agreed)
    if sets.switches:
        body = with_real_escapes(body, header.delimiters.escape)
    text = _decode(body, mark or sets.codec, sets.switches or ESC in body, warnings)
    if "\0" in text:
        warnings.append("NUL characters were left out of the text")
        text = text.replace("\0", "")
    return text, warnings


def _decode(body: bytes, codec: str, switches: bool, warnings: list[str]) -> str:
    if switches:
        try:
            return decode_iso2022(body, codec or "ascii")
        except UnicodeDecodeError:
            warnings.append("the escape sequences of ISO 2022 are not as the standard has them")
    if codec:
        try:
            return body.decode(codec)
        except UnicodeDecodeError:
            warnings.append(f"the bytes are not in the declared character set ({codec})")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        warnings.append("the character set is unknown; read as Windows-1252")
    return _decode_cp1252(body)


def _decode_cp1252(body: bytes) -> str:
    """cp1252, whose five unassigned bytes are the control characters that ISO 8859-1 has there."""
    try:
        return body.decode("cp1252")
    except UnicodeDecodeError:
        return "".join(_CP1252[byte] for byte in body)


_CP1252 = [
    chr(byte) if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else bytes([byte]).decode("cp1252")
    for byte in range(256)
]
