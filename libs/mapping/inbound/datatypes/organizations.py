"""XON, HD, CWE -> Organization, Device.

Source: v2-to-FHIR IG 1.0.0, XON[Organization], XON[string], HD[Organization], CWE[Organization], HD[Device],
EI[Device-udiCarrier], CWE[Device].
"""

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes.identifiers import (
    assigner,
    authority_uri,
    check_digit,
    ei_identifier,
    facility_uri,
    identifier_type,
)
from libs.mapping.inbound.datatypes.locations import assigned_at
from libs.mapping.inbound.element import OWN, Element, coding, element, resource
from libs.terminology.concept_map import concept_map

NAME_TYPE = concept_map("0204", "OrganizationalNameType")
NAME_KIND = OWN + "organization-name-type"
XON = frozenset({*range(1, 9), 10})  # the components that are read
_XON_BY_10 = XON - {3}  # where another number, in its tenth component, is the one that is carried
_CLIA_OID = "urn:oid:2.16.840.1.113883.4.7"


def organizations(context: Context, segment: Segment, field: int) -> list[Reference]:
    """References to the organization of every XON of the field."""
    return [
        reference
        for xon in segment.repetitions(field)
        if (reference := organization_of(context, xon, segment, field))
    ]


def organization(context: Context, segment: Segment, field: int, **more: list[Element]) -> Reference | None:
    """A reference to the organization of the field's first XON; `more` is what other fields say of it."""
    value = segment.first(field)
    return organization_of(context, value, segment, field, **more) if value else None


def organization_of(
    context: Context, xon: Value, segment: Segment, field: int, **more: list[Element]
) -> Reference | None:
    """A reference to the organization of an XON, whose resource this adds; None when it names none."""
    name = xon.text(1).strip()
    number = (xon.text(10) or xon.text(3)).strip()
    if not name and not number:
        return None
    context.reads(segment, field, XON if xon.text(3).strip() in ("", number) else _XON_BY_10)
    identifier = None
    if number:
        authority = xon.part(6)
        identifier = element(
            type=identifier_type(context, xon.text(7).strip(), segment, field),
            system=_system(context, authority),
            value=number,
            assigner=assigner(authority),
            extension=check_digit(xon.text(4), xon.text(5)) + assigned_at(context, xon.part(8)),
        )
    if kind := xon.text(2).strip():
        named = context.target(NAME_TYPE, kind, segment, field)
        coded = coding(named.system, named.code, named.display) if named else coding(None, kind)
        more["extension"] = [*more.get("extension", []), {"url": NAME_KIND, "valueCoding": coded}]
    return _put(context, identifier, name, **more)


def organization_of_hd(context: Context, hd: Value, **more: list[Element]) -> Reference | None:
    """A reference to the organization that an HD names (MSH-4, MSH-6); None when it names none."""
    name, universal = hd.text(1).strip(), hd.text(2).strip()
    if not name and not universal:
        return None
    identifier = element(
        system=_CLIA_OID if hd.text(3).strip().upper() == "CLIA" else _universal_system(universal),
        value=_universal(context, hd) if universal else name,
    )
    identifier.setdefault("system", context.local("organization"))
    return _put(context, identifier, name or universal, **more)


def organization_of_cwe(context: Context, cwe: Value) -> Reference | None:
    """A reference to the organization that a CWE names (OBX-15); None when it names none."""
    code, name = cwe.text(1).strip(), cwe.text(2).strip()
    if not code:
        return _put(context, None, name) if name else None
    system = cwe.text(3).strip()
    identifier = element(
        system=_CLIA_OID
        if system.upper() == "CLIA"
        else context.local("organization", *([system] if system else [])),
        value=code,
    )
    return _put(context, identifier, name or code)


def named_organization(context: Context, name: str, number: Value) -> Reference:
    """A reference to the organization of that name, with the number that a CWE gives it."""
    code = number.text(1).strip()
    system = number.text(3).strip()
    identifier = {"system": context.local("organization", *([system] if system else [])), "value": code}
    return _put(context, identifier if code else None, name)


def device_of_ei(context: Context, ei: Value) -> Reference | None:
    """A reference to the device that an EI identifies (OBX-18); None without a number."""
    identifier = ei_identifier(context, ei, purpose="device")
    if identifier is None:
        return None
    return context.put(resource("Device", identifier=[identifier]), identifier)


def device_of_cwe(context: Context, cwe: Value) -> Reference | None:
    """A reference to the device that a CWE names (ORC-18); None when it names none."""
    code, name = cwe.text(1).strip(), (cwe.text(2) or cwe.text(9)).strip()
    if not code and not name:
        return None
    system = cwe.text(3).strip()
    identifier = {
        "system": context.local("device", *([system] if system else [])),
        "value": code or name,
    }
    names = [{"name": name, "type": "user-friendly-name"}] if name else []
    return context.put(resource("Device", identifier=[identifier], deviceName=names), identifier)


def _put(context: Context, number: Element | None, name: str, **more: list[Element]) -> Reference:
    if number is None:
        return context.put(resource("Organization", name=name, **more), None, name.casefold())
    key = (number["system"], number["value"])
    known = context.find("Organization", *key)
    if known is not None and name and name != number["value"]:
        whole = context.stated(known)
        named = whole.setdefault("name", name)
        if named == number["value"]:  # it had no name yet
            whole["name"] = name
        elif named.casefold() != name.casefold():  # which of those that share the number is meant
            unit = resource("Organization", name=name, partOf=known, **more)
            return context.put(unit, None, *key, name.casefold())
        name = ""
    more["identifier"] = [number, *more.get("identifier", [])]
    return context.put(resource("Organization", name=name if known is None else "", **more), number)


def _system(context: Context, authority: Value) -> str:
    if authority.text(1).strip().upper() == "CLIA":
        return _CLIA_OID
    return authority_uri(context, authority) or facility_uri(context, "organization")


def _universal_system(universal: str) -> str | None:
    return "urn:ietf:rfc:3986" if universal else None


def _universal(context: Context, hd: Value) -> str:
    if hd.text(3).strip().upper() == "CLIA":
        return hd.text(2).strip()
    return authority_uri(context, hd) or hd.text(2).strip()
