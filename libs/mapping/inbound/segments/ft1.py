"""FT1 -> ChargeItem, Procedure.

Source: the guide has no map. HL7 v2.5.1 chapter 6, 6.5.1.
"""

from decimal import Decimal

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.identifiers import cx_identifiers, ei_identifier, facility_uri
from libs.mapping.inbound.datatypes.locations import location
from libs.mapping.inbound.datatypes.numbers import decimal, quantity
from libs.mapping.inbound.datatypes.organizations import organization, organization_of_cwe
from libs.mapping.inbound.datatypes.practitioners import practitioner, practitioners
from libs.mapping.inbound.element import Element, code_key, concept, element, resource
from libs.mapping.inbound.segments.rx import prescription_number

FIELDS = frozenset(
    {1, 2, 4, 5, 6, 7, 8, 9, 10, 13, 16, 19, 20, 21, 23, 24, 25, 26, 29, 32, 33, 38, 39, 42, 43}
)
_STATUS = {
    "CG": "billable",
    "CD": "not-billable",
    "PY": "billed",
    "AJ": "billable",
    "CO": "planned",
}  # table 0017
ORDERED = concept("http://terminology.hl7.org/CodeSystem/v2-0443", "OP", "Ordering Provider")
_CURRENCY = 3  # letters of an ISO 4217 code


def charge_item(ft1: Segment, context: Context, subject: Subject, account: Reference | None) -> Reference:
    """FT1 as a ChargeItem, with the procedure that was charged (FT1-25) as its service."""
    context.use(ft1, FIELDS)
    kind = ft1.text(6).strip()
    number = ft1.text(2).strip()
    amount = decimal(ft1.text(10))
    period = times.period(context, ft1.first(4), ft1, 4)
    orders = [ei_identifier(context, ft1.first(23), "FILL", "filler")]
    services = (_procedure(ft1, context, subject), _dispense(ft1, context, subject))
    product = codeable_concept(context, ft1, 29)
    found = resource(
        "ChargeItem",
        identifier=[{"system": facility_uri(context, "transaction"), "value": number}] if number else [],
        status=_STATUS.get(kind, "unknown"),
        code=codeable_concept(context, ft1, 7) or {"text": ft1.text(8).strip() or "unknown"},
        subject=subject.patient,
        context=subject.encounter,
        **_occurrence(period),
        performer=[
            *({"actor": person} for person in practitioners(context, ft1, 20)),
            *({"function": ORDERED, "actor": person} for person in practitioners(context, ft1, 21)),
        ],
        performingOrganization=_performing(ft1, context),
        requestingOrganization=organization(context, ft1, 33),
        quantity={"value": amount} if amount is not None else None,
        priceOverride=_price(ft1, context),
        enterer=practitioner(context, ft1, 24),
        enteredDate=times.date_time(context, ft1, 5),
        reason=codeable_concepts(context, ft1, 19),
        service=[service for service in services if service],
        productCodeableConcept=product,
        account=[account] if account else [],
        supportingInformation=[
            *({"type": "ServiceRequest", "identifier": one} for one in orders if one),
            *({"type": "ServiceRequest", "identifier": one} for one in cx_identifiers(context, ft1, 38)),
            *({"type": "ClaimResponse", "identifier": one} for one in cx_identifiers(context, ft1, 39)),
            *([place] if (place := location(context, ft1, 16)) else []),
        ],
        note=[{"text": text}] if (text := ft1.text(9).strip()) else [],
    )
    key = (number,) if number else (ft1.text(4), ft1.text(7), ft1.text(1), context.control_id)
    return context.put(found, None, subject.key, *key)


def _performing(ft1: Segment, context: Context) -> Reference | None:
    """The department (FT1-13) of the facility (FT1-32), or the one of them that is stated."""
    facility, stated = organization(context, ft1, 32), ft1.first(13)
    department = organization_of_cwe(context, stated) if stated else None
    if department is not None and facility is not None and department != facility:
        context.describe(department, partOf=facility)
    return department or facility


def _procedure(ft1: Segment, context: Context, subject: Subject) -> Reference | None:
    code = codeable_concept(context, ft1, 25)
    if code is None:
        return None
    modifiers = [value.text(1).strip() for value in ft1.repetitions(26)]
    if modifiers and code.get("coding"):  # as PR1-16
        first = code["coding"][0]
        code["coding"] = [first | {"code": ":".join([first["code"], *modifiers])}, *code["coding"]]
    when = times.date_time_of(context, ft1.text(4), ft1, 4)
    found = resource(
        "Procedure",
        status="completed",
        code=code,
        subject=subject.patient,
        encounter=subject.encounter,
        performedDateTime=when,
        performer=[{"actor": person} for person in practitioners(context, ft1, 20)],
        reasonCode=codeable_concepts(context, ft1, 19),
    )
    anchor = (subject.encounter or subject.patient)["reference"]
    return context.put(found, None, anchor, *code_key(code), ft1.text(4))


def _dispense(ft1: Segment, context: Context, subject: Subject) -> Reference | None:
    """FT1-29: the drug that was charged was handed out."""
    drug = codeable_concept(context, ft1, 29)
    if drug is None:
        return None
    number = ft1.text(42).strip()
    found = resource(
        "MedicationDispense",
        status="completed",
        medicationCodeableConcept=drug,
        subject=subject.patient,
        context=subject.encounter,
        identifier=[prescription_number(number, context)] if number else [],
        quantity=quantity(context, ft1.first(43)),
        whenHandedOver=times.date_time_of(context, ft1.text(4), ft1, 4),
    )
    anchor = (subject.encounter or subject.patient)["reference"]
    return context.put(found, None, anchor, ft1.text(29), ft1.text(4), ft1.text(2))


def _occurrence(period: Element) -> Element:
    if "end" in period:
        return {"occurrencePeriod": period}
    return element(occurrenceDateTime=period.get("start"))


def _price(ft1: Segment, context: Context) -> Element | None:
    """The amount as extended (FT1-11), else of the unit (FT1-12), else of its cost (FT1-22)."""
    for field in (11, 12, 22):
        if price := _money(ft1, field):
            context.use(ft1, frozenset({field}))
            return price
    return None


def _money(ft1: Segment, field: int) -> Element | None:
    """CP: an amount (MO: quantity and denomination in subcomponents)."""
    price = ft1.first(field).part(1)
    amount: Decimal | None = decimal(price.text(1))
    currency = price.text(2).strip().upper()
    if amount is None:
        return None
    return element(value=amount, currency=currency if len(currency) == _CURRENCY else None)
