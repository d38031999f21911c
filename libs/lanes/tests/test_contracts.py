from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from libs.lanes.contracts import SLOTS, Envelope, inbound_lane, message_id, queue_of

ENVELOPE = Envelope(
    message_id="0123456789abcdef0123456789abcdef",
    organization="default",
    received_at=1790000000.25,
    sender="LAB|NORTH",
    peer="10.0.0.7",
    charset="",
    body=b"MSH|^~\\&|LAB|NORTH\rPID|1\r",
)


@given(body=st.binary(), sender=st.text(), charset=st.text(), timezone=st.text())
def test_an_envelope_arrives_as_it_was_sent(body: bytes, sender: str, charset: str, timezone: str) -> None:
    envelope = replace(ENVELOPE, body=body, sender=sender, charset=charset, timezone=timezone)

    assert Envelope.from_wire(envelope.to_wire()) == envelope


def test_an_envelope_of_the_release_before_has_no_time_zone() -> None:
    wire = b"""{"id":"0123456789abcdef0123456789abcdef","org":"default","at":1790000000.25,
        "sender":"LAB|NORTH","peer":"10.0.0.7","charset":""}""".replace(b"\n", b"")

    assert Envelope.from_wire(wire + b"\n" + ENVELOPE.body) == ENVELOPE


def test_a_resend_has_the_same_id_and_other_bytes_have_another() -> None:
    first = message_id("default", b"LAB", b"NORTH", b"42", b"MSH|...")

    assert message_id("default", b"LAB", b"NORTH", b"42", b"MSH|...") == first
    assert message_id("default", b"LAB", b"NORTH", b"42", b"MSH|,,,") != first
    assert message_id("default", b"LAB", b"SOUTH", b"42", b"MSH|...") != first
    assert message_id("other", b"LAB", b"NORTH", b"42", b"MSH|...") != first


@given(*[st.binary(max_size=3)] * 4)
def test_the_parts_of_an_id_do_not_run_into_each_other(a: bytes, b: bytes, c: bytes, d: bytes) -> None:
    same = (a, b, b"", b"") == (c, d, b"", b"")

    assert (message_id("o", a, b, b"", b"") == message_id("o", c, d, b"", b"")) == same


def test_one_patient_has_one_lane_and_many_patients_use_all() -> None:
    lanes = {inbound_lane("default", 3, f"P{number}".encode()) for number in range(2000)}

    assert inbound_lane("default", 3, b"P1") == inbound_lane("default", 3, b"P1")
    assert lanes == {f"hl7.inbound:3/default/{slot}" for slot in range(SLOTS)}
    assert {queue_of(lane) for lane in lanes} == {"hl7.inbound:3"}
