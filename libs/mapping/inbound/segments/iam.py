"""IAM -> AllergyIntolerance.

Source: v2-to-FHIR IG 1.0.0, IAM[AllergyIntolerance].
"""

from collections.abc import Sequence

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import code_text, codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.identifiers import ei_identifier
from libs.mapping.inbound.datatypes.names import human_names, spelled
from libs.mapping.inbound.datatypes.practitioners import practitioner
from libs.mapping.inbound.element import NO_ERROR, Element, code_key, concept, element, resource
from libs.mapping.inbound.segments.al1 import CATEGORY, CLINICAL, CRITICALITY, SEVERITY, TYPE, alternates
from libs.mapping.inbound.segments.nk1 import RELATIONSHIP
from libs.mapping.inbound.segments.nte import notes

FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 15, 17, 23, 24, 27})
IAR_FIELDS = frozenset({1, 2, 4})
VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
_STATUS = {"A": "active", "ACTIVE": "active", "I": "inactive", "INACTIVE": "inactive", "RESOLVED": "resolved"}
_DELETED = "D"  # IAM-6, table 0206


def allergy(
    iam: Segment, context: Context, patient: Reference, following: Sequence[Segment] = ()
) -> Reference | None:
    """The allergy one IAM states, with the NTE and IAR that follow; None when it names no allergen."""
    context.use(iam, FIELDS)
    code = _code(iam, context)
    if code is None:
        context.warn(iam, 3, "no allergen: the segment is left out")
        return None
    kind, severity = code_text(iam, 2), code_text(iam, 4)
    category = context.code(CATEGORY, kind, iam, 2)
    identifier = ei_identifier(context, iam.first(7), purpose="allergy")
    onset = times.date_time(context, iam, 11)
    deleted = iam.text(6).strip() == _DELETED
    reactions = codeable_concepts(context, iam, 5)
    reporter = _reporter(iam, context, patient)
    recorder = practitioner(context, iam, 23)
    found = resource(
        "AllergyIntolerance",
        identifier=[identifier] if identifier else [],
        clinicalStatus=None
        if deleted
        else concept(CLINICAL, _STATUS.get(code_text(iam, 17).upper(), "active")),
        verificationStatus=concept(VERIFICATION, "entered-in-error") if deleted else None,
        type=context.code(TYPE, kind, iam, 2),
        category=[category] if category else [],
        _category=alternates(codeable_concept(context, iam, 2, table="0127") if kind else None, one=False),
        criticality=context.code(CRITICALITY, severity, iam, 4),
        _criticality=alternates(codeable_concept(context, iam, 4, table="0128") if severity else None),
        code=code,
        patient=patient,
        onsetDateTime=onset,
        onsetString=None if onset else iam.text(12).strip(),
        recordedDate=times.date_time(context, iam, 13) or times.date_time(context, iam, 24),
        recorder=recorder or reporter,
        asserter=reporter if recorder else None,
        note=notes([one for one in following if one.name == "NTE"], context),
        reaction=[
            *(
                [element(manifestation=reactions, severity=context.code(SEVERITY, severity, iam, 4))]
                if reactions
                else []
            ),
            *(found for one in following if one.name == "IAR" and (found := _reaction(one, context))),
        ],
    )
    gone = "clinicalStatus" if deleted else NO_ERROR
    return context.put(found, None, patient["reference"], *code_key(code), remove=(gone,))


def _reaction(iar: Segment, context: Context) -> Element | None:
    """IAR, None when it names no reaction."""
    context.use(iar, IAR_FIELDS)
    manifestation = codeable_concepts(context, iar, 1)
    if not manifestation:
        return None
    return element(
        manifestation=manifestation,
        severity=context.code(SEVERITY, code_text(iar, 2), iar, 2),
        note=[{"text": text}] if (text := iar.text(4).strip()) else [],
    )


def _reporter(iam: Segment, context: Context, patient: Reference) -> Reference | None:
    """IAM-14: the patient, a relative (IAM-15), or without a relationship a practitioner."""
    if code_text(iam, 15).upper() == "SEL":
        return patient
    names = human_names(context, iam, 14)
    if not names:
        return None
    relationship = codeable_concept(context, iam, 15, RELATIONSHIP)
    if relationship is None:
        found = resource("Practitioner", name=names)
        return context.put(found, None, context.facility, spelled(names))
    found = resource("RelatedPerson", patient=patient, relationship=[relationship], name=names)
    return context.put(found, None, patient["reference"], spelled(names), iam.text(15).strip())


def _code(iam: Segment, context: Context) -> Element | None:
    """IAM-3, with the code that a clinician chose for it (IAM-27) after its own."""
    code, chosen = codeable_concept(context, iam, 3), codeable_concept(context, iam, 27)
    if code is None or chosen is None:
        return code or chosen
    codings = [*code.get("coding", []), *chosen.get("coding", [])]
    return {**code, "coding": codings} if codings else code
