"""CX, EI, EIP, HD, DLN -> Identifier, uri.

An identifier is only worth its system: the organization's authority table first, then what the authority
says of itself (ISO, UUID, DNS, URI), else a stable URI within the organization. One without an authority
belongs to the facility that sent it (MSH-4), for two hospitals may number alike.
Source: v2-to-FHIR IG 1.0.0, CX[Identifier], EI[Identifier-Extension],
EIP[Identifier-PlacerAssignedIdentifier], EIP[Identifier-FillerAssignedIdentifier],
HD[uri], HD[Identifier], DLN[Identifier].
"""

import re

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.element import OWN, Element, concept, element, extension
from libs.terminology.concept_map import concept_map

IDENTIFIER_TYPE = concept_map("0203", "IdentifierType")
LICENCE_TYPE = concept_map("0338", "PractitionerIDNumberType")
TYPE_SYSTEM = "http://terminology.hl7.org/CodeSystem/v2-0203"
CHECK_DIGIT = "http://hl7.org/fhir/StructureDefinition/identifier-checkDigit"
CHECK_DIGIT_SCHEME = "http://hl7.org/fhir/StructureDefinition/namingsystem-checkDigit"
ASSIGNING_FACILITY = OWN + "identifier-assigning-facility"

# The components that are read.
CX = frozenset(range(1, 9))
PLN = frozenset({1, 2, 3, 4})

US_NPI = "http://hl7.org/fhir/sid/us-npi"
US_SSN = "http://hl7.org/fhir/sid/us-ssn"
_NINE_DIGITS = re.compile(r"(?:\D*\d){9}\D*$", re.ASCII)
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*)){2,}$")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
_SCHEMES = ("urn:", "http://", "https://")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+$")
_HOST = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$")
# Registered URIs that stand for the OIDs of the same identifiers.
_REGISTERED = {"2.16.840.1.113883.4.6": US_NPI, "2.16.840.1.113883.4.1": US_SSN}


def cx_identifiers(context: Context, segment: Segment, field: int, purpose: str = "") -> list[Element]:
    """Every CX of the field that has a number, as Identifiers."""
    return [
        identifier
        for value in segment.repetitions(field)
        if (identifier := cx_identifier(context, value, segment, field, purpose))
    ]


def cx_identifier(
    context: Context, cx: Value, segment: Segment, field: int, purpose: str = ""
) -> Element | None:
    """A CX as an Identifier, None without a number.

    `purpose` separates the numbers of one facility that share no authority (visits from patients).
    """
    number = cx.text(1).strip()
    if not number:
        return None
    context.reads(segment, field, CX)
    kind = cx.text(5).strip()
    authority = cx.part(4) or cx.part(6)
    system = US_SSN if kind == "SS" and _is_us(context) and not authority else None
    return element(
        type=identifier_type(context, kind, segment, field),
        system=system or authority_uri(context, authority) or facility_uri(context, purpose),
        value=number,
        period=times.span(context, cx.text(7), cx.text(8), segment, field),
        assigner=assigner(authority),
        extension=_details(context, cx) if cx.component_count > 1 else None,
    )


def pln_identifiers(context: Context, segment: Segment, field: int) -> list[Element]:
    """Every PLN of the field that has a number, as Identifiers: a licence, by default."""
    context.reads(segment, field, PLN)
    found = []
    for value in segment.repetitions(field):
        number, kind = value.text(1).strip(), value.text(2).strip()
        if number:
            qualifier = [part for part in (kind or "licence", value.text(3).strip()) if part]
            target = context.target(LICENCE_TYPE, kind, segment, field) if kind != "NPI" else None
            system = US_NPI if kind == "NPI" else facility_uri(context, "-".join(qualifier))
            found.append(
                element(
                    type=concept(target.system, target.code, target.display or None)
                    if target
                    else concept(TYPE_SYSTEM, kind or "LN"),
                    system=system,
                    value=number,
                    period=element(end=times.date_time_of(context, value.text(4), segment, field)),
                )
            )
    return found


def check_digit(digit: str, scheme: str) -> list[Element]:
    """Extensions for the check digit of a number and how it is reckoned (table 0061)."""
    return extension(CHECK_DIGIT, valueString=digit.strip()) + extension(
        CHECK_DIGIT_SCHEME, valueString=scheme.strip()
    )


def _assigned_by(context: Context, hd: Value) -> list[Element]:
    """CX.6: the facility that assigned a number first."""
    name, uri = hd.text(1).strip(), authority_uri(context, hd)
    if not name and not uri:
        return []
    stated = {"system": "urn:ietf:rfc:3986", "value": uri} if hd.text(2).strip() else None
    reference = element(type="Organization", identifier=stated, display=name)
    return [{"url": ASSIGNING_FACILITY, "valueReference": reference}]


def ei_identifier(context: Context, ei: Value, kind: str = "", purpose: str = "") -> Element | None:
    """An EI (or a component of an EIP) as an Identifier of a type of table 0203, None without a number."""
    number = ei.text(1).strip()
    if not number:
        return None
    system = _uri(context, ei.text(2).strip(), ei.text(3).strip(), ei.text(4).strip())
    return element(
        type=concept(TYPE_SYSTEM, kind) if kind else None,
        system=system or facility_uri(context, purpose),
        value=number,
    )


def national_identifier(context: Context, number: str) -> Element | None:
    """The number of a social security field (PID-19) as an Identifier, None without one.

    What has not nine digits in the US (masked, or another number) is no number of that system.
    """
    number = number.strip()
    if not number:
        return None
    kind = "SS" if _is_us(context) else "SB"
    return {"type": concept(TYPE_SYSTEM, kind), "system": national_system(context, number), "value": number}


def national_system(context: Context, number: str) -> str:
    """The system of a social security number."""
    return US_SSN if _is_us(context) and _NINE_DIGITS.match(number) else _local_national_system(context)


def national_nulls(context: Context) -> list[str]:
    """What is removed when a social security number is: it may be one of either kind."""
    systems = [US_SSN] if _is_us(context) else []
    return [f"identifier:{system}" for system in (*systems, _local_national_system(context))]


def _local_national_system(context: Context) -> str:
    return context.local("national-id", context.config.jurisdiction)


def identifier_type(context: Context, kind: str, segment: Segment, field: int) -> Element | None:
    """Identifier.type of a code of table 0203; of another code, that code as text."""
    if not kind:
        return None
    target = context.target(IDENTIFIER_TYPE, kind, segment, field)
    return concept(target.system, target.code, target.display or None) if target else {"text": kind}


def authority_uri(context: Context, hd: Value) -> str | None:
    """The URI of an assigning authority (HD); None when it names none."""
    return _uri(context, hd.text(1).strip(), hd.text(2).strip(), hd.text(3).strip())


def facility_uri(context: Context, purpose: str = "") -> str:
    """The system of numbers for which no authority is named: the sending facility's own."""
    return context.local("facility", context.facility, *([purpose] if purpose else []))


def assigner(authority: Value) -> Element | None:
    """Identifier.assigner: who assigned it, by name."""
    name = authority.text(1).strip()
    return {"display": name} if name else None


def _details(context: Context, cx: Value) -> list[Element]:
    found = check_digit(cx.text(2), cx.text(3))
    if cx.component_count > 5 and cx.part(4):  # without an authority the facility stands for it
        found += _assigned_by(context, cx.part(6))
    return found


def _uri(context: Context, namespace: str, universal: str, kind: str) -> str | None:
    if not namespace and not universal:
        return None
    authorities = context.config.authorities
    if authorities and (own := authorities.get(namespace) or authorities.get(universal)):
        return own
    if universal:
        return _universal(context, universal, kind.upper())
    if namespace.upper() == "NPI":
        return US_NPI
    return _self_evident(namespace) or context.local("authority", namespace)


def _universal(context: Context, universal: str, kind: str) -> str:
    if kind == "DNS" and _HOST.match(universal):
        return f"https://{universal}"
    if kind == "URI" and _URI.match(universal):
        return universal
    return _self_evident(universal) or context.local("authority", universal)


def _self_evident(universal: str) -> str | None:
    if _OID.match(universal):
        return _REGISTERED.get(universal) or f"urn:oid:{universal}"
    if _UUID.match(universal):
        return f"urn:uuid:{universal.lower()}"
    return universal if _URI.match(universal) and universal.startswith(_SCHEMES) else None


def _is_us(context: Context) -> bool:
    return context.config.jurisdiction == "US"
