"""Which OBX are one observation: the lines of a text, and what tells an observation from the others.

Source: HL7 v2.5.1 chapter 7, 7.4.2; lines of text as one by our own rule.
"""

from collections.abc import Sequence

from libs.hl7v2.message import Segment
from libs.mapping.inbound.structure import Result

LINES = frozenset({"TX", "FT"})  # value types (OBX-2) of the lines of a text


def lines_together(results: Sequence[Result]) -> list[list[Result]]:
    """The results, those that are lines of one text together: TX or FT with equal OBX-3 and OBX-4."""
    groups: list[list[Result]] = []
    for result in results:
        obx = result.obx
        last = groups[-1][0] if groups else None
        if (
            last is not None
            and obx.raw(2) in LINES
            and last.obx.raw(2) in LINES
            and obx.raw(3) == last.obx.raw(3)
            and obx.raw(4) == last.obx.raw(4)
            and result.specimen is last.specimen
        ):
            groups[-1].append(result)
        else:
            groups.append([result])
    return groups


def key_of(obx: Segment) -> tuple[str, ...]:
    """What tells an observation from the others of its report: OBX-3 and OBX-4."""
    return obx.text(3, 3), obx.text(3) or obx.text(3, 2) or obx.text(3, 4), obx.raw(4)
