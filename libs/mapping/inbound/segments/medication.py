"""RXO, RXE, RXD, RXG, RXA, RXC -> Medication: which drug, in which form, strength and batch.

Source: v2-to-FHIR IG 1.0.0, RXO[MedicationRequest] (its rows of Medication); the other segments hold the same
facts under other numbers.
"""

from collections.abc import Sequence
from typing import NamedTuple

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.datatypes.numbers import decimal, units
from libs.mapping.inbound.datatypes.organizations import organization_of_cwe
from libs.mapping.inbound.element import DATA_ABSENT, Element, element, resource

RXC_FIELDS = frozenset({1, 2, 3, 4})
_STRENGTH_OF_RXC = (5, 6, 8, 9)


class Product(NamedTuple):
    """The fields that say what a drug is; 0 where the segment has none for it."""

    code: int
    form: int
    strength: int
    strength_unit: int
    volume: int
    volume_unit: int
    lot: int = 0
    expires: int = 0
    manufacturer: int = 0


PRODUCTS = {
    "RXO": Product(1, 5, 18, 19, 25, 26),
    "RXE": Product(2, 6, 25, 26, 33, 34),
    "RXD": Product(2, 6, 16, 17, 28, 29, 18, 19, 20),
    "RXG": Product(4, 8, 17, 18, 23, 24, 19, 20, 21),
    "RXA": Product(5, 8, 13, 14, 23, 24, 15, 16, 17),
}
FIELDS = {name: frozenset(at) - {0} for name, at in PRODUCTS.items()}


def medication(rx: Segment, components: Sequence[Segment], key: tuple[str, ...], context: Context) -> Element:
    """The drug as a `medication[x]`: its code, or a Medication where more is known of it.

    `components` are the RXC, `key` is of the Medication.
    """
    at = PRODUCTS[rx.name]
    context.use(rx, FIELDS[rx.name])
    code, form = codeable_concept(context, rx, at.code), codeable_concept(context, rx, at.form)
    ingredients = [found for rxc in components if (found := _component(rxc, context))]
    if strength := _ratio(rx, (at.strength, at.strength_unit, at.volume, at.volume_unit), context):
        named = code or {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
        ingredients.append({"itemCodeableConcept": named, "strength": strength})
    more = element(form=form, ingredient=ingredients, **_batch(rx, at, context))
    if not more:
        unknown = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
        return {"medicationCodeableConcept": code or unknown}
    found = resource("Medication", code=code, **more)
    return {"medicationReference": context.put(found, None, *key, rx.name, merge=False)}


def _batch(rx: Segment, at: Product, context: Context) -> Element:
    if not at.lot:
        return {}
    expires = [found for value in rx.repetitions(at.expires) if (found := value.text(1))]
    maker = rx.first(at.manufacturer)
    return element(
        manufacturer=organization_of_cwe(context, maker) if maker else None,
        batch=element(
            lotNumber=rx.text(at.lot).strip(),
            expirationDate=times.date_time_of(context, expires[0], rx, at.expires) if expires else None,
        ),
    )


def _component(rxc: Segment, context: Context) -> Element:
    """RXC: an ingredient, active (A) or the base of a solution (B), and how much of it."""
    context.use(rxc, RXC_FIELDS)
    item = codeable_concept(context, rxc, 2)
    if item is None:
        return {}
    amount = _ratio(rxc, (3, 4, 0, 0), context)
    if amount is None and (amount := _ratio(rxc, _STRENGTH_OF_RXC, context)):
        context.use(rxc, frozenset(_STRENGTH_OF_RXC))
    return element(itemCodeableConcept=item, isActive=rxc.text(1).strip() == "A" or None, strength=amount)


def _ratio(segment: Segment, at: tuple[int, int, int, int], context: Context) -> Element | None:
    """An amount and its unit in a volume and its unit (in one, if none is stated); None without an amount."""
    amount, unit, volume, volume_unit = at
    much = decimal(segment.text(amount))
    if much is None:
        return None
    of = decimal(segment.text(volume)) if volume else None
    denominator: Element = {"value": 1}
    if of is not None:
        denominator = {"value": of} | units(context, segment, volume_unit)
    return {"numerator": {"value": much} | units(context, segment, unit), "denominator": denominator}
