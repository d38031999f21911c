"""MSH, EVN -> MessageHeader, Provenance.

Source: v2-to-FHIR IG 1.0.0, MSH[MessageHeader], MSH[Provenance-Source], MSH[Provenance-Transformation],
MSH[Provenance-Operator], EVN[Provenance]. One Provenance a message says where it came
from, what happened and what turned it into FHIR; it was recorded when the message says so (MSH-7), so that
EVN-2 stands only where EVN-6 is silent. MSH-8 is left out: it may be a credential.
"""

from collections.abc import Sequence

from libs.hl7v2.message import Segment, Value
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.codes import codeable_concept, coding_of
from libs.mapping.inbound.datatypes.identifiers import authority_uri
from libs.mapping.inbound.datatypes.locations import named_location
from libs.mapping.inbound.datatypes.organizations import organization, organization_of_hd
from libs.mapping.inbound.datatypes.practitioners import practitioners
from libs.mapping.inbound.element import DATA_ABSENT, Element, absent, coding, concept, element, resource
from libs.mapping.inbound.identity import resource_id
from libs.mapping.inbound.segments import msa, sft
from libs.terminology.concept_map import concept_map

FIELDS = frozenset({3, 4, 5, 6, 7, 9, 10, 11, 12, 17, 18, 19, 22, 23, 24, 25, 26, 27})
# Answered to, or about the text itself: nothing of them is a fact for a resource.
TRANSPORT = frozenset({1, 2, 8, 13, 14, 15, 16, 20, 21})

PROCESSING_ID = concept_map("0103", "ProcessingID")
PROCESSING_MODE = concept_map("0207", "ProcessingMode")
PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
ACTIVITY = "http://hl7.org/fhir/uv/v2mappings/CodeSystem/provenance-activity-type-v2-to-fhir"
EVENT = "http://terminology.hl7.org/CodeSystem/v2-0003"
ENGINE = "EHRConnect"
# Of this code: raised by the first change after a release that makes another result of a message, so that
# Provenance tells results of different making apart. The layers of an organization have their own version.
MAPPING_VERSION = "2"


def message_header(context: Context, focus: Sequence[Reference]) -> Reference:
    """MSH[MessageHeader] and SFT[MessageHeader]: what was sent, by whom, to whom, about what (`focus`)."""
    msh, software = context.message.header, context.message.first("SFT")
    answer = context.message.first("MSA")
    context.use(msh, FIELDS | TRANSPORT)
    kind = "^".join(part for component in (1, 2, 3) if (part := msh.text(9, component).strip()))
    header = resource(
        "MessageHeader",
        meta=_meta(msh, context),
        language=_language(msh.text(19)),
        eventCoding=coding(EVENT, context.event or kind, kind),
        destination=_destination(msh, context),
        sender=organization_of_hd(context, msh.first(4), address=_country(msh)),
        responsible=organization(context, msh, 22),
        source=_source(msh, context) | (sft.source(software) if software is not None else {}),
        response=msa.response(answer, context) if answer is not None else None,
        focus=list(focus),
    )
    return context.put(header, None, *_message_key(msh), merge=False)


def provenance(
    context: Context,
    targets: Sequence[Reference],
    header: Reference,
) -> Reference:
    """MSH[Provenance-Source], MSH[Provenance-Transformation]: the message behind the resources.

    The message itself is linked by its control id, not copied. Without resources it is about the header.
    """
    message = context.message
    msh, evn = message.header, message.first("EVN")
    recorded = times.instant(context, msh, 7) if msh.text(7) else None
    found = resource(
        "Provenance",
        target=list(targets) or [header],
        recorded=recorded,
        activity=concept(ACTIVITY, "v2-fhir-transformation"),
        agent=[
            {"type": concept(PARTICIPANT, "author"), "who": _author(msh, context)},
            *(
                {"type": concept(PARTICIPANT, "composer"), "who": sft.device(one, context)}
                for one in message.all("SFT")
            ),
            {
                "type": concept(PARTICIPANT, "assembler"),
                "who": {"display": f"{ENGINE} mapping {MAPPING_VERSION}"},
            },
        ],
        entity=[{"role": "source", "what": {"identifier": _message_identifier(msh, context)}}],
    )
    if recorded is None:
        found["_recorded"] = absent("unknown")
    if evn is not None:
        found |= event(evn, context)
        operators = practitioners(context, evn, 5)
        found["agent"] += [{"type": concept(PARTICIPANT, "enterer"), "who": who} for who in operators]
    return context.put(found, None, *_message_key(msh), merge=False)


def provenance_id(organization: str, msh: Segment) -> str:
    """The id of the Provenance that the message with this header makes."""
    return resource_id(organization, "Provenance", *_message_key(msh))


EVN_FIELDS = frozenset({1, 2, 4, 5, 6, 7})
_UNKNOWN = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
EVENT_REASON = concept_map("0062", "EventReason")


def event(evn: Segment, context: Context) -> Element:
    """EVN[Provenance]: when and why the event happened, as parts of the message's Provenance."""
    context.use(evn, EVN_FIELDS)
    facility = evn.text(7).strip()
    reason = codeable_concept(context, evn, 4, EVENT_REASON)
    return element(
        occurredDateTime=times.date_time(context, evn, 6) or times.date_time(context, evn, 2),
        reason=[_UNKNOWN if evn.text(4).strip() == "U" else reason] if reason else [],
        location=named_location(context, facility, "facility") if facility else None,
    )


def _meta(msh: Segment, context: Context) -> Element:
    stated = (
        context.target(PROCESSING_ID, msh.text(11).strip(), msh, 11),
        context.target(PROCESSING_MODE, msh.text(11, 2).strip(), msh, 11),
    )
    found = element(tag=[coding(one.system, one.code, one.display or None) for one in stated if one])
    if msh.raw(26) or msh.raw(27):
        labels = [coding_of(context, msh, field) for field in (26, 27)]
        found["security"] = [label for label in labels if label]
    return found


def _language(stated: str) -> str | None:
    """MSH-19 as a language tag, None when it is none: a code of ISO 639, in capitals or not."""
    code = stated.strip().lower()
    return code if code.isalpha() and code.isascii() and len(code) in {2, 3} else None


def _country(msh: Segment) -> list[Element]:
    country = msh.text(17).strip()
    return [{"country": country}] if country else []


def _source(msh: Segment, context: Context) -> Element:
    sender = msh.first(3)
    address = msh.first(24)
    name, software = sender.text(1).strip(), sender.text(2).strip()
    if address:  # the network address names the source, the application is its software
        name, software = address.text(1).strip() or name, name or software
    endpoint = _endpoint(address, context) or _endpoint(sender, context)
    found = element(name=name or software, software=software, endpoint=endpoint)
    return found if endpoint else found | {"_endpoint": absent("unknown")}


def _destination(msh: Segment, context: Context) -> list[Element]:
    """MSH-25 and MSH-5, each a destination where they name two; MSH-23, else MSH-6 receives."""
    receiver, address = msh.first(5), msh.first(25)
    facility = organization(context, msh, 23) or organization_of_hd(context, msh.first(6))
    names = {name for hd in (receiver, address) if (name := hd.text(1).strip())}
    if len(names) == 2:
        return [_addressed(hd, hd, facility, context) for hd in (address, receiver)]
    if not receiver and not address and facility is None:
        return []
    return [_addressed(address, receiver, facility, context)]


def _addressed(address: Value, receiver: Value, facility: Reference | None, context: Context) -> Element:
    endpoint = _endpoint(address, context) or _endpoint(receiver, context)
    name = address.text(1).strip() or receiver.text(1).strip()
    found = element(name=name, target=_device(receiver, context), endpoint=endpoint, receiver=facility)
    return found if endpoint else found | {"_endpoint": absent("unknown")}


def _device(hd: Value, context: Context) -> Element | None:
    """HD[Device]: the receiving application, by its number: nothing else is known of it."""
    system = _endpoint(hd, context)
    if system is None:
        return None
    identifier = {"system": "urn:ietf:rfc:3986", "value": system}
    return element(type="Device", identifier=identifier, display=hd.text(1).strip())


def _endpoint(hd: Value, context: Context) -> str | None:
    """HD[MessageHeader.source-endpoint]: the application's universal id, else a URI of its name here."""
    name, universal = hd.text(1).strip(), hd.text(2).strip()
    if universal:
        return authority_uri(context, hd)
    return context.local("application", name) if name else None


def _author(msh: Segment, context: Context) -> Element:
    responsible = organization(context, msh, 22) or organization_of_hd(context, msh.first(4))
    name = msh.text(3).strip()
    return responsible or {"display": name or "unknown"}


def _message_identifier(msh: Segment, context: Context) -> Element:
    names = [_named(msh.first(3)), _named(msh.first(4))]
    return {"system": context.local("message", *names), "value": msh.text(10) or "unknown"}


def _message_key(msh: Segment) -> tuple[str, ...]:
    return (_named(msh.first(3)), _named(msh.first(4)), msh.text(10), msh.text(7))


def _named(hd: Value) -> str:
    return hd.text(1) or hd.text(2)
