"""TXA and OBX -> DocumentReference.

Source: v2-to-FHIR IG 1.0.0, TXA[DocumentReference], OBX[DocumentReference].
"""

from collections.abc import Sequence

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.attachments import attachment, encapsulated, pointer
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.identifiers import ei_identifier, facility_uri
from libs.mapping.inbound.datatypes.practitioners import practitioners
from libs.mapping.inbound.element import DATA_ABSENT, Element, element, resource
from libs.mapping.inbound.segments.obx import FIELDS as OBX_FIELDS
from libs.mapping.inbound.structure import Result
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 13, 16, 17, 18, 19, 22, 25})
CONFIDENTIALITY = concept_map("0272", "DocumentConfidentialityStatus")

_DOC_STATUS = {  # table 0271
    "DI": "preliminary",
    "DO": "preliminary",
    "IN": "preliminary",
    "IP": "preliminary",
    "PA": "preliminary",
    "AU": "final",
    "LA": "final",
}
_AVAILABILITY = {"AV": "current", "CA": "entered-in-error", "OB": "superseded", "UN": "current"}  # table 0273
_CANCELLED = frozenset({"T11"})
_RELATION = {"T05": "appends", "T06": "appends", "T09": "replaces", "T10": "replaces"}
_TEXT = frozenset({"TX", "FT", "ST"})
ATTACHED = _TEXT | {"ED", "RP"}  # value types that are the content of a document


def document(
    txa: Segment, results: Sequence[Result], context: Context, subject: Subject, orders: Sequence[Reference]
) -> Reference:
    """TXA[DocumentReference] with the content of the OBX that hold it."""
    context.use(txa, FIELDS)
    number = ei_identifier(context, txa.first(12), purpose="document")
    title = txa.text(25).strip()
    content = _content(results, context, title)
    created = times.date_time(context, txa, 4)
    found = resource(
        "DocumentReference",
        masterIdentifier=number,
        identifier=([number] if number else []) + _file_name(txa, context),
        status=_status(txa, context),
        docStatus=_doc_status(txa, context),
        type=codeable_concept(context, txa, 2, table="0270"),
        subject=subject.patient,
        date=times.instant(context, txa, 6) or times.instant(context, txa, 7),
        author=[who for field in (9, 5, 11) for who in practitioners(context, txa, field)],
        authenticator=_authenticator(txa, context),
        relatesTo=_relates_to(txa, context),
        description=title,
        securityLabel=codeable_concepts(context, txa, 18, CONFIDENTIALITY),
        content=[{"attachment": one} for one in content]
        or [{"attachment": {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}}],
        context=element(
            encounter=[subject.encounter] if subject.encounter else [],
            period=element(start=created),
            related=list(orders),
        ),
    )
    stated = txa.first(12)
    if number is not None and (stated.text(2).strip() or stated.text(3).strip()):
        return context.put(found, number)
    key = ("document", number["value"]) if number else ("document", context.control_id, txa.text(1))
    return context.put(found, None, subject.key, *key)


def _content(results: Sequence[Result], context: Context, title: str) -> list[Element]:
    """The lines of text as one attachment, each encapsulated document as one of its own."""
    lines: list[str] = []
    found: list[Element] = []
    for one in results:
        obx = one.obx
        context.use(obx, OBX_FIELDS)
        name = title or (obx.text(3, 2) or obx.text(3)).strip()
        kind = obx.text(2).strip()
        for value in obx.repetitions(5):
            if kind in _TEXT:
                lines.append(value.text(1))
            else:
                attached = encapsulated(context, value, obx, 5, name) if kind == "ED" else pointer(value)
                found += [attached] if attached else []
    if lines:
        found.insert(0, attachment(context, "\n".join(lines).encode(), "text/plain", title))
    return found


def _status(txa: Segment, context: Context) -> str:
    if context.event in _CANCELLED:
        return "entered-in-error"
    available = txa.text(19).strip()
    if available and available not in _AVAILABILITY:
        context.uncoded("0273", available, txa, 19)
    return _AVAILABILITY.get(available, "current")


def _doc_status(txa: Segment, context: Context) -> str | None:
    completion = txa.text(17).strip()
    if completion and completion not in _DOC_STATUS:
        context.uncoded("0271", completion, txa, 17)
    return _DOC_STATUS.get(completion)


def _authenticator(txa: Segment, context: Context) -> Reference | None:
    signed = practitioners(context, txa, 10) or practitioners(context, txa, 22)
    return signed[0] if signed else None


def _relates_to(txa: Segment, context: Context) -> list[Element]:
    parent = ei_identifier(context, txa.first(13), purpose="document")
    if parent is None:
        return []
    target = {"type": "DocumentReference", "identifier": parent}
    return [{"code": _RELATION.get(context.event, "appends"), "target": target}]


def _file_name(txa: Segment, context: Context) -> list[Element]:
    name = txa.text(16).strip()
    return [{"system": facility_uri(context, "document-file"), "value": name}] if name else []
