"""What fuzzing starts from: messages as senders send them, and the tokens that matter in them."""

from random import Random

from libs.hl7v2.mllp import frame
from libs.testing.messages import adt, oru

_MSH = b"MSH|^~\\&|LAB|NORTH|EHR|MAIN|20260302101500||ADT^A01^ADT_A01|17|P|2.5.1|||AL|NE||%s\r"


def _declared(charset: bytes, text: bytes) -> bytes:
    return _MSH % charset + b"PID|1||4711^^^NORTH^MR~" + text + b"^^^X||" + text + b"^Paula\r"


SEEDS = (
    adt(),
    oru(observations=1),
    frame(adt()[:300]) + frame(b"MSH|^~\\&|A|B"),
    b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + adt()[:200] + b"\rMSH|^~\\&|A\rBTS|2\rFTS|1\r",
    b"MSH#*%!?#LAB#NORTH#EHR#MAIN#2026##ADT*A01#17#P#2.7\rPID#1##4!F!2*a?b%7#\r",
    _declared(b"8859/15", b"M\xfcller"),
    _declared(b"UNICODE UTF-8", "Müller".encode()),
    _declared(b"BIG-5", "功能許".encode("big5")),
    _declared(b"GB 18030-2000", "李乗𠀀".encode("gb18030")),
    _declared(b"ISO IR13", "表十".encode("shift_jis")),
    _declared(b"~ISO IR87", b"\x1b$B;3ED\x1b(B"),
    _declared(b"~ISO IR87~ISO IR159", b"\\M2442\\;3ED\\C2842\\"),
    b"a\\F\\\\S\\\\T\\\\R\\\\E\\\\P\\\\.br\\\\.sp+3\\\\X41C3A9\\\\H\\\\N\\\\Zab\\\\C2842\\",
    b"20260302101500.1234+0100",
    b"PID-3[1].4.2",
)

TOKENS = (
    b"MSH|^~\\&|", b"MSH|^~\\&#|", b"MSH", b"PID|", b"FHS|", b"BHS|", b"BTS|", b"FTS|", b"MSA|AA|",
    b"\x0b", b"\x1c\r", b"\x1c", b"\x1c\x0b", b"\r", b"\n", b"\r\n", b"\0", b"\xef\xbb\xbf", b"\x06",
    b"|", b"^", b"~", b"\\", b"&", b'""', b"\\F\\", b"\\E\\", b"\\.br\\", b"\\.sp9\\", b"\\X0D\\",
    b"\\XC3A9\\", b"\\C2842\\", b"\\M2442\\", b"\\Z1\\", b"\x1b$B", b"\x1b(B", b"\x1b(I", b"\x1b$)C",
    b"\x1b-A", b"UNICODE UTF-8", b"UNICODE", b"8859/1", b"BIG-5", b"GB 18030-2000", b"ISO IR87", b"ISO IR13",
    b"UTF-16", b"\xff\xfe", b"\x81\x7c", b"\x95\x5c", b"\xa4\x5e", b"\x81\x30\x81\x30", b"\xc3\xa9",
    b"AL", b"NE", b"ER", b"SU", b"2.3", b"2.5.1", b"ADT^A01", b"ACK", b"GET ", b"\x16\x03", b"<",
    b"+0100", b"[2]", b"\xed\xa0\x80",
)  # fmt: skip


def inputs(seed: int, count: int) -> list[bytes]:
    """Seeds changed a little or much; the same for the same `seed`."""
    chance = Random(seed)
    return [_changed(chance) for _ in range(count)]


def _changed(chance: Random) -> bytes:
    data = bytearray(chance.choice(SEEDS))
    for _ in range(chance.choice((1, 1, 2, 3, 5, 8, 20))):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice((0, 0, 1, 1, 4, 30)))
        put = chance.choice(
            (
                b"",
                chance.choice(TOKENS),
                chance.choice(TOKENS),
                chance.randbytes(1),
                bytes(data[start:end] * 2),
            )
        )
        data[start:end] = put
    return bytes(data)
