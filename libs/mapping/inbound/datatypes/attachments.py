"""ED, RP -> Attachment; content above the limit becomes a Binary that the Attachment points to.

What the content is: as declared (ED.2, ED.3), else by its first bytes.
Source: v2-to-FHIR IG 1.0.0, ED[Attachment], RP[Attachment]; HL7 tables 0191, 0291, 0299.
"""

import base64
import binascii
import re
from hashlib import sha1

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.element import ALTERNATE_CODES, Element, element, extension, resource

UNKNOWN = "application/octet-stream"
INLINE_LIMIT = 1_000_000  # bytes of content that an Attachment holds itself

_BY_SUBTYPE = {
    "PDF": "application/pdf",
    "RTF": "application/rtf",
    "HTML": "text/html",
    "XML": "application/xml",
    "X-HL7-CDA-LEVEL-ONE": "text/xml",
    "JPEG": "image/jpeg",
    "JPG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "TIF": "image/tiff",
    "DICOM": "application/dicom",
    "PLAIN": "text/plain",
    "TXT": "text/plain",
    "TEXT": "text/plain",
    "BASIC": "audio/basic",
    "WAV": "audio/wav",
    "ZIP": "application/zip",
    "DOC": "application/msword",
    "DOCX": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
_KINDS = "http://terminology.hl7.org/CodeSystem/v2-0191"
_TYPES = {"TEXT", "IMAGE", "AUDIO", "VIDEO", "APPLICATION", "MULTIPART"}
_MAGIC = (
    (b"%PDF", "application/pdf"),
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"{\\rtf", "application/rtf"),
    (b"PK\x03\x04", "application/zip"),
    (b"<?xml", "application/xml"),
    (b"<html", "text/html"),
)
_BASE64_DOCUMENTS = ("JVBERi0", "/9j/", "iVBORw0KGgo", "R0lGODdh", "R0lGODlh", "e1xydGY", "UEsDB", "SUkqA")
_MIME = re.compile(r"[a-z]+/[a-z0-9.+-]+$")


def encapsulated(
    context: Context, ed: Value, segment: Segment, field: int, title: str = ""
) -> Element | None:
    """An ED as an Attachment, None when it has no data."""
    data = ed.text(5) or ed.text(1) if ed.component_count > 1 else ed.text(1)
    if not data:
        return None
    content = _content(data, ed.text(4).strip().upper())
    if content is None:
        context.warn(segment, field, "the data is not in the encoding that ED.4 declares; carried as text")
        content = data.encode()
    content_type = declared(ed.text(2), ed.text(3)) or _sniffed(content) or UNKNOWN
    found = attachment(context, content, content_type, title)
    kind = ed.text(2).strip()
    if kind and not ed.text(3).strip() and "/" not in kind:
        stated = {"coding": [{"system": _KINDS, "code": kind}]}
        return {"extension": extension(ALTERNATE_CODES, valueCodeableConcept=stated)} | found
    return found


def attachment(context: Context, content: bytes, content_type: str, title: str = "") -> Element:
    """An Attachment of the content, in itself or as a Binary beside it."""
    encoded = base64.b64encode(content).decode()
    found = element(contentType=content_type, size=len(content), title=title)
    if len(content) <= INLINE_LIMIT:
        return found | element(data=encoded)
    digest = base64.b64encode(sha1(content, usedforsecurity=False).digest()).decode()
    binary = resource("Binary", contentType=content_type, data=encoded)
    return found | {"url": context.put(binary, None, digest)["reference"], "hash": digest}


def pointer(rp: Value) -> Element | None:
    """An RP as an Attachment of a URL, None when it points nowhere."""
    url = rp.text(1).strip()
    if not url:
        return None
    return element(contentType=declared(rp.text(3), rp.text(4)), url=url.replace(" ", "%20"))


def _content(data: str, encoding: str) -> bytes | None:
    """The bytes that the data stands for; None when it is not in that encoding.

    Senders forget to declare it: what begins like a document in Base64 is one.
    """
    if encoding != "HEX" and data.startswith(_BASE64_DOCUMENTS):
        encoding = "BASE64"
    if encoding == "BASE64":
        compact = "".join(data.split())
        try:
            return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
        except (binascii.Error, ValueError):
            return None
    if encoding == "HEX":
        try:
            return bytes.fromhex(data)
        except ValueError:
            return None
    return data.encode()


def declared(kind: str, subtype: str) -> str | None:
    """The media type that a type and subtype of data (tables 0191 and 0291) state; None when they do not."""
    kind, subtype = kind.strip(), subtype.strip()
    if _MIME.match(kind.lower()):
        return kind.lower()
    if _MIME.match(subtype.lower()):
        return subtype.lower()
    for name in (subtype.upper(), kind.upper()):
        if name in _BY_SUBTYPE and (name != "TEXT" or not subtype):
            return _BY_SUBTYPE[name]
    if kind.upper() in _TYPES and subtype and _MIME.match(f"{kind}/{subtype}".lower()):
        return f"{kind}/{subtype}".lower()
    return None


def _sniffed(content: bytes) -> str | None:
    for magic, content_type in _MAGIC:
        if content.startswith(magic):
            return content_type
    return "text/plain" if content[:512].isascii() and b"\x00" not in content[:512] else None
