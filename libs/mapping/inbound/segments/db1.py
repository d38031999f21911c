"""DB1 -> Patient.identifier.

Source: the guide has no map. HL7 v2.5.1 chapter 3, 3.4.11.
"""

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.datatypes.identifiers import cx_identifier
from libs.mapping.inbound.element import Element

FIELDS = frozenset({1, 2, 3})
_PATIENT = "PT"  # table 0334: the disabled person is the patient


def identifier(db1: Segment, context: Context) -> Element | None:
    """The number under which the patient is known as disabled; None when it is somebody else's."""
    if db1.text(2).strip() not in {"", _PATIENT}:
        return None
    context.use(db1, FIELDS)
    return cx_identifier(context, db1.first(3), db1, 3, "disability")
