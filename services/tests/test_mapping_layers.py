"""A layer of the mapping that is saved while the system runs: for what comes, and for what is stored."""

from pathlib import Path
from typing import Any

from libs.testing.health import wait_until
from loadtests.system import System
from services.console.tests.command import ehrconnect
from services.tests.clients import exchange, fhir

PROFESSION = "https://north.example.org/fhir/profession"
LAYER = f"""
unmapped = "park"

[codes.0001.AdministrativeSex]
D = "other"

[[rule]]
from = "ZPI-2"
to = "Patient.extension"
url = "{PROFESSION}"
as = "string"
"""


def admission(number: int, sex: str = "F") -> bytes:
    return "\r".join(
        [
            f"MSH|^~\\&|ADT|NORTH|EHR|EHR|202603011015{number:02}+0100||ADT^A04^ADT_A01|LAYER-{number}|P|2.5.1",
            f"PID|1||N{number}^^^NORTH^MR||Muster^Kim||19540217|{sex}",
            f"ZPI|1|Baker {number}",
        ]
    ).encode()


def patient(system: System, number: int) -> dict[str, Any]:
    entries = fhir(system, f"Patient?identifier=N{number}").get("entry", [])
    return entries[0]["resource"] if entries else {}


def profession(system: System, number: int) -> list[str]:
    extensions = patient(system, number).get("extension", ())
    return [one["valueString"] for one in extensions if one["url"] == PROFESSION]


def command(system: System, *arguments: str | Path) -> str:
    settings = {name: value for name, value in system.told().items() if name.startswith("EHR_")}
    run = ehrconnect(*arguments, settings=settings)
    assert (run.code, run.err) == (0, "")
    return run.out


def test_a_layer_is_for_what_comes_and_on_demand_for_what_is_stored(system: System, tmp_path: Path) -> None:
    layer, without = tmp_path / "layer.toml", tmp_path / "without.toml"
    layer.write_text(LAYER)
    without.write_text(LAYER.replace('D = "other"', ""))
    exchange(system, admission(1))
    wait_until(lambda: patient(system, 1))

    command(system, "mapping", "import", "organization", without)
    exchange(system, admission(2))
    exchange(system, admission(3, sex="D"))
    wait_until(lambda: patient(system, 2))
    wait_until(lambda: "LAYER-3" in command(system, "message", "list", "--status", "parked"))
    assert (profession(system, 1), profession(system, 2), patient(system, 3)) == ([], ["Baker 2"], {})

    assert "would differ" in command(system, "mapping", "dry-run", "organization", layer)
    assert "1 parked" in command(system, "mapping", "import", "organization", layer)
    wait_until(lambda: patient(system, 3))
    assert (patient(system, 3)["gender"], profession(system, 3)) == ("other", ["Baker 3"])

    command(system, "mapping", "retransform", "--all")
    wait_until(lambda: profession(system, 1))
    assert (profession(system, 1), patient(system, 1)["meta"]["versionId"]) == (["Baker 1"], "2")
    assert patient(system, 2)["meta"]["versionId"] == "1"
