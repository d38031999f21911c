import pytest

from libs.fhir.reference import Reference, parse_reference


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("Patient/1", Reference("Patient", "1")),
        ("Patient/a-b.C/_history/3", Reference("Patient", "a-b.C", version="3")),
        ("https://a.example/fhir/R4/Patient/1", Reference("Patient", "1", base="https://a.example/fhir/R4")),
        ("patient/1", None),
        ("Wizard/1", None),
        ("Patient/", None),
        ("Patient/1/x", None),
        ("Patient/" + "1" * 65, None),
        ("#p1", None),
        ("urn:uuid:8ab29b9e-2f6b-5a0e-9c3b-6b1c0a1b2c3d", None),
        ("Patient/1\n", None),
        ("", None),
    ],
)
def test_a_reference_is_taken_apart_only_when_it_names_a_type_of_r4(
    text: str, reference: Reference | None
) -> None:
    assert parse_reference(text) == reference
