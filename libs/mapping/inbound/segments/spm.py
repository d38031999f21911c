"""SPM and OBR-15 -> Specimen.

Source: v2-to-FHIR IG 1.0.0, SPM[Specimen], OBR[Specimen], SPS[Specimen-Source].
"""

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.components import FIRST
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts, concept_of
from libs.mapping.inbound.datatypes.identifiers import cx_identifier, cx_identifiers, ei_identifier
from libs.mapping.inbound.datatypes.numbers import quantity
from libs.mapping.inbound.datatypes.practitioners import practitioner
from libs.mapping.inbound.element import Element, element, resource
from libs.mapping.inbound.order_numbers import Numbers
from libs.mapping.inbound.segments.nte import notes
from libs.mapping.inbound.segments.orc import COLLECTING, is_fasting, participants
from libs.mapping.inbound.structure import Order
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({1, 2, 3, 4, 6, 7, 8, 12, 14, 17, 18, 20, 21, 24, 25, 27, 30, 31, 32})
OBR_FIELDS = frozenset({7, 8, 9, 10, 14, 15, 39})
# Sections of table 0074 that look at the patient, not at a specimen.
IMAGING = frozenset(
    {"RAD", "CT", "CTH", "NMR", "NMS", "RUS", "OUS", "VUS", "XRC", "RX", "CUS", "EC", "EN", "NRS", "PF"}
)
TYPE = concept_map("0487", "SpecimenType")
ADDITIVE = concept_map("0371", "AdditivePreservative")
METHOD = concept_map("0488", "SpecimenCollectionMethod")
CONDITION = concept_map("0493", "SpecimenCondition")
REJECTED = concept_map("0490", "SpecimenRejectReason")
AVAILABILITY = concept_map("0136", "YesNoIndicator[AvailabilityStatus]")
BODY_SITE = concept_map("0163", "BodySite")
_TEXT = frozenset({2})  # of a CWE: its second component


def specimens(order: Order, numbers: Numbers, context: Context, patient: Reference) -> list[Reference]:
    """The specimens of an order: one an SPM, else the one that OBR describes (OBR[Specimen]).

    An examination by imaging has none.
    """
    if order.specimens:
        of_obr = _of_obr(order, context)
        source = _source(order, context) if len(order.specimens) == 1 else {}
        of_obr |= _collector(order, context)
        found = [specimen(spm, numbers, context, patient, of_obr) for spm in order.specimens]
        for spm, reference in zip(order.specimens, found, strict=True):
            context.describe(reference, **source, note=notes(order.specimen_notes[spm.position], context))
        return found
    obr = order.detail
    if obr is None or obr.name != "OBR" or obr.text(24).strip() in IMAGING:
        return []
    return [specimen_of_obr(obr, numbers, context, patient, _collector(order, context))]


def specimen(
    spm: Segment, numbers: Numbers, context: Context, patient: Reference, of_obr: Element
) -> Reference:
    """SPM[Specimen]; `of_obr` is what the OBR says of the collection, which SPM may state itself."""
    context.use(spm, FIELDS)
    identifiers = _numbers(context, spm.first(2)) + cx_identifiers(context, spm, 31, "specimen")
    shipment = ei_identifier(context, spm.first(32), "SHIP", "shipment")
    container = element(
        type=codeable_concept(context, spm, 27),
        specimenQuantity=quantity(context, spm.first(25)),
        additiveCodeableConcept=codeable_concept(context, spm, 6, ADDITIVE),
    )
    taken = spm.first(17)
    found = resource(
        "Specimen",
        identifier=[*identifiers, *([shipment] if shipment else [])],
        accessionIdentifier=cx_identifier(context, spm.first(30), spm, 30, "accession"),
        status=context.code(AVAILABILITY, spm.text(20).strip(), spm, 20),
        type=codeable_concept(context, spm, 4, TYPE),
        subject=patient,
        receivedTime=times.date_time(context, spm, 18),
        parent=[parent for value in spm.repetitions(3) if (parent := _parent(context, value, patient))],
        collection=element(
            quantity=quantity(context, spm.first(12)),
            method=codeable_concept(context, spm, 7, METHOD),
            bodySite=codeable_concept(context, spm, 8, table="0163"),
            **_collected(context, taken, spm, of_obr),
        ),
        container=[container] if container else [],
        condition=codeable_concepts(context, spm, 24, CONDITION)
        + codeable_concepts(context, spm, 21, REJECTED),
        note=[{"text": text} for value in spm.repetitions(14) if (text := value.text(1).strip())],
    )
    identifier, own = _identity(context, spm, identifiers)
    key = own or (*numbers.report, "specimen", spm.text(1))
    return context.put(found, identifier, *key, *([patient["reference"]] if own else []))


def _of_obr(order: Order, context: Context) -> Element:
    """OBR-7, OBR-8 and OBR-10: when a specimen was collected and by whom, as parts of its collection."""
    obr = order.detail
    if obr is None or obr.name != "OBR":
        return {}
    context.use(obr, frozenset({7, 8, 10}))
    collector = practitioner(context, obr, 10) if obr.raw(10) else None
    return element(
        collector=collector, fastingStatusCodeableConcept=_fasting(obr, context), **collected(obr, context)
    )


def _fasting(obr: Segment, context: Context) -> Element | None:
    """OBR-13, where it is about fasting."""
    return next((one for one in codeable_concepts(context, obr, 13) if is_fasting(one)), None)


def _collector(order: Order, context: Context) -> Element:
    """The PRT of who collected the specimens (SC), which newer messages have for OBR-10."""
    parts = (one for one in participants(order, context) if one.code == COLLECTING)
    return element(collector=next((one.who for one in parts), None))


def _source(order: Order, context: Context) -> Element:
    """OBR-14 and OBR-15.1: when a specimen came and what it is, where its SPM does not say so."""
    obr, spm = order.detail, order.specimens[0]
    if obr is None or obr.name != "OBR":
        return {}
    found: Element = {}
    if obr.raw(14) and not spm.raw(18):
        context.use(obr, frozenset({14}))
        found["receivedTime"] = times.date_time(context, obr, 14)
    if obr.raw(15) and not spm.raw(4):
        context.use(obr, frozenset({15}))
        found["type"] = concept_of(context, obr.first(15).part(1), obr, 15, TYPE)
    return found


def specimen_of_obr(
    obr: Segment, numbers: Numbers, context: Context, patient: Reference, of_part: Element
) -> Reference:
    """OBR[Specimen] and SPS[Specimen-Source]: the specimen of an order without an SPM."""
    context.use(obr, OBR_FIELDS)
    source = obr.first(15)
    additive = concept_of(context, source.part(2), obr, 15, ADDITIVE) if source.part(2) else None
    condition = concept_of(context, source.part(6), obr, 15, CONDITION) if source.part(6) else None
    texts = (source.text(3).strip(), *_collectors_comments(obr, context))
    found = resource(
        "Specimen",
        type=concept_of(context, source.part(1), obr, 15, TYPE) if source.part(1) else None,
        subject=patient,
        receivedTime=times.date_time(context, obr, 14),
        collection=element(
            collector=practitioner(context, obr, 10) or of_part.get("collector"),
            quantity=quantity(context, obr.first(9)),
            bodySite=concept_of(context, source.part(4), obr, 15, BODY_SITE) if source.part(4) else None,
            fastingStatusCodeableConcept=_fasting(obr, context),
            **collected(obr, context),
        ),
        container=[{"additiveCodeableConcept": additive}] if additive else [],
        condition=[condition] if condition else [],
        note=[{"text": text} for text in texts if text],
    )
    return context.put(found, None, *numbers.report, "specimen")


def _collectors_comments(obr: Segment, context: Context) -> list[str]:
    """OBR-39: the texts of its codes, or a code that has none."""
    found = []
    for value in obr.repetitions(39):
        text = value.text(2)
        context.reads(obr, 39, _TEXT if text else FIRST)
        found.append(text or value.text(1))
    return found


def collected(obr: Segment, context: Context) -> Element:
    """OBR-7 and OBR-8 as the time of collection."""
    taken = times.between(context, obr, 7, 8)
    return {"collectedPeriod": taken} if "end" in taken else element(collectedDateTime=taken.get("start"))


def _collected(context: Context, taken: Value, spm: Segment, of_obr: Element) -> Element:
    """SPM-17, else the time of the OBR; and the collector of the OBR."""
    if not taken:
        return of_obr
    who = {name: part for name, part in of_obr.items() if not name.startswith("collected")}
    if taken.text(2):
        return who | element(collectedPeriod=times.period(context, taken, spm, 17))
    return who | element(collectedDateTime=times.date_time_of(context, taken.text(1), spm, 17))


def _parent(context: Context, eip: Value, patient: Reference) -> Reference | None:
    """The specimen that another one was taken from, as far as its numbers tell."""
    numbers = _numbers(context, eip)
    if not numbers:
        return None
    found = resource("Specimen", identifier=numbers, subject=patient)
    return context.put(found, None, "specimen", numbers[-1]["value"], patient["reference"])


def _numbers(context: Context, eip: Value) -> list[Element]:
    """EIP: the placer's number, then the filler's."""
    found = (
        ei_identifier(context, eip.part(1), "PGN", "specimen-placer"),
        ei_identifier(context, eip.part(2), "FGN", "specimen"),
    )
    return [one for one in found if one]


def _identity(
    context: Context, spm: Segment, identifiers: list[Element]
) -> tuple[Element | None, tuple[str, ...]]:
    """The filler's number with its authority, else the placer's; without an authority a key."""
    stated = spm.first(2)
    for component in (2, 1):
        part = stated.part(component)
        if part and (part.text(2) or part.text(3)):
            wanted = part.text(1).strip()
            return next((one for one in identifiers if one["value"] == wanted), None), ()
    return None, ("specimen", identifiers[-1]["value"]) if identifiers else ()
