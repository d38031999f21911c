"""SFT -> Device, MessageHeader.source: the software that wrote the message.

Source: v2-to-FHIR IG 1.0.0, SFT[Device], SFT[MessageHeader].
"""

from libs.hl7v2.message import Segment
from libs.mapping.inbound.context import Context, Reference
from libs.mapping.inbound.datatypes import times
from libs.mapping.inbound.datatypes.organizations import organization
from libs.mapping.inbound.element import Element, element, extension, resource

FIELDS = frozenset({1, 2, 3, 4, 5, 6})
INSTALLED = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Device.version.installDate"


def source(sft: Segment) -> Element:
    """SFT[MessageHeader]: the product and its version."""
    return element(software=sft.text(3).strip(), version=sft.text(2).strip())


def device(sft: Segment, context: Context) -> Reference:
    """SFT[Device]: the product as a Device of its vendor."""
    context.use(sft, FIELDS)
    vendor, product, version = (sft.text(field).strip() for field in (1, 3, 2))
    installed = times.date_time(context, sft, 6)
    information = sft.text(5).strip()
    found = resource(
        "Device",
        manufacturer=vendor,
        deviceName=[{"name": product, "type": "manufacturer-name"}] if product else [],
        modelNumber=sft.text(4).strip(),
        version=[element(value=version, extension=extension(INSTALLED, valueDateTime=installed))]
        if version
        else [],
        owner=organization(context, sft, 1),
        note=[{"text": information}] if information else [],
    )
    return context.put(found, None, context.facility, vendor, product, version, merge=False)
