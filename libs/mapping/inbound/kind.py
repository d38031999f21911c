"""What kind of message it is: MSH-9, and what stands in for it where a sender leaves parts of it out.

Source: HL7 v2.5.1 chapter 2, 2.15.9.9; before v2.3 MSH-9 had the type and the event, or the type alone.
"""

from libs.hl7v2.message import Message

_TYPE = 3  # letters of a message type


def kind(message: Message) -> tuple[str, str]:
    """Message type and event, as in `("ADT", "A01")`; "" for what is not stated.

    The type from the structure (`ADT_A01`) where MSH-9.1 is empty, the event from EVN-1 where MSH-9.2 is.
    """
    header = message.header
    stated = header.text(9).strip().upper()
    event = header.text(9, 2).strip().upper()
    if not stated or stated[_TYPE : _TYPE + 1] == "_":  # a structure, where it belongs or in the type's place
        structure = stated or header.text(9, 3).strip().upper()
        stated, _, meant = structure.partition("_")
        event = event or (meant if header.text(9).strip() else "")
    if not event and (evn := message.first("EVN")) is not None:
        event = evn.text(1).strip().upper()
    return stated, event
