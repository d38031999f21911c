import pytest

from libs.terminology.code_systems import system_uri


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("LN", "http://loinc.org"),
        ("sct", "http://snomed.info/sct"),
        ("UCUM", "http://unitsofmeasure.org"),
        ("HL70078", "http://terminology.hl7.org/CodeSystem/v2-0078"),
        ("HL7-0078", "http://terminology.hl7.org/CodeSystem/v2-0078"),
        ("0078", "http://terminology.hl7.org/CodeSystem/v2-0078"),
        ("2.16.840.1.113883.6.238", "urn:oid:2.16.840.1.113883.6.238"),
        ("https://example.org/codes", "https://example.org/codes"),
        ("L", None),
        ("99LAB", None),
        ("HL7", None),
        ("", None),
    ],
)
def test_the_names_of_coding_systems(name: str, uri: str | None) -> None:
    assert system_uri(name) == uri
