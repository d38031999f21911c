"""TXA, OBX and NTE -> DocumentReference, and the Provenance of its last edit.

Source: v2-to-FHIR IG 1.0.0, TXA[DocumentReference], OBX[DocumentReference], NTE[DocumentReference],
TXA[Provenance], in which the originator is an author here: the guide calls him a recipient, too.
"""

from collections.abc import Sequence

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.attachments import attachment, declared, encapsulated, pointer
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.identifiers import ei_identifier, facility_uri
from libs.mapping.inbound.datatypes.practitioners import practitioners
from libs.mapping.inbound.element import (
    ALTERNATE_CODES,
    DATA_ABSENT,
    Element,
    absent,
    concept,
    element,
    extension,
    resource,
)
from libs.mapping.inbound.segments.nte import notes
from libs.mapping.inbound.structure import Result
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 22, 25})
EDIT_FIELDS = frozenset({8, 21, 23})
OBX_FIELDS = frozenset({1, 2, 3, 5, 11, 14})
ORIGINATED = "http://hl7.org/fhir/6.0/StructureDefinition/extension-date"
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
_AVAILABILITY_TABLE = "http://terminology.hl7.org/CodeSystem/v2-0273"
_DAY = 10  # characters of a date
_CANCELLED = frozenset({"T11"})
# Events that bring a document; the others change one (T03, T04: its status; T07, T08: its edition).
_BROUGHT = frozenset({"T01", "T02", "T05", "T06", "T09", "T10"})
_RELATION = {"T05": "appends", "T06": "appends", "T09": "replaces", "T10": "replaces"}
_TEXT = frozenset({"TX", "FT", "ST"})
ATTACHED = _TEXT | {"ED", "RP"}  # value types that are the content of a document
_OF_RESULT = {"P": "preliminary", "F": "final", "C": "amended"}  # OBX-11, where TXA-17 is silent
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_FIRST_OF_SEVERAL = "FHIR has room for one; the first is carried"


def document(
    txa: Segment,
    results: Sequence[Result],
    context: Context,
    subject: Subject,
    orders: Sequence[Reference],
    *,
    comments: Sequence[Segment] = (),
) -> Reference:
    """TXA[DocumentReference] with the content of the OBX that hold it, and of notes (NTE) on them."""
    context.use(txa, FIELDS)
    number = ei_identifier(context, txa.first(12), purpose="document")
    title = txa.text(25).strip()
    content = _content(results, context, title) + _commented(comments, context)
    presented = declared(txa.text(3), "") or ("text/plain" if txa.text(3).strip() in _TEXT else None)
    content = [{"contentType": presented} | one if presented else one for one in content]
    created = times.date_time(context, txa, 4)
    parent = _parent(txa, number, context)
    found = resource(
        "DocumentReference",
        extension=_originated(txa, context),
        masterIdentifier=number,
        identifier=([number] if number else []) + _file_name(txa, context),
        status=_status(txa, context),
        _status=_availability(txa),
        docStatus=_doc_status(txa, context) or _status_of(results),
        type=codeable_concept(context, txa, 2, table="0270"),
        subject=subject.patient,
        date=_date(txa, context),
        author=[who for field in (9, 5, 11) for who in practitioners(context, txa, field)],
        authenticator=_authenticator(txa, context),
        relatesTo=_relates_to(txa, parent, context, subject),
        description=title,
        securityLabel=codeable_concepts(context, txa, 18, CONFIDENTIALITY),
        content=[{"attachment": one} for one in content] or [_no_content()],
        context=element(
            encounter=[subject.encounter] if subject.encounter else [],
            period=element(start=created),
            related=[*orders, *_orders(txa, orders, context)],
        ),
    )
    by_itself, key = _identity(txa, 12, number, context, subject)
    known = txa.raw(19) or context.event in _BROUGHT | _CANCELLED
    written = context.put(found, by_itself, *key, keep=() if known else ("status",))
    _edited(txa, written, context)
    return written


def _identity(
    txa: Segment, field: int, number: Element | None, context: Context, subject: Subject
) -> tuple[Element | None, tuple[str, ...]]:
    """What finds the document of that number: the number if it names its authority, else a key."""
    stated = txa.first(field)
    by_itself = bool(stated.text(2).strip() or stated.text(3).strip())
    own = (number["value"],) if number else (context.control_id, txa.text(1))
    return number if by_itself else None, (subject.key, "document", *own)


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
                created = times.date_time(context, obx, 14)
                found += [attached | element(creation=created)] if attached else []
    if lines:
        found.insert(0, attachment(context, "\n".join(lines).encode(), "text/plain", title))
    return found


def _no_content() -> Element:
    return {"attachment": {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}}


def _commented(comments: Sequence[Segment], context: Context) -> list[Element]:
    """NTE[DocumentReference]: the notes on the content, as content of its own."""
    lines = [one["text"] for one in notes(comments, context)]
    return [attachment(context, "\n".join(lines).encode(), "text/plain", "Comment")] if lines else []


def _date(txa: Segment, context: Context) -> str | None:
    """TXA-6, else TXA-7; a date without a time is no instant, and stands in an extension."""
    if _originated(txa, context):
        return times.instant(context, txa, 7)
    return times.instant(context, txa, 6) or times.instant(context, txa, 7)


def _originated(txa: Segment, context: Context) -> list[Element]:
    """TXA-6 without a time of day."""
    day = times.date_time(context, txa, 6)
    return extension(ORIGINATED, valueDate=day) if day and len(day) <= _DAY else []


def _availability(txa: Segment) -> Element | None:
    """TXA-19, where FHIR's status says another thing than the code does."""
    stated = txa.text(19).strip()
    if stated not in _AVAILABILITY or stated == "AV":
        return None
    code = {"coding": [{"system": _AVAILABILITY_TABLE, "code": stated}]}
    return {"extension": extension(ALTERNATE_CODES, valueCodeableConcept=code)}


def _status_of(results: Sequence[Result]) -> str | None:
    """What the results say of the document, when all say the same."""
    stated = {_OF_RESULT.get(one.obx.text(11).strip()) for one in results}
    return stated.pop() if len(stated) == 1 else None


def _orders(txa: Segment, orders: Sequence[Reference], context: Context) -> list[Element]:
    """TXA-14 and TXA-15: the orders that are not stated in this message, by their numbers."""
    known = {one["value"] for order in orders for one in context.stated(order).get("identifier", ())}
    stated = ((14, "PLAC", "placer"), (15, "FILL", "filler"))
    return [
        {"type": "ServiceRequest", "identifier": one}
        for field, kind, purpose in stated
        for ei in txa.repetitions(field)
        if (one := ei_identifier(context, ei, kind, purpose)) and one["value"] not in known
    ]


def _edited(txa: Segment, document_: Reference, context: Context) -> None:
    """TXA[Provenance]: when it was edited, why, by whom, and who was sent a copy."""
    if not any(txa.raw(field) for field in EDIT_FIELDS):
        return
    context.use(txa, EDIT_FIELDS)
    parts = ((9, "AUT", "author (originator)"), (23, "IRCP", "information recipient"))
    agents = [
        {"type": concept(_PARTICIPATION, code, meaning), "who": who}
        for field, code, meaning in parts
        for who in practitioners(context, txa, field)
    ]
    recorded, reason = times.instant(context, txa, 8), txa.text(21).strip()
    found = resource(
        "Provenance",
        target=[document_],
        recorded=recorded,
        _recorded=None if recorded else absent("unknown"),
        reason=[{"text": reason}] if reason else [],
        agent=agents or [{"who": {"display": context.facility}}],
    )
    context.put(found, None, document_["reference"], "edited", context.control_id, merge=False)


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
    if len(signed) > 1:
        context.warn(txa, 10 if txa.raw(10) else 22, _FIRST_OF_SEVERAL)
    return signed[0] if signed else None


def _parent(txa: Segment, number: Element | None, context: Context) -> Element | None:
    """TXA-13, the number of the document that this one is about; None without one, or if it is its own."""
    parent = ei_identifier(context, txa.first(13), purpose="document")
    if parent is None or parent != number:
        return parent
    context.warn(txa, 13, "a document is no parent of itself")
    return None


def _relates_to(txa: Segment, parent: Element | None, context: Context, subject: Subject) -> list[Element]:
    if parent is None:
        return []
    relation = _RELATION.get(context.event, "appends")
    target: Element = {"type": "DocumentReference", "identifier": parent}
    if relation == "replaces":
        target |= _superseded(txa, parent, context, subject)
    return [{"code": relation, "target": target}]


def _superseded(txa: Segment, parent: Element, context: Context, subject: Subject) -> Reference:
    """The document that this one replaces; if it is not known, all that is known of it."""
    found = resource(
        "DocumentReference",
        masterIdentifier=parent,
        identifier=[parent],
        status="superseded",
        subject=subject.patient,
        content=[_no_content()],
    )
    by_itself, key = _identity(txa, 13, parent, context, subject)
    return context.put(found, by_itself, *key, keep=("masterIdentifier", "subject", "content"))


def _file_name(txa: Segment, context: Context) -> list[Element]:
    name = txa.text(16).strip()
    return [{"system": facility_uri(context, "document-file"), "value": name}] if name else []
