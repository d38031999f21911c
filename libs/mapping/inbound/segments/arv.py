"""ARV -> meta.security: who may see what of a patient or a visit.

Source: the guide has no map. HL7 v2.8 chapter 3, 3.3.22.
"""

from collections.abc import Iterable

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.element import Element, coding

FIELDS = frozenset({1, 2, 3})
_LIFTED = "D"  # ARV-2, table 0206


RESTRICTED = coding("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "R", "restricted")


def restrict(
    segments: Iterable[Segment], context: Context, restricted: Reference, labels: Iterable[Element] = ()
) -> None:
    """Label the resource with the restrictions (ARV-3, table 0717) of the ARV among the segments.

    They and the other `labels` are all that hold: where every one is lifted, the labels go.
    """
    stated = [one for one in segments if one.name == "ARV"]
    found: list[Element] = list(labels)
    for arv in stated:
        context.use(arv, FIELDS)
        if arv.text(2).strip() == _LIFTED:
            continue
        restriction = codeable_concept(context, arv, 3, table="0717") or {}
        found += [one for one in restriction.get("coding", ()) if one not in found]
    if found:
        context.describe(restricted, meta={"security": found})
    elif stated:
        context.remove(restricted, "meta:security")
