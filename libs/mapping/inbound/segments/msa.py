"""MSA -> MessageHeader.response: which message is answered, and how it fared.

Source: v2-to-FHIR IG 1.0.0, MSA[MessageHeader].
"""

import re

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.element import Element, absent
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({1, 2})
CODE = concept_map("0008", "AcknowledgmentCode")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def response(msa: Segment, context: Context) -> Element:
    """MSA[MessageHeader], empty when MSA-1 does not say how the message fared."""
    context.use(msa, FIELDS)
    code = context.code(CODE, msa.text(1).strip(), msa, 1)
    if code is None:
        return {}
    answered = msa.text(2).strip()
    if _ID.fullmatch(answered):
        return {"identifier": answered, "code": code}
    if answered:
        context.warn(msa, 2, "a control id that FHIR has no place for: it is no FHIR id")
    return {"_identifier": absent("unknown"), "code": code}
