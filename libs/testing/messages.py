"""Sample HL7 v2 messages, for tests and benchmarks: invented people, each message with its own MSH-10."""

SENT = "20260302101500+0000"

# LOINC code, name, value, unit, reference range: a panel as a laboratory sends it.
_ANALYTES = (
    ("718-7", "Hemoglobin", "13.2", "g/dL", "12.0-16.0"),
    ("4544-3", "Hematocrit", "39.8", "%", "36.0-46.0"),
    ("6690-2", "Leukocytes", "7.10", "10*3/uL", "4.0-11.0"),
    ("777-3", "Platelets", "251", "10*3/uL", "150-400"),
    ("789-8", "Erythrocytes", "4.52", "10*6/uL", "3.8-5.2"),
    ("787-2", "MCV", "88.1", "fL", "80-100"),
    ("2345-7", "Glucose", "104", "mg/dL", "70-99"),
    ("3094-0", "Urea nitrogen", "14", "mg/dL", "7-20"),
    ("2160-0", "Creatinine", "0.90", "mg/dL", "0.5-1.1"),
    ("2951-2", "Sodium", "139", "mmol/L", "135-145"),
    ("2823-3", "Potassium", "4.10", "mmol/L", "3.5-5.1"),
    ("2075-0", "Chloride", "103", "mmol/L", "98-107"),
    ("2028-9", "Carbon dioxide", "25", "mmol/L", "22-29"),
    ("17861-6", "Calcium", "9.4", "mg/dL", "8.6-10.2"),
    ("2885-2", "Protein", "7.0", "g/dL", "6.0-8.3"),
    ("1751-7", "Albumin", "4.2", "g/dL", "3.5-5.0"),
    ("1975-2", "Bilirubin", "0.6", "mg/dL", "0.1-1.2"),
    ("6768-6", "Alkaline phosphatase", "71", "U/L", "44-147"),
    ("1742-6", "Alanine aminotransferase", "22", "U/L", "7-56"),
    ("1920-8", "Aspartate aminotransferase", "24", "U/L", "10-40"),
)


def adt(
    event: str = "A01",
    *,
    control_id: str = "ADT1",
    patient_id: str = "100001",
    family: str = "Example",
    bed: str = "12",
    sent: str = SENT,
) -> bytes:
    """An admission, transfer or update of about 1 kB: MSH EVN PID PD1 NK1 PV1 AL1 DG1."""
    structure = {"A04": "ADT_A01", "A08": "ADT_A01"}.get(event, f"ADT_{event}")
    return _message(
        f"MSH|^~\\&|REGISTRATION|NORTH|EHRCONNECT|MAIN|{sent}||ADT^{event}^{structure}|{control_id}|P|2.5.1",
        f"EVN|{event}|{sent}||||{sent}",
        f"PID|1||{patient_id}^^^NORTH^MR||{family}^Paula^Quinn^^Ms||19700131|F||2106-3^White^CDCREC"
        "|12 Long Street^^Springfield^IL^62701^USA^H||^PRN^PH^^1^217^5550100|^WPN^PH^^1^217^5550101|en|M",
        "PD1|||North Clinic^^10001|1234^Family^Fred^^^Dr^MD",
        "NK1|1|Example^Peter|SPO^Spouse^HL70063|12 Long Street^^Springfield^IL^62701|^PRN^PH^^1^217^5550102",
        f"PV1|1|I|WARD4^{bed}^B^NORTH|E|||1111^Attend^Anna^^^Dr|2222^Refer^Rolf^^^Dr||MED||||1|||"
        f"1111^Attend^Anna^^^Dr|IP|V{patient_id}^^^NORTH^VN|{'|' * 24}{sent}",
        "AL1|1|DA|7980^Penicillin^RXNORM|SV|Hives",
        f"DG1|1||I10^Essential (primary) hypertension^I10||{sent}|A",
    )


def oru(
    *,
    control_id: str = "ORU1",
    patient_id: str = "100001",
    order_id: str = "L1",
    observations: int = 20,
    sent: str = SENT,
) -> bytes:
    """A laboratory report: MSH PID PV1 ORC OBR and as many OBX as asked for."""
    return _message(
        f"MSH|^~\\&|LABORATORY|NORTH|EHRCONNECT|MAIN|{sent}||ORU^R01^ORU_R01|{control_id}|P|2.5.1",
        f"PID|1||{patient_id}^^^NORTH^MR||Example^Paula^Quinn^^Ms||19700131|F",
        f"PV1|1|O|LAB^^^NORTH{'|' * 16}V{patient_id}^^^NORTH^VN",
        f"ORC|RE|P{order_id}^NORTH|{order_id}^LABORATORY||CM",
        f"OBR|1|P{order_id}^NORTH|{order_id}^LABORATORY|24323-8^Comprehensive metabolic panel^LN|||{sent}"
        f"|||||||||2222^Refer^Rolf^^^Dr||||||{sent}||LAB|F",
        *(_observation(number, sent) for number in range(1, observations + 1)),
    )


def _observation(number: int, sent: str) -> str:
    code, name, value, unit, reference = _ANALYTES[(number - 1) % len(_ANALYTES)]
    # The panel repeats itself with a sub-id, so that each observation has its own identity.
    repeat = (number - 1) // len(_ANALYTES) or ""
    return f"OBX|{number}|NM|{code}^{name}^LN|{repeat}|{value}|{unit}^^UCUM|{reference}|N|||F|||{sent}"


def _message(*segments: str) -> bytes:
    return "".join(f"{segment}\r" for segment in segments).encode()
