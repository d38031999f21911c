"""MRG -> Patient, Account, Encounter: what was known under another number.

Source: v2-to-FHIR IG 1.0.0, MRG[Account]; merges by HL7 v2.5.1 chapter 3, 3.6.2, and FHIR R4 Patient.link.
"""

from collections.abc import Iterable, Sequence

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes.identifiers import cx_identifier, cx_identifiers
from libs.mapping.inbound.datatypes.names import human_names
from libs.mapping.inbound.element import Element, resource
from libs.mapping.inbound.segments import pid

PATIENT_FIELDS = frozenset({1, 2, 4, 7})
ACCOUNT_FIELDS = frozenset({3})
VISIT_FIELDS = frozenset({5, 6})


def prior_identifiers(mrg: Segment, context: Context) -> list[Element]:
    """MRG-1, MRG-2 and MRG-4: the numbers of the patient that are not to be used any more."""
    context.use(mrg, PATIENT_FIELDS)
    stated = [
        *cx_identifiers(context, mrg, 1),
        *cx_identifiers(context, mrg, 4),
        *cx_identifiers(context, mrg, 2),
    ]
    return [old(one) for one in {(one["system"], one["value"]): one for one in reversed(stated)}.values()][
        ::-1
    ]


def merged_patient(mrg: Segment, context: Context, survivor: Reference) -> Reference | None:
    """The patient that was merged away: inactive, replaced by the survivor. None when MRG names nobody."""
    identifiers = prior_identifiers(mrg, context)
    identifier = pid.identity({"identifier": identifiers}, context)
    if identifier is None:
        context.warn(mrg, 1, "no prior patient identifier: nothing is merged")
        return None
    if context.full_url("Patient", identifier["system"], identifier["value"]) == survivor["reference"]:
        context.warn(mrg, 1, "the prior identifier is the surviving one: nothing is merged")
        return None
    found = resource(
        "Patient",
        identifier=identifiers,
        active=False,
        name=human_names(context, mrg, 7),
        link=[{"other": survivor, "type": "replaced-by"}],
    )
    return context.put(found, identifier)


def prior_account(mrg: Segment, context: Context) -> Element | None:
    """MRG-3: the number of the account."""
    context.use(mrg, ACCOUNT_FIELDS)
    return cx_identifier(context, mrg.first(3), mrg, 3, "account")


def prior_visit(mrg: Segment, context: Context, *, alternate: bool = False) -> Element | None:
    """MRG-5, else MRG-6: the number of the visit; the other way round for an `alternate` one."""
    context.use(mrg, VISIT_FIELDS)
    first, second = (6, 5) if alternate else (5, 6)
    return cx_identifier(context, mrg.first(first), mrg, first, "visit") or cx_identifier(
        context, mrg.first(second), mrg, second, "visit"
    )


def with_old(numbers: Sequence[Element], prior: Iterable[Element]) -> list[Element]:
    """The numbers of now, and those of before that are not among them."""
    current = {(one["system"], one["value"]) for one in numbers}
    return [*numbers, *(old(one) for one in prior if (one["system"], one["value"]) not in current)]


def old(identifier: Element) -> Element:
    """The identifier as one that is not to be used any more."""
    return {"use": "old"} | identifier
