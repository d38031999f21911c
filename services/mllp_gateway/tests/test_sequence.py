"""MSH-13: a sender that numbers its messages hears of a gap."""

from pathlib import Path

from services.mllp_gateway.tests.harness import GatewayProcess, adt, fields, running_gateway, stored_bodies


def numbered(number: str, control_id: str = "", **changes: str) -> bytes:
    message = adt(control_id or f"N{number}", **changes)
    msh, _, rest = message.partition(b"\r")
    parts = msh.split(b"|")
    parts[12] = number.encode()
    return b"|".join(parts) + b"\r" + rest


def ask_all(gateway: GatewayProcess, messages: list[bytes]) -> list[list[str]]:
    """MSA-1 and MSA-4 of each."""
    with gateway.connect() as peer:
        answers = [fields(peer.ask(message), "MSA") for message in messages]
    return [[msa[1], msa[4] if len(msa) > 4 else ""] for msa in answers]


def test_a_gap_is_refused_with_the_number_that_is_expected(tmp_path: Path, redis_url: str) -> None:
    file = tmp_path / "senders.toml"
    file.write_text("[default]\nsequence_numbers = true\n")
    start = numbered("0", type="")
    with running_gateway(tmp_path, redis_url, senders_file=file) as gateway:
        answers = ask_all(
            gateway,
            [
                start,  # where are we?
                numbered("7"),  # the first is taken as it is
                numbered("8"),
                numbered("10"),  # 9 is missing
                numbered("9"),
                numbered("9"),  # again
                numbered("10"),
                start,
                adt("without"),
            ],
        )
        other = ask_all(gateway, [numbered("3")])

    assert answers == [
        ["AA", "-1"],
        ["AA", "8"],
        ["AA", "9"],
        ["AE", "9"],
        ["AA", "10"],
        ["AA", "10"],
        ["AA", "11"],
        ["AA", "11"],
        ["AA", ""],
    ]
    assert other == [["AA", "4"]]
    assert start not in stored_bodies(redis_url)
    assert set(stored_bodies(redis_url)) == {
        adt("without"), *(numbered(number) for number in ("3", "7", "8", "9", "10")),
    }  # fmt: skip


def test_without_a_rule_numbers_mean_nothing(gateway: GatewayProcess) -> None:
    assert ask_all(gateway, [numbered("7"), numbered("99")]) == [["AA", ""], ["AA", ""]]


def test_a_strict_sender_is_told_the_place_of_the_first_error(tmp_path: Path, redis_url: str) -> None:
    file = tmp_path / "senders.toml"
    file.write_text("[default]\nstrict = true\n")
    with running_gateway(tmp_path, redis_url, senders_file=file) as gateway:
        answer = gateway.ask(adt("1").replace(b"PID|1|", b"PIX|1|"))
        good = gateway.ask(adt("2"))
        most = adt("3").replace(b"PID|1|", b"PIX|1|") + b"ZZZ" + b"|1" * 9_900 + b"\r"
        long = adt("4").replace(b"PID|1|", b"PIX|1|") + b"ZZZ" + b"|1" * 10_000 + b"\r"
        checked, unchecked = gateway.ask(most), gateway.ask(long)

    assert [fields(answer, "MSA")[1] for answer in (answer, checked, unchecked)] == ["AE", "AE", "AA"]
    assert fields(answer, "ERR")[2].startswith(("PID", "PIX"))
    assert fields(good, "MSA")[1] == "AA"
    assert stored_bodies(redis_url) == [adt("2"), long]
