"""ARV -> meta.security: who may see what of a patient or a visit.

Source: the guide has no map. HL7 v2.8 chapter 3, 3.3.22.
"""

from collections.abc import Iterable

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.element import Element

FIELDS = frozenset({1, 2, 3})
_LIFTED = "D"  # ARV-2, table 0206


def restrictions(segments: Iterable[Segment], context: Context) -> Element:
    """The access restrictions (ARV-3, table 0717) of the ARV among the segments, as labels of a resource."""
    found: list[Element] = []
    for arv in segments:
        if arv.name != "ARV":
            continue
        context.use(arv, FIELDS)
        if arv.text(2).strip() == _LIFTED:
            continue
        restriction = codeable_concept(context, arv, 3, table="0717") or {}
        found += [one for one in restriction.get("coding", ()) if one not in found]
    return {"security": found} if found else {}
