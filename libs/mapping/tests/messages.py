"""Messages of our own for the tests of the mapping; every name and number in them is invented."""

from typing import Any

from libs.hl7v2.message import Message, parse
from libs.mapping.inbound.mapper import Mapped, MappingConfig, map_message

Json = dict[str, Any]

MSH = "MSH|^~\\&|ADMIT|NORTH CLINIC|EHR|NORTH|20260310083000+0100||{kind}|{control}|P|2.5.1"

PID = (
    "PID|1||48213^^^NORTH&2.999.1.1&ISO^MR~9006153318^^^NATIONAL^NI||Okafor^Amara^Chidi^^Dr^^L||19900615"
    "|F|||Lindenweg 4^Apt 2^Graz^ST^8010^AUT^H||^PRN^PH^^43^316^5550142|^WPN^PH^^43^316^5550199||M"
)
PV1 = "PV1|1|I|W3^312^B^NORTH||||7001^Berger^Paul^^^Dr|||MED||||1|||||V-77120^^^NORTH&2.999.1.1&ISO^VN"
A01 = [
    MSH.format(kind="ADT^A01^ADT_A01", control="A-1"),
    "EVN|A01|20260310082900",
    PID,
    "NK1|1|Okafor^Emeka|SPO|Lindenweg 4^^Graz^^8010|^PRN^CP^^43^660^5550100||N",
    PV1 + "|||||||||||||||||||||||||20260310081500",
    "AL1|1|DA|7980^Penicillin G^RXNORM|SV|Hives|2019",
    "DG1|1||J18.9^Pneumonia, unspecified^I10||20260310|A",
]

ORU = [
    MSH.format(kind="ORU^R01^ORU_R01", control="R-1"),
    PID,
    PV1,
    "ORC|RE|P100^EHR|F900^LAB||CM||||20260310090000|||7001^Berger^Paul",
    "OBR|1|P100^EHR|F900^LAB|58410-2^CBC panel^LN|||20260310084500|||||||||7001^Berger^Paul"
    "||||||20260310100000||HM|F",
    "NTE|1||Fasting sample",
    "OBX|1|NM|718-7^Hemoglobin^LN||13.50|g/dL^^UCUM|12.0-16.0|N|||F|||20260310084500",
    "NTE|1||Checked twice",
    "OBX|2|SN|6690-2^Leukocytes^LN||>^100|10*3/uL|<=11|HH|||F",
    "SPM|1|S55&LAB||BLD^Blood^HL70487|||||||||||||20260310084000|20260310085000",
]

# What insurance, access and allergies are stated with, and acts that are part of others.
RICH = [
    MSH.format(kind="ADT^A08^ADT_A01", control="A-2"),
    "SFT|Acme|2.4|Scribe|77||20250101",
    PID,
    "NTE|1||Hard of hearing",
    "ARV|1|A|DEM",
    PV1,
    "IAM|1|FA|P1^Peanut^L|||A|A-77^NORTH||||||20260301|Okafor^Emeka|SPO||C||||||9001^Smith^Adam",
    "IAR|R1^Rash^L|MI|AL|Cream",
    "DG1|1||K25^Ulcer^I10||20260310|A||||||||||||||D2|A|D1",
    "PR1|1||B^Biopsy^L||20260310|||||||||||||||2||||||1",
    "GT1|1|G-1|Okafor^Emeka||||||||SPO|123|||||||E-5||Okafor Ltd",
    "IN1|1|GOLD|C-9|Alpine Insurance||||||||||||Okafor^Emeka|SPO||||||||||||20260301|77^Huber^Eva",
    "IN3|1|CERT-3^^^ALPINE|||||||20260310|20260320|||||||||||Ada Gruber",
    "AUT||C-9|Alpine Insurance|20260310|20260410|AUTH-1||||20260309",
]

# The segments that have maps, in messages that map them.
MAPPED = {
    "ADT^A01": "EVN PID PD1 NK1 PV1 PV2 DB1 ROL AL1 IAM IAR NTE DG1 PR1 PRT GT1 IN1 IN2 IN3 AUT ACC PDA RF1",
    "ADT^A08": "PID ARV NTE PV1",
    "ADT^A40": "PID MRG PV1",
    "ADT^A41": "PID MRG",
    "ADT^A45": "PID MRG",
    "DFT^P03": "PID FT1",
    "MDM^T02": "PID TXA OBX",
    "MFN^M02": "STF PRA LOC",
    "OMP^O09": "PID ORC RXO RXR RXC TQ1",
    "OMD^O03": "PID ORC ODT",
    "ORM^O01": "PID ORC OBR TQ1 NTE DG1 BLG CTD PRT",
    "ORM^O02": "PID ORC RQD",
    "ORM^O03": "PID ORC ODS",
    "ORU^R01": "SFT PID PV1 ORC OBR TQ1 CTD OBX NTE PRT SPM TXA FT1",
    "PPR^PC1": "PID PRB GOL",
    "RAS^O17": "PID ORC RXA RXR",
    "RDE^O11": "PID ORC RXE RXR RXC",
    "RDS^O13": "PID ORC RXD RXR",
    "REF^I12": "PID RF1 PRD",
    "RGV^O15": "PID ORC RXG",
    "SIU^S12": "SCH TQ1 PID AIS AIG AIL AIP",
    "SRM^S01": "ARQ PID AIS",
    "VXU^V04": "PID ORC RXA RXR",
}


def segment(name: str, fields: dict[int, str]) -> str:
    """A segment of these fields by number."""
    return "|".join([name, *(fields.get(number, "") for number in range(1, max(fields) + 1))])


def message(*segments: str) -> Message:
    """The segments as one message."""
    return parse("\r".join(segments))


def mapped(*segments: str, config: MappingConfig | None = None) -> Mapped:
    """What the message of these segments becomes."""
    return map_message(message(*segments), config or MappingConfig())


def resources(found: Mapped, kind: str) -> list[Json]:
    """The resources of one type, in order."""
    return [entry.resource for entry in found.entries if entry.resource["resourceType"] == kind]


def only(found: Mapped, kind: str) -> Json:
    """The one resource of that type."""
    (resource,) = resources(found, kind)
    return resource


def event(code: str, *segments: str, control: str = "E-1") -> list[str]:
    """An ADT message of that event."""
    return [MSH.format(kind=f"ADT^{code}", control=control), f"EVN|{code}|20260310083000", *segments]
