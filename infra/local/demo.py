"""The first minute with EHRConnect: a sample message goes in over MLLP and comes out over FHIR."""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime
from typing import Any

from infra.local.environment import LocalSettings
from libs.embedded.process import NotStarted
from libs.hl7v2.mllp import FrameDecoder, frame

READABLE_WITHIN = 20.0  # seconds
ANSWER_LIMIT = 1_000_000  # bytes

MESSAGE = (
    "MSH|^~\\&|REGISTRATION|DEMO HOSPITAL|EHRCONNECT|DEMO|{time}||ADT^A01^ADT_A01|{id}|P|2.5.1\r"
    "EVN|A01|{time}\r"
    "PID|1||{id}^^^DEMO^MR||Martin^Camille^J||19840312|F|||12 Harbour Street^^Springfield^IL^62701^USA"
    "||^PRN^PH^^1^217^5550123\r"
    "PV1|1|I|WARD4^12^B|E|||1234^Okafor^Ada^^^Dr|||MED|||||||||V{id}^^^DEMO^VN|||||||||||||||||||||||||{time}\r"
    "AL1|1|DA|7980^Penicillin^RXNORM|SV|Hives\r"
    "DG1|1||I10^Essential (primary) hypertension^I10||{time}|A\r"
)


def show(settings: LocalSettings, key: str, say: Callable[[str], None]) -> None:
    """Send the sample, read its Patient, print both. Raises NotStarted when it does not come out."""
    now = datetime.now().astimezone()
    sample = MESSAGE.format(time=f"{now:%Y%m%d%H%M%S%z}", id=f"D{now:%Y%m%d%H%M%S}")
    answer = _exchange(settings.host, settings.mllp_port, sample.encode())
    say(f"sent over MLLP to {settings.host}:{settings.mllp_port}\n\n{_indented(sample)}")
    say(f"answered\n\n{_indented(answer)}")
    if "\rMSA|AA|" not in answer:
        raise NotStarted("the gateway did not accept the sample message; see its answer above")

    url = f"{settings.fhir()}/Patient?identifier=D{now:%Y%m%d%H%M%S}"
    patient = _patient(url, key)
    say(f"read over FHIR from {url}\n\n{_indented(json.dumps(patient, indent=2, ensure_ascii=False))}")


def _exchange(host: str, port: int, message: bytes) -> str:
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(frame(message))
        decoder = FrameDecoder(ANSWER_LIMIT)
        while data := connection.recv(65536):
            for answer in decoder.feed(data):
                return answer.decode(errors="replace")
    raise NotStarted("the gateway closed the connection without an answer to the sample message")


def _patient(url: str, key: str) -> dict[str, Any]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})  # noqa: S310  # our own
    deadline = time.monotonic() + READABLE_WITHIN
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
                found: list[dict[str, Any]] = json.load(response).get("entry", [])
        except urllib.error.HTTPError as error:
            raise NotStarted(f"{url} answered {error.code} {error.reason}") from None
        if found:
            patient: dict[str, Any] = found[0]["resource"]
            return patient
        time.sleep(0.05)
    raise NotStarted(
        f"the sample message was acknowledged, but {url} does not show it after {READABLE_WITHIN:.0f} s"
    )


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
