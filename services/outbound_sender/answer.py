"""What a destination has said of a message.

Source: HL7 v2.5.1 chapter 2, 2.9 and 2.15.8, tables 0008 and 0357.
"""

from dataclasses import dataclass

from libs.hl7v2.ack import ERROR_TEXTS, AckCode
from libs.hl7v2.message import NotHL7, parse


@dataclass(frozen=True, slots=True)
class Answer:
    """An acknowledgement. What else it says may be content, and is not kept."""

    about: str  # MSA-2: MSH-10 of the message; "" when it says none
    code: AckCode | None  # None: it says none of table 0008
    condition: str = ""  # table 0357; "" when it says none

    @property
    def refusal(self) -> str:
        """Why the message was not taken, without content; "" when it was."""
        if self.code is None:
            return "the answer has no acknowledgement code in MSA-1"
        if self.code.accepts:
            return ""
        reason = f": {self.condition} {ERROR_TEXTS[self.condition]}" if self.condition else ""
        return f"refused with {self.code}{reason}"


def read_answer(message: bytes) -> Answer:
    """What an incoming message says as an acknowledgement; nothing, when it is none."""
    try:
        acknowledgement = parse(message.decode("latin-1"))
    except NotHL7:
        return Answer("", None)
    code = acknowledgement.at("MSA-1")
    conditions = (acknowledgement.at("ERR-3.1"), acknowledgement.at("ERR-1.4.1"))
    return Answer(
        acknowledgement.at("MSA-2"),
        AckCode(code) if code in AckCode.__members__ else None,
        next((condition for condition in conditions if condition in ERROR_TEXTS), ""),
    )
