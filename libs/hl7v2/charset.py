"""The character set of a message: what MSH-18 declares, then what its bytes say.

Source: HL7 v2.5.1 chapter 2, 2.15.9.18 and table 0211.
"""

import re

from libs.errors import Permanent
from libs.hl7v2.header import BOM, read_header
from libs.hl7v2.iso2022 import ESC, decode_iso2022

# By the name without spaces, dashes and a leading ISO, which senders write in many ways.
_CODECS = {
    **{f"8859{part}": f"iso8859-{part}" for part in range(1, 17) if part != 12},
    "ASCII": "ascii",
    "USASCII": "ascii",
    "IR6": "ascii",
    "IR13": "shift_jis",  # its single bytes are JIS X 0201
    "IR14": "shift_jis",
    "IR87": "iso2022_jp",
    "IR159": "iso2022_jp_1",
    "IR149": "euc_kr",
    "KSX1001": "euc_kr",
    "GB18030": "gb18030",
    "GB180302000": "gb18030",
    "GB2312": "gb2312",
    "BIG5": "big5",
    "CNS116431992": "big5",
    "SHIFTJIS": "shift_jis",
    "EUCJP": "euc_jp",
    "UNICODE": "utf-8",  # the other forms of Unicode cannot travel over MLLP
    "UNICODEUTF8": "utf-8",
    "UTF8": "utf-8",
    "LATIN1": "iso8859-1",
    "CP1252": "cp1252",
    "WINDOWS1252": "cp1252",
}
_SWITCHING = ("IR13", "IR14", "IR87", "IR159", "IR149")  # they reach other sets by escapes
_WIDE = ("UTF16", "UTF32", "UCS2", "UCS4")
_PUNCTUATION = re.compile(r"[\s_/-]+")


class UnsupportedCharset(Permanent):
    """MSH-18 declares UTF-16 or UTF-32, which cannot travel over MLLP; the sender must use UTF-8."""


def decode_message(body: bytes, default: str = "") -> tuple[str, list[str]]:
    """The message as text without its byte order mark, and what is doubtful about it.

    MSH-18 decides; then `default`, the character set agreed with the sender; then strict UTF-8; then
    cp1252. No byte is ever replaced by U+FFFD.
    Raises NotHL7, BadHeader, UnsupportedCharset.
    """
    header = read_header(body)
    warnings: list[str] = []
    declared = header.charset.decode("latin-1").split(header.delimiters.repetition)
    codec = _codec(declared, warnings, "MSH-18") or _codec(
        default.split("~"), warnings, "the sender's default"
    )
    if body.startswith(BOM):
        body, codec = body.removeprefix(BOM), "utf-8"
    names = declared if any(declared) else default.split("~")
    switches = len(names) > 1 or _normal(names[0]) in _SWITCHING
    if switches:
        body = _with_real_escapes(body, header.delimiters.escape)
    text = _decode(body, codec, switches or ESC in body, warnings)
    if "\0" in text:
        warnings.append("NUL characters were left out of the text")
        text = text.replace("\0", "")
    return text, warnings


def _codec(names: list[str], warnings: list[str], source: str) -> str:
    """The codec of the default character set, the first; "" when none is declared or known.

    Raises UnsupportedCharset.
    """
    for name in map(_normal, names):
        if name.removeprefix("UNICODE").startswith(_WIDE):
            raise UnsupportedCharset(f"{source} is UTF-16 or UTF-32; send UNICODE UTF-8")
    first = _normal(names[0])
    if not first:
        return "ascii" if len(names) > 1 else ""
    if first not in _CODECS:
        warnings.append(f"{source} is not in table 0211")
    return _CODECS.get(first, "")


def _normal(name: str) -> str:
    return _PUNCTUATION.sub("", name).upper().removeprefix("ISO")


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


def _with_real_escapes(body: bytes, escape: str) -> bytes:
    """The ISO 2022 sequences that were sent as `\\Cxxyy\\` and `\\Mxxyyzz\\`, as themselves."""
    mark = re.escape(escape.encode())
    pattern = rb"%s(?:C([0-9A-Fa-f]{4})|M([0-9A-Fa-f]{4}(?:[0-9A-Fa-f]{2})?))%s" % (mark, mark)
    return re.sub(pattern, lambda found: ESC + bytes.fromhex((found[1] or found[2]).decode()), body)
