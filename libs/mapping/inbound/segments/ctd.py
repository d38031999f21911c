"""CTD -> RelatedPerson; BLG -> Account.

Source: the guide has no maps. HL7 v2.5.1 chapter 11, 11.6.4 (CTD) and chapter 4, 4.5.2 (BLG).
"""

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes.codes import codeable_concept
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.identifiers import cx_identifier
from libs.mapping.inbound.datatypes.names import human_names, spelled
from libs.mapping.inbound.element import resource
from libs.mapping.inbound.segments.nk1 import CONTACT_ROLE

CTD_FIELDS = frozenset({1, 2, 3, 5})
BLG_FIELDS = frozenset({3})


def contact(ctd: Segment, context: Context, patient: Reference) -> Reference | None:
    """CTD as a RelatedPerson, None when it names nobody."""
    context.use(ctd, CTD_FIELDS)
    names = human_names(context, ctd, 2)
    if not names:
        return None
    role = codeable_concept(context, ctd, 1, CONTACT_ROLE)
    found = resource(
        "RelatedPerson",
        patient=patient,
        relationship=[role] if role else [],
        name=names,
        telecom=telecoms(context, ctd, 5),
        address=addresses(context, ctd, 3),
    )
    return context.put(found, None, patient["reference"], spelled(names), ctd.text(1).strip())


def account(blg: Segment, context: Context, patient: Reference) -> Reference | None:
    """BLG-3 as an Account to be charged, None when it is not valued."""
    context.use(blg, BLG_FIELDS)
    number = cx_identifier(context, blg.first(3), blg, 3, "account")
    if number is None:
        return None
    found = resource("Account", identifier=[number], status="active", subject=[patient])
    return context.put(found, number, keep=("status",))
