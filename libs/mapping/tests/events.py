"""One message of each event that hospitals send; every name and number in them is invented."""

from libs.mapping.tests.messages import segment

PATIENT = {3: "48213^^^NORTH&2.999.1.1&ISO^MR", 5: "Okafor^Amara", 7: "19900615", 8: "F"}
PID = segment("PID", PATIENT | {18: "ACC-1^^^NORTH&2.999.1.1&ISO"})
OTHER = segment("PID", PATIENT | {3: "48299^^^NORTH&2.999.1.1&ISO^MR", 5: "Berg^Ida"})
VISIT = {2: "I", 3: "W3^312^B^NORTH", 19: "V-77^^^NORTH&2.999.1.1&ISO^VN", 44: "20260310081500"}
PV1 = segment("PV1", VISIT)
CLINIC = segment("PV1", VISIT | {2: "O"})
LEFT = segment("PV1", VISIT | {45: "20260314110000"})
MOVED = segment("PV1", VISIT | {3: "W4^401^A^NORTH", 6: "W3^312^B^NORTH"})
PENDING = segment("PV1", VISIT | {42: "W5^501^A^NORTH"})
OTHERS = segment("PV1", VISIT | {3: "W3^312^A^NORTH", 19: "V-78^^^NORTH&2.999.1.1&ISO^VN"})
PV2 = "PV2|||R07.4^Chest pain^I10"
NK1 = "NK1|1|Okafor^Emeka|SPO||^PRN^CP^^43^660^5550100"
AL1 = "AL1|1|DA|7980^Penicillin G^RXNORM|SV|Hives"
IAM = "IAM|1|FA|P1^Peanut^L|SV|Hives|A|A-77^NORTH"
DG1 = "DG1|1||J18.9^Pneumonia^I10||20260310|A"
PR1 = "PR1|1||0016070^Bypass^I10P||20260311"
GT1 = "GT1|1|G-1|Okafor^Emeka"
IN1 = segment("IN1", {2: "GOLD", 3: "C-9", 4: "Alpine Insurance", 17: "SEL", 36: "POL-1"})
OLD = "MRG|48214^^^NORTH&2.999.1.1&ISO^MR||ACC-9^^^NORTH&2.999.1.1&ISO||V-70^^^NORTH&2.999.1.1&ISO"
ORC = "ORC|NW|P100^EHR|||||||20260310090000|||7001^Berger^Paul"
DONE = ORC.replace("|NW|", "|RE|")
OK = ORC.replace("|NW|", "|OK|")
ORDER = "OBR|1|P100^EHR||58410-2^CBC panel^LN"
OBR = segment("OBR", {2: "P100^EHR", 3: "F900^LAB", 4: "58410-2^CBC panel^LN", 7: "20260310", 25: "F"})
OBX = "OBX|1|NM|718-7^Hemoglobin^LN||13.50|g/dL^^UCUM|12.0-16.0|N|||F"
SPM = "SPM|1|S55&LAB||BLD^Blood^HL70487"
SAC = "SAC|||C1"
TQ1 = "TQ1|1||BID|||||20260310120000"
RXO = "RXO|1049502^Oxycodone^RXNORM|1||TAB"
RXE = "RXE||1049502^Oxycodone^RXNORM|1||TAB"
RXR = "RXR|PO^Oral^HL70162"
RXD = "RXD|1|1049502^Oxycodone^RXNORM|20260310110000|30|TAB||RX-5"
RXG = "RXG|1||^^^20260310120000|1049502^Oxycodone^RXNORM|1||TAB"
RXA = "RXA|0|1|20260310120000|20260310120500|1049502^Oxycodone^RXNORM|1|TAB"
VACCINE = segment("RXA", {3: "20260310", 5: "140^Influenza^CVX", 6: "0.5", 7: "mL", 9: "00", 20: "CP"})
SCH = "SCH|A-5^EHR|A-5F^LAB|||||CHECKUP||30|min|^^30^20260401090000^20260401093000"
ARQ = "ARQ|A-5^EHR|||||CHECKUP|||30|min"
AIS = "AIS|1||CONS^Consultation^L|20260401090000"
AIP = "AIP|1||7001^Berger^Paul"
AIL = "AIL|1||CLINIC^^^NORTH"
TXA = segment("TXA", {2: "HP", 3: "TX", 4: "20260310140000", 12: "D-9^EHR", 17: "AU", 19: "AV"})
TEXT = "OBX|1|TX|11492-6^History^LN||Admitted with fever.||||||F"
FT1 = "FT1|1|T-1||20260311|20260311|CG|99213^Office visit^C4|||1"
PRB = "PRB|AD|20260310|38341003^Hypertension^SCT|PB-1^EHR"
GOL = "GOL|AD|20260310|G1^Blood pressure below 130^L|GO-1^EHR"
RF1 = "RF1|A|R|CAR|||RF-1^EHR|20260310"
PRD = "PRD|RP|Berger^Paul|||||7001^NPI"
STF = "STF|7001|7001^^^NORTH|Berger^Paul^^^Dr|P|M|19700101|A"
LOC = "LOC|W3^312^B^NORTH|Room 312"
ANSWER = "MSA|AA|Q-1"
QPD = "QPD|Q22^Find candidates|Q-1|@PID.5.1^OK*"
QRD = "QRD|20260310|R|I|Q-1|||25^RD|48213|DEM"


def entry(change: str) -> str:
    """MFE: what is done to an entry of a master file."""
    return f"MFE|{change}|1|20260310|7001"


# Message type, event and, if it is not to be derived, structure; the segments behind MSH and EVN; the
# clinical resources that are expected, in the order in which they come up, with where they stand.
PATIENT_ONLY = "Patient Account:active"
ADMITTED = f"{PATIENT_ONLY} Encounter:in-progress"
RESULT = "Specimen ServiceRequest:completed Observation:final DiagnosticReport:final"
BOOKED = f"{ADMITTED} ServiceRequest:active Appointment:booked"

EVENTS: list[tuple[str, list[str], str]] = [
    ("ADT^A01^ADT_A01", [PID, PV1, PV2, AL1], f"{ADMITTED} AllergyIntolerance"),
    ("ADT^A02", [PID, MOVED], ADMITTED),
    ("ADT^A03", [PID, LEFT], f"{PATIENT_ONLY} Encounter:finished"),
    ("ADT^A04", [PID, CLINIC], ADMITTED),
    ("ADT^A05", [PID, PV1], f"{PATIENT_ONLY} Encounter:planned"),
    ("ADT^A06", [PID, PV1], ADMITTED),
    ("ADT^A07", [PID, CLINIC], ADMITTED),
    ("ADT^A08", [PID, PV1, DG1], f"{PATIENT_ONLY} Condition Encounter:in-progress"),
    ("ADT^A09", [PID, PV1], ADMITTED),
    ("ADT^A10", [PID, PV1], ADMITTED),
    ("ADT^A11", [PID, PV1], f"{PATIENT_ONLY} Encounter:cancelled"),
    ("ADT^A12", [PID, PV1], ADMITTED),
    ("ADT^A13", [PID, LEFT], ADMITTED),
    ("ADT^A14", [PID, PV1], f"{PATIENT_ONLY} Encounter:planned"),
    ("ADT^A15", [PID, PENDING], ADMITTED),
    ("ADT^A16", [PID, PV1], ADMITTED),
    ("ADT^A17", [PID, PV1, OTHER, OTHERS], f"{ADMITTED} Patient Encounter:in-progress"),
    ("ADT^A18", [PID, OLD], f"{PATIENT_ONLY} Patient"),
    ("ADT^A21", [PID, PV1], f"{PATIENT_ONLY} Encounter:onleave"),
    ("ADT^A22", [PID, PV1], ADMITTED),
    ("ADT^A23", [PID, PV1], f"{PATIENT_ONLY} Encounter:entered-in-error"),
    ("ADT^A24", [PID, OTHER], "Patient Patient"),
    ("ADT^A25", [PID, PV1], ADMITTED),
    ("ADT^A26", [PID, PENDING], ADMITTED),
    ("ADT^A27", [PID, PV1], f"{PATIENT_ONLY} Encounter:cancelled"),
    ("ADT^A28", [PID, NK1, IN1], f"{PATIENT_ONLY} RelatedPerson Coverage:active"),
    ("ADT^A29", [PID], PATIENT_ONLY),
    ("ADT^A30", [PID, OLD], f"{PATIENT_ONLY} Patient"),
    ("ADT^A31", [PID, NK1], f"{PATIENT_ONLY} RelatedPerson"),
    ("ADT^A34", [PID, OLD], f"{PATIENT_ONLY} Patient"),
    ("ADT^A35", [PID, OLD], f"{PATIENT_ONLY} Account:inactive"),
    ("ADT^A36", [PID, OLD], f"{PATIENT_ONLY} Account:inactive Patient"),
    ("ADT^A37", [PID, OTHER], "Patient Patient"),
    ("ADT^A38", [PID, PV1], f"{PATIENT_ONLY} Encounter:cancelled"),
    ("ADT^A40^ADT_A39", [PID, OLD], f"{PATIENT_ONLY} Patient"),
    ("ADT^A41", [PID, OLD], f"{PATIENT_ONLY} Account:inactive"),
    ("ADT^A42", [PID, OLD, PV1], f"{ADMITTED} Encounter:entered-in-error"),
    ("ADT^A43", [PID, OLD], "Patient"),
    ("ADT^A44", [PID, OLD], PATIENT_ONLY),
    ("ADT^A45", [PID, OLD, PV1], ADMITTED),
    ("ADT^A46", [PID, OLD], "Patient"),
    ("ADT^A47", [PID, OLD], "Patient"),
    ("ADT^A48", [PID, OLD], PATIENT_ONLY),
    ("ADT^A49", [PID, OLD], PATIENT_ONLY),
    ("ADT^A50", [PID, OLD, PV1], "Patient Encounter:unknown"),
    ("ADT^A51", [PID, OLD, PV1], "Patient Encounter:unknown"),
    ("ADT^A52", [PID, PV1], ADMITTED),
    ("ADT^A53", [PID, PV1], f"{PATIENT_ONLY} Encounter:onleave"),
    ("ADT^A54", [PID, PV1], ADMITTED),
    ("ADT^A55", [PID, PV1], ADMITTED),
    ("ADT^A60", [PID, PV1, IAM], f"{ADMITTED} AllergyIntolerance"),
    ("ADT^A61", [PID, PV1], ADMITTED),
    ("ADT^A62", [PID, PV1], ADMITTED),
    ("ADR^A19", [ANSWER, QRD, PID, PV1], ADMITTED),
    ("ORU^R01^ORU_R01", [PID, PV1, DONE, OBR, OBX, SPM], f"{ADMITTED} {RESULT}"),
    ("ORU^R03", [PID, OBR, OBX], f"{PATIENT_ONLY} {RESULT}"),
    ("ORU^R30", [PID, DONE, OBR, OBX], f"{PATIENT_ONLY} {RESULT}"),
    ("ORU^R32", [PID, DONE, OBR, OBX], f"{PATIENT_ONLY} {RESULT}"),
    ("ORU^R40", [PID, OBR, OBX], f"{PATIENT_ONLY} {RESULT}"),
    ("ORF^R04", [ANSWER, QRD, PID, OBR, OBX], f"{PATIENT_ONLY} {RESULT}"),
    ("OUL^R21", [PID, DONE, OBR, OBX], f"{PATIENT_ONLY} {RESULT}"),
    ("OUL^R22", [PID, SPM, OBR, DONE, OBX], f"{PATIENT_ONLY} {RESULT}"),
    ("OUL^R23", [PID, SPM, SAC, OBR, DONE, OBX], f"{PATIENT_ONLY} {RESULT}"),
    ("OUL^R24", [PID, OBR, DONE, OBX, SPM], f"{PATIENT_ONLY} {RESULT}"),
    (
        "ORM^O01",
        [PID, PV1, ORC, ORDER, DG1, OBX, ORC.replace("P100", "P101"), RXO, RXR],
        f"{ADMITTED} Condition ServiceRequest:active Observation:final MedicationRequest:active",
    ),
    ("OML^O21", [PID, ORC, TQ1, ORDER, SPM], f"{PATIENT_ONLY} Specimen ServiceRequest:active"),
    ("OML^O33", [PID, SPM, ORC, ORDER], f"{PATIENT_ONLY} Specimen ServiceRequest:active"),
    ("OML^O35", [PID, SPM, SAC, ORC, ORDER], f"{PATIENT_ONLY} Specimen ServiceRequest:active"),
    ("OMG^O19", [PID, PV1, ORC, TQ1, ORDER], f"{ADMITTED} ServiceRequest:active"),
    ("OMP^O09", [PID, PV1, ORC, TQ1, RXO, RXR], f"{ADMITTED} MedicationRequest:active"),
    ("ORL^O22", [ANSWER, PID, OK, ORDER], f"{PATIENT_ONLY} ServiceRequest:active"),
    ("ORL^O34", [ANSWER, PID, SPM, OK, ORDER], f"{PATIENT_ONLY} Specimen ServiceRequest:active"),
    ("ORR^O02", [ANSWER, PID, OK], f"{PATIENT_ONLY} ServiceRequest:active"),
    ("ORL^O22", ["MSA|AE|Q-1"], ""),
    (
        "RDE^O11",
        [PID, ORC, RXO, RXE, RXR],
        f"{PATIENT_ONLY} MedicationRequest:active MedicationRequest:active",
    ),
    ("RDE^O25", [PID, ORC.replace("|NW|", "|RF|"), RXE], f"{PATIENT_ONLY} MedicationRequest:active"),
    (
        "RDS^O13",
        [PID, DONE, RXE, RXD],
        f"{PATIENT_ONLY} MedicationRequest:active MedicationDispense:completed",
    ),
    (
        "RAS^O17",
        [PID, DONE, RXE, RXA, RXR],
        f"{PATIENT_ONLY} MedicationRequest:active MedicationAdministration:completed",
    ),
    ("RAS^O17", [PID, DONE, RXA], f"{PATIENT_ONLY} MedicationAdministration:completed"),
    (
        "RGV^O15",
        [PID, DONE, RXE, RXG],
        f"{PATIENT_ONLY} MedicationRequest:active MedicationDispense:preparation",
    ),
    ("RRE^O12", [ANSWER, PID, OK, RXE], f"{PATIENT_ONLY} MedicationRequest:active"),
    *[(f"SIU^S{n}", [SCH, PID, CLINIC, "RGS|1", AIS, AIP, AIL], BOOKED) for n in (12, 13, 14, 18, 19)],
    *[(f"SIU^S{n}", [SCH, PID, CLINIC, "RGS|1", AIS, AIP, AIL], BOOKED) for n in (20, 21, 22)],
    ("SIU^S15", [SCH, PID], f"{PATIENT_ONLY} Appointment:cancelled"),
    ("SIU^S16", [SCH, PID], f"{PATIENT_ONLY} Appointment:cancelled"),
    ("SIU^S17", [SCH, PID], f"{PATIENT_ONLY} Appointment:entered-in-error"),
    ("SIU^S23", [SCH, "RGS|1", AIP], "Appointment:booked"),
    ("SIU^S24", [SCH, "RGS|1", AIP], "Appointment:cancelled"),
    ("SIU^S26", [SCH, PID], f"{PATIENT_ONLY} Appointment:noshow"),
    ("SRM^S01", [ARQ, PID, "RGS|1", AIS], f"{PATIENT_ONLY} Appointment:proposed"),
    ("SRM^S04", [ARQ, PID], f"{PATIENT_ONLY} Appointment:cancelled"),
    ("SRR^S01", [ANSWER, SCH, PID, "RGS|1"], f"{PATIENT_ONLY} Appointment:booked"),
    *[(f"MDM^T{n:02}", [PID, PV1, TXA], f"{ADMITTED} DocumentReference:current") for n in (1, 3, 5, 7, 9)],
    *[(f"MDM^T{n:02}", [PID, TXA, TEXT], f"{PATIENT_ONLY} DocumentReference:current") for n in (2, 4, 6)],
    *[(f"MDM^T{n:02}", [PID, TXA, TEXT], f"{PATIENT_ONLY} DocumentReference:current") for n in (8, 10)],
    ("MDM^T11", [PID, TXA], f"{PATIENT_ONLY} DocumentReference:entered-in-error"),
    (
        "VXU^V04",
        [PID, DONE, VACCINE, "RXR|IM^Intramuscular"],
        f"{PATIENT_ONLY} Immunization:completed ServiceRequest:completed",
    ),
    ("VXU^V03", [PID, VACCINE], f"{PATIENT_ONLY} Immunization:completed"),
    ("VXR^V03", [ANSWER, QRD, PID, VACCINE], f"{PATIENT_ONLY} Immunization:completed"),
    (
        "RSP^K11",
        [ANSWER, QPD, PID, DONE, VACCINE],
        f"{PATIENT_ONLY} Immunization:completed ServiceRequest:completed",
    ),
    ("RSP^K22", [ANSWER, "QAK|Q-1|OK", QPD, PID, OTHER], f"{PATIENT_ONLY} Patient"),
    ("RSP^K22", [ANSWER, "QAK|Q-1|NF", QPD], ""),
    ("DFT^P03", [PID, PV1, FT1], f"{ADMITTED} ChargeItem:billable"),
    ("DFT^P11", [PID, PV1, FT1, IN1], f"{ADMITTED} Coverage:active ChargeItem:billable"),
    ("BAR^P01", [PID, PV1, PR1, GT1], f"{ADMITTED} RelatedPerson Procedure:completed"),
    ("BAR^P02", [PID], "Patient Account:inactive"),
    ("BAR^P05", [PID, DG1, IN1], f"{PATIENT_ONLY} Condition Coverage:active"),
    ("BAR^P06", [PID], "Patient Account:inactive"),
    ("BAR^P12", [PID, PV1, DG1, PR1], f"{PATIENT_ONLY} Condition Encounter:in-progress Procedure:completed"),
    ("PPR^PC1", [PID, PRB], f"{PATIENT_ONLY} Condition"),
    ("PPR^PC2", [PID, PRB.replace("|AD|", "|UP|")], f"{PATIENT_ONLY} Condition"),
    ("PPR^PC3", [PID, PRB.replace("|AD|", "|DE|")], f"{PATIENT_ONLY} Condition"),
    ("PGL^PC6", [PID, GOL], f"{PATIENT_ONLY} Goal:active"),
    ("REF^I12", [RF1, PRD, PID], f"{PATIENT_ONLY} ServiceRequest:active"),
    ("REF^I13", [RF1, PRD, PID], f"{PATIENT_ONLY} ServiceRequest:active"),
    ("REF^I14", [RF1, PRD, PID], f"{PATIENT_ONLY} ServiceRequest:revoked"),
    ("REF^I15", [RF1, PRD, PID], f"{PATIENT_ONLY} ServiceRequest:active"),
    ("MFN^M02", ["MFI|STF|EHR|UPD", entry("MAD"), STF], "Practitioner:True"),
    ("MFN^M02", ["MFI|STF|EHR|UPD", entry("MDL"), STF], "Practitioner:False"),
    ("MFN^M05", ["MFI|LOC|EHR|UPD", entry("MAD"), LOC], "Location Location Location Location"),
    ("PMU^B03", [STF], "Practitioner:False"),
    ("ACK^A01", [ANSWER], ""),
    ("QBP^Q22", [QPD, PID], ""),
    ("QRY^A19", [QRD], ""),
]
