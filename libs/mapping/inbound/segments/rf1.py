"""RF1 and PRD -> ServiceRequest: a referral, from whom, to whom.

Source: the guide has no maps. HL7 v2.5.1 chapter 11, 11.6.1 and 11.6.3.
"""

from collections.abc import Sequence

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference, Subject
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.identifiers import assigner, ei_identifier, facility_uri
from libs.mapping.inbound.datatypes.locations import location
from libs.mapping.inbound.datatypes.names import human_names, spelled
from libs.mapping.inbound.datatypes.numbers import quantity
from libs.mapping.inbound.datatypes.organizations import organization
from libs.mapping.inbound.datatypes.practitioners import practitioners
from libs.mapping.inbound.datatypes.practitioners import role as role_in
from libs.mapping.inbound.element import Element, concept, element, resource
from libs.mapping.inbound.segments.nte import notes

FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 19, 20, 24, 25})
PRD_FIELDS = frozenset({1, 2, 3, 4, 5, 7, 10, 11, 13})
_STATUS = {"A": "active", "P": "on-hold", "R": "revoked", "E": "completed"}  # table 0283
_PRIORITY = {"S": "stat", "A": "asap", "R": "routine"}  # table 0280
_DELETED = "D"  # RF1-25, table 0206
_REFERRAL = concept("http://snomed.info/sct", "3457005", "Patient referral")
_REFERRED_TO, _REFERRED_BY = "RT", "RP"  # table 0286


def referral(
    rf1: Segment,
    providers: Sequence[Segment],
    context: Context,
    subject: Subject,
    comments: Sequence[Segment] = (),
) -> Reference:
    """RF1 as a ServiceRequest; the providers (PRD) are who refers and who is referred to.

    `comments` are the notes (NTE) on the referral.
    """
    context.use(rf1, FIELDS)
    numbers = [ei_identifier(context, rf1.first(field), purpose="referral") for field in (6, 11)]
    identifiers = [one for one in numbers if one]
    people = [(prd.text(1).strip(), who) for prd in providers if (who := provider(prd, context))]
    authorizing = organization(context, rf1, 19)
    requesters = practitioners(context, rf1, 20) or [who for role, who in people if role == _REFERRED_BY]
    category = codeable_concept(context, rf1, 5, table="0284")
    found = resource(
        "ServiceRequest",
        identifier=identifiers,
        status=_status(rf1, context),
        intent="order",
        category=[_REFERRAL, *([category] if category else [])],
        priority=_PRIORITY.get(rf1.text(2).strip()),
        code=codeable_concept(context, rf1, 3, table="0281"),
        subject=subject.patient,
        encounter=subject.encounter,
        quantityQuantity=quantity(context, rf1.first(15)),
        occurrencePeriod=times.between(context, rf1, 7, 8),
        authoredOn=times.date_time(context, rf1, 9) or times.date_time(context, rf1, 7),
        requester=requesters[0] if requesters else None,
        performer=[
            *([authorizing] if authorizing else []),
            *(who for role, who in people if role == _REFERRED_TO),
        ],
        reasonCode=_reasons(rf1, context),
        note=[
            *({"text": text} for text in [(rf1.text(24, 2) or rf1.text(24)).strip()] if text),
            *notes(comments, context),
        ],
    )
    if details := codeable_concepts(context, rf1, 4, table="0282"):
        if "code" in found:
            found["orderDetail"] = details
        else:
            context.warn(rf1, 4, "details of a referral whose type is not named (RF1-3) are left out")
    number = identifiers[0]["value"] if identifiers else context.control_id
    return context.put(found, None, subject.key, "referral", number)


def _status(rf1: Segment, context: Context) -> str:
    """A cancelled referral (I14) is revoked whatever RF1-1 says; one that was only sent is active."""
    if rf1.text(25).strip() == _DELETED:
        return "entered-in-error"
    if context.type == "REF" and context.event == "I14":
        return "revoked"
    return _STATUS.get(rf1.text(1).strip()) or ("active" if context.event == "I12" else "unknown")


def provider(prd: Segment, context: Context) -> Reference | None:
    """PRD as a Practitioner, in a role for the organization of PRD-10; None when it names nobody."""
    context.use(prd, PRD_FIELDS)
    more = element(address=addresses(context, prd, 11), telecom=telecoms(context, prd, 13))
    facility = organization(context, prd, 10, **more)
    names, numbers = human_names(context, prd, 2), _numbers(prd, context)
    place = location(context, prd, 4)
    if not names and not numbers:
        return facility or place
    found = resource(
        "Practitioner",
        identifier=numbers,
        name=names,
        address=addresses(context, prd, 3),
        telecom=telecoms(context, prd, 5),
    )
    person = context.put(found, numbers[0] if numbers else None, context.facility, spelled(names))
    return role_in(context, person, None, facility) if facility else person


def _numbers(prd: Segment, context: Context) -> list[Element]:
    """PRD-7, a PLN: number, kind of number, state."""
    return [
        element(
            system=facility_uri(context, value.text(2).strip() or "provider"),
            value=number,
            assigner=assigner(value.part(3)),
        )
        for value in prd.repetitions(7)
        if (number := value.text(1).strip())
    ]


def _reasons(rf1: Segment, context: Context) -> list[Element]:
    text = rf1.text(14).strip()
    return codeable_concepts(context, rf1, 10, table="0336") + ([{"text": text}] if text else [])
