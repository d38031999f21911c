"""Messages as no sender should write them: the events of events.py with anything in any place."""

from random import Random

from libs.mapping.inbound.mapper import MAPS
from libs.mapping.tests.events import EVENTS
from libs.mapping.tests.messages import A01, MSH, ORU, RICH

SAMPLES = [A01, ORU, RICH, *([MSH.format(kind=kind, control="E-1"), *rest] for kind, rest, _ in EVENTS)]

# What each data type looks like, so that every field meets every other one's, and what none looks like.
VALUES = (
    "A^B&C&D^E~F^G", "1^2^3^4^5^6^7^8^9^10^11^12^13^14^15^16^17^18^19^20^21^22^23", "~~~", "^^^^", "&&&",
    '""', '^""^', '""~A', " ", "4711^^^NORTH&2.999.1.1&ISO^MR^^20260101^20250101", "^^^^MR",
    "4711^9^M10^&x&ISO", "Okafor&van&Okafor^Amara^C^Jr^Dr^MD^L^^^20260101^20250101", "^^^^^^L",
    "7001^Berger^Paul^^^Dr^^^NPI^L^^^NPI", "North Clinic^L^^^^CLINICS&2.999&ISO^XX^HOSP&2.999&ISO^^77",
    "W3^312^B^NORTH&2.999&ISO^^N^B1^2^Desk",
    "Main St&Main&4^Apt^Graz^ST^8010^AUT^H^^10^7^^20260101&20250101",
    "^PRN^PH^a@b^43^316^5550142^9^x^^^+4331", "J18.9^Pneumonia^I10^P^Lung^L^2^3^text", "^only text",
    "^^^X^Y^SCT", "9^^LN", "8867-4^Rate^LN^^^^2.7", "<=^5^-^10", "^1^:^128", "^^", ">^x", "<>^1", "^5^+",
    "5.10", "-0.0", "1e400", "NaN", "Infinity", "\u0663", "1,5", "0" * 400, "9" * 5000, "1-5", "<5",
    ">=7.50", "-", "12.0-16.0", "1^2^3^4~5^6", "0^100^-1^x", "20260310", "202602", "2026", "20240231",
    "20261301", "202603102460", "20260310083000.1234+0100", "00000000", "20260310083000+9900",
    "99999999", "2026-03-10T08:30:00Z", "20260310^20250310", "0830", "24:60", "2359+0100",
    "1^2&min^Q6H^D3^20260310^20250310^S^note^C", "BID^^^20260310083000", "54^&lbs&ANSI+", "100&USD^UP",
    "1^d&Day&ANS+", "^IM^JPEG^Base64^VGhpcw==", "^IM^JPEG^Base64^%%%", "^AP^PDF^Hex^0G",
    "^TX^^A^text\\.br\\more", "https://x.example/a^^IM^PICT", "ftp://\\T\\ a b", "urn:oid:1.2",
    "http://x y", "2.999..1^^ISO", "\\F\\\\S\\\\T\\\\R\\\\E\\", "\\X00\\", "\\X0D0A\\", "\\XZZ\\",
    "\\X01", "\\C2842\\", "\\.sp9999999\\", "\\", "\\\\\\\\", "\\E\\F\\E\\", "<b>&amp;</b>", "\x00",
    "\x01\x1f", "\x85\u2028\ufeff", "\U0001f600", "\u00e9" * 300, "Y", "N", "A", "D", "U", "X", "F", "C",
    "W", "CP", "RE", "P", "CM", "ED", "RP", "NM", "SN", "TM", "CWE", "DR", "NA",
)  # fmt: skip

_SEGMENTS = (
    "ABS", "ACC", "AIG", "AIL", "AIP", "AIS", "AL1", "ARQ", "ARV", "AUT", "BLG", "CTD", "DB1", "DG1",
    "DSC", "ERR", "EVN", "FT1", "GOL", "GT1", "IAM", "IAR", "IN1", "IN2", "IN3", "LOC", "MFE", "MRG",
    "MSA", "NK1", "NTE", "OBR", "OBX", "ODS", "ODT", "ORC", "PD1", "PDA", "PID", "PR1", "PRA", "PRB",
    "PRD", "PRT", "PV1", "PV2", "QPD", "RF1", "RGS", "ROL", "RQ1", "RQD", "RXA", "RXC", "RXD", "RXE",
    "RXG", "RXO", "RXR", "SAC", "SCH", "SFT", "SPM", "STF", "TQ1", "TQ2", "TXA", "UB2", "ZZ1",
)  # fmt: skip
_FIELDS = 55  # of a segment, at most


def damaged(chance: Random) -> str:
    """One of the samples, damaged a little or much; the same for the same state of `chance`."""
    segments = list(chance.choice(SAMPLES))
    if chance.random() < 0.3:
        segments[0] = _of_another_kind(segments[0], chance)
    for _ in range(chance.choice((1, 1, 2, 3, 5, 8))):
        chance.choice(_DAMAGES)(segments, chance)
    return "\r".join(segments)


def filled(name: str, chance: Random) -> str:
    """A segment of that name with a value of some type in about half of its fields."""
    fields = (chance.choice(VALUES) if chance.random() < 0.5 else "" for _ in range(_FIELDS))
    return "|".join((name, *fields))


def _of_another_kind(msh: str, chance: Random) -> str:
    fields = msh.split("|")
    event = chance.choice(EVENTS)[0].split("^")[1]
    fields[8] = f"{chance.choice(list(MAPS))}^{event}"
    return "|".join(fields)


def _exchange(segments: list[str], chance: Random) -> None:
    """Another value in a field, or in a part of it."""
    place = chance.randrange(len(segments))
    fields = segments[place].split("|")
    first = 2 if place == 0 else 1
    if len(fields) > first:
        number = chance.randrange(first, len(fields))
        parts = fields[number].split("^")
        part = chance.randrange(len(parts))
        if chance.random() < 0.5:
            fields[number] = chance.choice(VALUES)
        else:
            parts[part] = chance.choice(VALUES)
            fields[number] = "^".join(parts)
        segments[place] = "|".join(fields)


def _cut(segments: list[str], chance: Random) -> None:
    place = chance.randrange(len(segments)) if chance.random() < 0.3 else len(segments) - 1
    segments[place] = segments[place][: chance.randrange(len(segments[place]) + 1)]


def _drop(segments: list[str], chance: Random) -> None:
    if len(segments) > 1:
        segments.pop(chance.randrange(1, len(segments)))


def _move(segments: list[str], chance: Random) -> None:
    if len(segments) > 1:
        moved = segments.pop(chance.randrange(1, len(segments)))
        segments.insert(chance.randrange(1, len(segments) + 1), moved)


def _double(segments: list[str], chance: Random) -> None:
    segments.insert(chance.randrange(1, len(segments) + 1), chance.choice(segments))


def _repeat(segments: list[str], chance: Random) -> None:
    """One field many times over."""
    place = chance.randrange(len(segments))
    fields = segments[place].split("|")
    number = chance.randrange(len(fields))
    if len(fields[number]) < 200 and number > (1 if place == 0 else 0):
        fields[number] = "~".join([fields[number]] * chance.choice((2, 3, 50)))
        segments[place] = "|".join(fields)


def _insert(segments: list[str], chance: Random) -> None:
    segments.insert(chance.randrange(1, len(segments) + 1), filled(chance.choice(_SEGMENTS), chance))


def _replace(segments: list[str], chance: Random) -> None:
    """A segment of the message with anything in it."""
    if len(segments) > 1:
        place = chance.randrange(1, len(segments))
        segments[place] = filled(segments[place][:3], chance)


_DAMAGES = (_exchange, _exchange, _exchange, _cut, _drop, _move, _double, _repeat, _insert, _insert, _replace)
