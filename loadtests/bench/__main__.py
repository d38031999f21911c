"""`make bench`: run the measurements, print each as a table, keep each as JSON under `.run/bench`.

SECONDS (10) is how long each lasts, PACED_SECONDS (60) how long 10,000 messages a minute flow in;
ONLY=conversion,acks,end_to_end chooses among them.
"""

import os
import sys
from collections.abc import Callable, Iterable

from loadtests.bench import conversion, end_to_end, mllp_ack
from loadtests.bench.result import Result, table, write

SECONDS = float(os.environ.get("SECONDS", "10"))
PACED_SECONDS = float(os.environ.get("PACED_SECONDS", "60"))


def main() -> None:
    chosen = [name for name in os.environ.get("ONLY", "").split(",") if name] or list(MEASUREMENTS)
    unknown = [name for name in chosen if name not in MEASUREMENTS]
    if unknown:
        sys.exit(f"make bench: ONLY names {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}")
    for name in chosen:
        for result in MEASUREMENTS[name]():
            print(table(result), flush=True)
            write(result)


def _acks() -> Iterable[Result]:
    yield Result("acks", "Durable ACKs, the gateway and Redis alone", mllp_ack.figures(SECONDS))


MEASUREMENTS: dict[str, Callable[[], Iterable[Result]]] = {
    "conversion": lambda: [conversion.measure(SECONDS)],
    "acks": _acks,
    "end_to_end": lambda: end_to_end.measure(SECONDS, PACED_SECONDS),
}

if __name__ == "__main__":
    main()
