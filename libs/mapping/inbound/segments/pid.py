"""PID -> Patient, Account, RelatedPerson, Provenance.

Source: v2-to-FHIR IG 1.0.0, PID[Patient], PID[Account], PID[Provenance-Patient], CX[RelatedPerson-Mother].
Beyond it: PID-10 and PID-22 as US Core race and ethnicity where the jurisdiction is the US.
"""

import re

from libs.fhir.parts import as_part
from libs.hl7v2.message import Segment, State
from libs.mapping.inbound.context import Context, Reference, removed
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, codeable_concepts
from libs.mapping.inbound.datatypes.contacts import addresses, telecoms
from libs.mapping.inbound.datatypes.identifiers import (
    TYPE_SYSTEM,
    cx_identifier,
    cx_identifiers,
    national_identifier,
    national_nulls,
)
from libs.mapping.inbound.datatypes.names import human_names, name_text
from libs.mapping.inbound.datatypes.numbers import positive_integer
from libs.mapping.inbound.datatypes.organizations import organization_of_hd
from libs.mapping.inbound.element import (
    OWN,
    Element,
    absent,
    concept,
    element,
    extension,
    resource,
    words,
)
from libs.mapping.inbound.identity import preferred
from libs.terminology.concept_map import concept_map

FIELDS = frozenset(
    {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26}
)
FIELDS |= frozenset({27, 28, 29, 30, 31, 33, 34, 35, 36, 39, 40})

_FHIR = "http://hl7.org/fhir/StructureDefinition/"
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
VETERAN = OWN + "patient-veteran-status"
IDENTITY_UNKNOWN = OWN + "patient-identity-unknown"
DATA_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"

NULLS = {
    5: ("name:main",),
    6: (f"extension:{_FHIR}patient-mothersMaidenName",),
    7: ("birthDate",),
    8: ("gender",),
    9: ("name:alias",),
    10: (f"extension:{_US_CORE}race",),
    11: ("address:main",),
    12: ("address:county",),
    13: ("telecom:home",),
    14: ("telecom:work",),
    15: ("communication",),
    16: ("maritalStatus",),
    17: (f"extension:{_FHIR}patient-religion",),
    22: (f"extension:{_US_CORE}ethnicity",),
    23: (f"extension:{_FHIR}patient-birthPlace",),
    24: ("multipleBirthBoolean", "multipleBirthInteger"),
    25: ("multipleBirthBoolean", "multipleBirthInteger"),
    26: (f"extension:{_FHIR}patient-citizenship",),
    27: (f"extension:{VETERAN}",),
    28: (f"extension:{_FHIR}patient-nationality",),
    29: ("deceasedBoolean", "deceasedDateTime"),
    30: ("deceasedBoolean", "deceasedDateTime"),
    31: (f"extension:{IDENTITY_UNKNOWN}",),
    39: (f"extension:{_FHIR}patient-citizenship",),
    40: ("telecom:any",),
}

SEX = concept_map("0001", "AdministrativeSex")
MARITAL_STATUS = concept_map("0002", "MaritalStatus")
RELIGION = concept_map("0006", "Religion")
YES_NO = concept_map("0136", "YesNoIndicator")

_CDC_RACE = "urn:oid:2.16.840.1.113883.6.238"
_OMB = {
    "race": frozenset({"1002-5", "2028-9", "2054-5", "2076-8", "2106-3", "2131-1"}),
    "ethnicity": frozenset({"2135-2", "2186-5"}),
}
_CDC_CODE = re.compile(r"\d{4}-\d$")


_CLOSING = frozenset({"P02", "P06"})  # BAR: the account is purged, or ended


def patient(pid: Segment, context: Context) -> Element:
    """PID[Patient]."""
    context.use(pid, FIELDS)
    birth = times.date_time(context, pid, 7)
    found = resource(
        "Patient",
        extension=_extensions(pid, context),
        identifier=identifiers(pid, context),
        name=human_names(context, pid, 5) + as_part("Patient", "name", "alias", human_names(context, pid, 9)),
        telecom=[
            *as_part("Patient", "telecom", "home", telecoms(context, pid, 13, "home")),
            *as_part("Patient", "telecom", "work", telecoms(context, pid, 14, "work")),
            *as_part("Patient", "telecom", "any", telecoms(context, pid, 40)),
        ],
        gender=context.code(SEX, pid.text(8).strip(), pid, 8),
        birthDate=birth[:10] if birth else None,
        deceasedDateTime=times.date_time(context, pid, 29),
        address=_addresses(pid, context),
        maritalStatus=codeable_concept(context, pid, 16, MARITAL_STATUS),
        communication=_communication(pid, context),
    )
    if birth and len(birth) > 10:
        found["_birthDate"] = {"extension": extension(_FHIR + "patient-birthTime", valueDateTime=birth)}
    if "deceasedDateTime" not in found and (dead := _yes_no(pid, 30, context)) is not None:
        found["deceasedBoolean"] = dead
    return found | _multiple_birth(pid, context)


def identity(found: Element, context: Context) -> Element | None:
    """The identifier by which the patient is found again, by the organization's rules."""
    config = context.config
    stated = found.get("identifier", ())
    return preferred(stated, config.patient_systems, config.patient_identifier_types)


def nulls(pid: Segment, found: Element, context: Context) -> list[str]:
    """What of the Patient the PID deletes."""
    gone = removed(pid, NULLS, found)
    if pid.state(19) is State.NULL:
        gone += national_nulls(context)
    return gone


def identifiers(pid: Segment, context: Context) -> list[Element]:
    """PID-3, then PID-2, PID-4, PID-19 and PID-20; each number once."""
    found = (
        cx_identifiers(context, pid, 3) + cx_identifiers(context, pid, 2) + cx_identifiers(context, pid, 4)
    )
    if national := national_identifier(context, pid.text(19)):
        found.append(national)
    if licence := pid.text(20).strip():
        state = pid.text(20, 2).strip()
        found.append(
            element(
                type=concept(TYPE_SYSTEM, "DL"),
                system=context.local("drivers-license", *([state] if state else [])),
                value=licence,
                period=element(end=times.date_time_of(context, pid.text(20, 3), pid, 20)),
            )
        )
    return list({(one["system"], one["value"]): one for one in reversed(found)}.values())[::-1]


def account_number(pid: Segment, context: Context) -> Element | None:
    """PID-18 as an Identifier, None when it is not valued."""
    return cx_identifier(context, pid.first(18), pid, 18, "account")


def account(pid: Segment, context: Context, subject: Reference) -> Reference | None:
    """PID[Account]: PID-18, None when it is not valued."""
    number = account_number(pid, context)
    if number is None:
        return None
    if context.event in _CLOSING:
        return context.put(
            resource("Account", identifier=[number], status="inactive", subject=[subject]), number
        )
    return context.put(
        resource("Account", identifier=[number], status="active", subject=[subject]), number, keep=("status",)
    )


def mother(pid: Segment, context: Context, subject: Reference) -> None:
    """CX[RelatedPerson-Mother]: each number of PID-21."""
    for number in cx_identifiers(context, pid, 21):
        context.put(
            resource(
                "RelatedPerson",
                identifier=[number],
                patient=subject,
                relationship=[concept("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "MTH", "mother")],
            ),
            None,
            subject["reference"],
            "mother",
            number["system"],
            number["value"],
        )


def last_update(pid: Segment, context: Context, subject: Reference) -> None:
    """PID[Provenance-Patient]: PID-33 and PID-34; who sent the message, where PID-34 is not valued."""
    when = times.date_time(context, pid, 33)
    facility = organization_of_hd(context, pid.first(34)) if pid.raw(34) else None
    if when is None and facility is None:
        return
    who = facility or organization_of_hd(context, context.message.header.first(4))
    recorded = times.instant(context, context.message.header, 7) if context.sent else None
    found = resource(
        "Provenance",
        target=[subject],
        occurredDateTime=when,
        recorded=recorded,
        activity=concept(DATA_OPERATION, "UPDATE"),
        agent=[{"type": concept(PARTICIPANT, "performer"), "who": who or {"display": "unknown"}}],
    )
    if recorded is None:
        found["_recorded"] = absent("unknown")
    context.put(found, None, subject["reference"], "last-update", pid.text(33), merge=False)


def _addresses(pid: Segment, context: Context) -> list[Element]:
    found = addresses(context, pid, 11)
    county = pid.text(12).strip()
    if not county or any(one.get("district") == county for one in found):
        return found
    if len(found) == 1 and "district" not in found[0]:
        return [found[0] | {"district": county}]
    return [*found, *as_part("Patient", "address", "county", [{"district": county}])]


def _communication(pid: Segment, context: Context) -> list[Element]:
    language = codeable_concept(context, pid, 15)
    return [{"language": language}] if language else []


def _multiple_birth(pid: Segment, context: Context) -> Element:
    order = positive_integer(pid.text(25))
    if order is not None:
        return {"multipleBirthInteger": order}
    multiple = _yes_no(pid, 24, context)
    return {} if multiple is None else {"multipleBirthBoolean": multiple}


def _yes_no(pid: Segment, field: int, context: Context) -> bool | None:
    code = context.code(YES_NO, pid.text(field).strip(), pid, field)
    return None if code is None else code == "true"


def _extensions(pid: Segment, context: Context) -> list[Element]:
    maiden = pid.first(6)
    found = extension(_FHIR + "patient-mothersMaidenName", valueString=name_text(maiden) if maiden else "")
    if religion := codeable_concept(context, pid, 17, RELIGION):
        found += extension(_FHIR + "patient-religion", valueCodeableConcept=religion)
    if place := pid.text(23).strip():
        found += extension(_FHIR + "patient-birthPlace", valueAddress={"text": place})
    found += [
        _nested("patient-" + name, [{"url": "code", "valueCodeableConcept": code}])
        for field, name in ((26, "citizenship"), (28, "nationality"), (39, "citizenship"))
        for code in codeable_concepts(context, pid, field)
    ]
    if (unknown := _yes_no(pid, 31, context)) is not None:
        found.append({"url": IDENTITY_UNKNOWN, "valueBoolean": unknown})
    if veteran := codeable_concept(context, pid, 27):
        found += extension(VETERAN, valueCodeableConcept=veteran)
    animal = [
        {"url": name, "valueCodeableConcept": kind}
        for field, name in ((35, "species"), (36, "breed"))
        if (kind := codeable_concept(context, pid, field))
    ]
    if animal:
        found.append(_nested("patient-animal", animal))
    return found + _us_core(pid, context)


def _nested(name: str, parts: list[Element]) -> Element:
    return {"url": _FHIR + name, "extension": parts}


def _us_core(pid: Segment, context: Context) -> list[Element]:
    if context.config.jurisdiction != "US":
        return []
    found = []
    for field, name in ((10, "race"), (22, "ethnicity")):
        codes = codeable_concepts(context, pid, field, table="0005" if field == 10 else "0189")
        if parts := [part for code in codes for part in _category(code, name)]:
            texts = [words(code) for code in codes]
            parts.append({"url": "text", "valueString": "; ".join(texts)})
            found.append({"url": _US_CORE + name, "extension": parts})
        elif codes:
            text = {"url": "text", "valueString": "; ".join(words(code) for code in codes)}
            found.append({"url": _US_CORE + name, "extension": [text]})
    return found


def _category(code: Element, name: str) -> list[Element]:
    return [
        {
            "url": "ombCategory" if one["code"] in _OMB[name] else "detailed",
            "valueCoding": element(system=_CDC_RACE, code=one["code"], display=one.get("display")),
        }
        for one in code.get("coding", ())[:1]
        if _CDC_CODE.match(one["code"])
    ]
