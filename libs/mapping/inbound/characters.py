"""Characters that HL7 text can hold and FHIR text must not.

Source: FHIR R4, data type string: no characters below 32 but tab, line feed and carriage return.
"""

import re
from typing import Any

from libs.hl7v2.message import Message

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def has_control_characters(message: Message) -> bool:
    """Whether there may be any: as such, or written in hexadecimal."""
    hexadecimal = message.delimiters.escape + "X"
    return any(
        hexadecimal in segment.line or _CONTROL.search(segment.line) is not None
        for segment in message.segments
    )


def marked_control_characters(value: Any) -> Any:
    """A copy of a resource with the replacement character (U+FFFD) in the place of each of them."""
    if isinstance(value, str):
        return _CONTROL.sub("\ufffd", value)
    if isinstance(value, dict):
        return {name: marked_control_characters(part) for name, part in value.items()}
    if isinstance(value, list):
        return [marked_control_characters(one) for one in value]
    return value
