from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.difference import Change, difference
from libs.mapping.inbound.layers import configure, read_layer
from libs.mapping.tests.messages import PID, event, mapped, only

NORTH = "urn:ehrconnect:default:authority:NORTH"


def _changes(layer: str, *segments: str) -> list[Change]:
    message = event("A04", *segments)
    after = mapped(*message, config=configure(MappingConfig(), [read_layer("organization", layer)]))
    return difference(mapped(*message).entries, after.entries)


def test_the_same_mapping_has_no_difference() -> None:
    assert _changes("", PID) == []


def test_what_a_layer_changes_is_told_place_by_place() -> None:
    layer = """
        [codes.0001.AdministrativeSex]
        F = "other"
        [[rule]]
        from = "ZPI-1"
        to = "Patient.language"
    """

    changes = _changes(layer, "PID|1||4711^^^NORTH^MR||Doe|||F", "ZPI|de")

    url = f"Patient?identifier={NORTH}|4711"
    assert changes == [
        Change("Patient", url, "gender", "female", "other"),
        Change("Patient", url, "language", None, "de"),
    ]


def test_another_identity_is_one_resource_that_goes_and_one_that_comes() -> None:
    layer = '[authorities]\nNORTH = "https://north.example.org/mrn"'

    changes = [one for one in _changes(layer, "PID|1||4711^^^NORTH^MR||Doe") if one.resource == "Patient"]

    patient = only(mapped(*event("A04", "PID|1||4711^^^NORTH^MR||Doe")), "Patient")
    moved = patient | {
        "identifier": [patient["identifier"][0] | {"system": "https://north.example.org/mrn"}],
    }
    assert changes == [
        Change("Patient", f"Patient?identifier={NORTH}|4711", "", patient, None),
        Change("Patient", "Patient?identifier=https://north.example.org/mrn|4711", "", None, moved),
    ]
