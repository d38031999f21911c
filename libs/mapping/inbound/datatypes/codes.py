"""CE, CWE, CNE, CF, ID, IS -> CodeableConcept, Coding, code.

Source: v2-to-FHIR IG 1.0.0, CE[CodeableConcept], CWE[CodeableConcept], CNE[CodeableConcept],
CF[CodeableConcept], CWE[Coding], CWE[code], ID[CodeableConcept], IS[CodeableConcept].
"""

from libs.hl7v2.message import NULL, Delimiters, Segment, Value
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.element import Element, coding
from libs.terminology.code_systems import system_uri
from libs.terminology.concept_map import V2_TABLE, ConceptMap

# The components that are read: of a CWE, and of one of which only the first coding is carried.
CWE = frozenset(range(1, 15))
CODING = frozenset({1, 2, 3, 7, 14})
# The triplets of CWE: identifier, text, coding system, version. CE ends after the second.
_TRIPLETS = ((1, 2, 3, 7), (4, 5, 6, 8), (10, 11, 12, 13))
_LOCAL = "L"


def codeable_concept(
    context: Context, segment: Segment, field: int, concepts: ConceptMap | None = None, table: str = ""
) -> Element | None:
    """The first repetition of the field as a CodeableConcept; None when it says nothing."""
    value = segment.first(field)
    return concept_of(context, value, segment, field, concepts, table=table) if value else None


def codeable_concepts(
    context: Context, segment: Segment, field: int, concepts: ConceptMap | None = None, table: str = ""
) -> list[Element]:
    """Every repetition of the field as a CodeableConcept."""
    return [
        concept
        for value in segment.repetitions(field)
        if (concept := concept_of(context, value, segment, field, concepts, table=table))
    ]


def concept_of(
    context: Context,
    value: Value,
    segment: Segment,
    field: int,
    concepts: ConceptMap | None = None,
    *,
    table: str = "",
) -> Element | None:
    """A value as a CodeableConcept: up to three codings and the original text.

    With a map, the FHIR coding comes first and the sender's own after it. `table` names the HL7 table
    of a field whose codes need no map, for codes without a coding system.
    """
    raw = value.raw
    if raw.isalnum():  # a code alone, the usual case of ID and IS
        return {"coding": _alone(context, raw, segment, field, concepts, table=table)}
    if value.is_whole:
        context.reads(segment, field, CWE)
    return _concept(context, value, segment, field, concepts, table=table)


def _concept(
    context: Context, value: Value, segment: Segment, field: int, concepts: ConceptMap | None, *, table: str
) -> Element | None:
    said = components(value, segment.delimiters)
    codings: list[Element] = []
    for number, triplet in enumerate(_TRIPLETS[: (len(said) + 2) // 3]):
        if found := _coding(context, said, triplet, table):
            if context.config.translations:
                codings += _translated(context, found["code"], _at(said, triplet[2]), segment, field)
            if number == 0 and concepts is not None:
                codings += _mapped(context, found, segment, field, concepts)
            else:
                codings.append(found)
    text = _at(said, 9) or ("" if _at(said, 1) else _at(said, 2)) or ("" if codings else _at(said, 5))
    concept: Element = {"coding": codings} if codings else {}
    if text:
        concept["text"] = text
    return concept or None


def components(value: Value, delimiters: Delimiters) -> list[str]:
    """The components of a value, each as its text without space around it."""
    raw, count = value.raw, value.component_count
    parts = raw.split(delimiters.component)
    if len(parts) != count or delimiters.subcomponent in raw or delimiters.escape in raw:
        return [part.text().strip() for part in value.parts()] if raw else []
    return ["" if part == NULL else part.strip() for part in parts]  # one split, where that is all


def coding_of(
    context: Context, segment: Segment, field: int, concepts: ConceptMap | None = None, table: str = ""
) -> Element | None:
    """The field as one Coding, the FHIR one if a map knows it."""
    value = segment.first(field)
    if value.raw.isalnum():
        return _alone(context, value.raw, segment, field, concepts, table=table)[0]
    concept = _concept(context, value, segment, field, concepts, table=table) if value else None
    if concept is None:
        return None
    context.reads(segment, field, CODING)
    codings = concept.get("coding")
    return codings[0] if codings else {"display": concept["text"]}


def code_text(segment: Segment, field: int) -> str:
    """The code of a CWE or IS field, without space around it."""
    return segment.text(field).strip()


def code_system(context: Context, name: str, oid: str = "") -> str | None:
    """The URI of the coding system that the message calls `name`; None when it names none."""
    name = name.strip()
    if not name and not oid:
        return None
    if own := context.config.code_systems.get(name):
        return own
    if known := system_uri(name):
        return known
    if oid and (known := system_uri(oid)):
        return known
    if name.upper() == _LOCAL:
        return context.local("codes", context.facility)
    return context.local("codes", name)


def _alone(
    context: Context, code: str, segment: Segment, field: int, concepts: ConceptMap | None, *, table: str
) -> list[Element]:
    if concepts is not None:
        return _mapped(context, {"code": code}, segment, field, concepts)
    return [{"system": V2_TABLE + table, "code": code}] if table else [{"code": code}]


def _coding(
    context: Context, said: list[str], triplet: tuple[int, int, int, int], table: str
) -> Element | None:
    """One triplet; None when it has no code (a text alone is the concept's text)."""
    code, display, system, version = triplet
    if not _at(said, code):
        return None
    found: Element = {}
    named = _at(said, system)
    if uri := code_system(context, named, _at(said, 14) if code == 1 and not named else ""):
        found["system"] = uri
    elif table and code == 1:
        found["system"] = V2_TABLE + table
    if edition := _at(said, version):
        found["version"] = edition
    found["code"] = " ".join(said[code - 1].split())
    if meaning := _at(said, display):
        found["display"] = meaning
    return found


def _translated(context: Context, code: str, system: str, segment: Segment, field: int) -> list[Element]:
    """What the organization says that a code of a sender's own coding system is elsewhere."""
    known = context.config.translations.get(system)
    if known is None:
        return []
    target = known.get(code)
    if target is None:
        context.uncoded(system, code, segment, field)
    return [coding(target.system, target.code)] if target else []


def _at(said: list[str], number: int) -> str:
    return said[number - 1] if len(said) >= number else ""


def _mapped(
    context: Context, own: Element, segment: Segment, field: int, concepts: ConceptMap
) -> list[Element]:
    """The coding that the map gives, then the sender's own where it says something else."""
    system = concepts.source_system
    if own.get("system", system) != system:
        return [own]  # from another code system: the map does not speak of it
    target = context.target(concepts, own["code"], segment, field)
    if target is None:
        return [own]
    own = {"system": system} | own
    if not target:
        return [own]
    mapped = coding(target.system, target.code, target.display)
    return [mapped | own] if target.system == system and target.code == own["code"] else [mapped, own]
