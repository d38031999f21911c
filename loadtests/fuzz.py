"""`make fuzz`: inputs by the million, guided by what code they reach, through every target.

RUNS (10000000) is how many in all, PROCESSES (2) how many targets at a time, ONLY=name,name chooses.
What was found to reach new code is kept in .run/fuzz/TARGET and is where the next fuzz begins; an input
that breaks something is left in .run/fuzz as TARGET-crash-... : put it into a test.
"""

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from loadtests.fuzz_inputs import SEEDS, TOKENS

FOLDER = Path(".run/fuzz")
LONGEST = 600  # bytes of an input
HANGS = 20  # seconds after which an input counts as one that hangs
MEMORY = 1_500  # MB


def main() -> None:
    try:
        import atheris  # noqa: F401
    except ImportError:
        sys.exit("make fuzz needs atheris, which has wheels for Python 3.11 on x86-64 Linux only")
    names = _asked()
    runs = int(os.environ.get("RUNS", "10_000_000")) // len(names)
    FOLDER.mkdir(parents=True, exist_ok=True)
    _write_dictionary(FOLDER / "dictionary")
    started = time.monotonic()
    with ThreadPoolExecutor(int(os.environ.get("PROCESSES", "2"))) as pool:
        done = list(pool.map(lambda name: _fuzz(name, runs), names))
    inputs = sum(count for count, _ in done)
    broken = [name for name, (_, code) in zip(names, done, strict=True) if code]
    print(f"{inputs:,} inputs in {time.monotonic() - started:.0f} s; broken: {', '.join(broken) or 'none'}")
    sys.exit(1 if broken else 0)


def _asked() -> list[str]:
    from loadtests.fuzz_targets import TARGETS

    names = [name for name in os.environ.get("ONLY", "").split(",") if name] or list(TARGETS)
    if unknown := set(names) - TARGETS.keys():
        sys.exit(f"ONLY: {', '.join(sorted(unknown))} is none of {', '.join(TARGETS)}")
    return names


def _fuzz(name: str, runs: int) -> tuple[int, int]:
    """How many inputs the target has seen, and how it ended: 0 when it held."""
    corpus = FOLDER / name
    corpus.mkdir(exist_ok=True)
    for number, seed in enumerate(SEEDS):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = {
        "runs": runs,
        "max_len": LONGEST,
        "timeout": HANGS,
        "rss_limit_mb": MEMORY,
        "dict": FOLDER / "dictionary",
        "artifact_prefix": f"{FOLDER / name}-",
        "print_final_stats": 1,
    }
    started = time.monotonic()
    command = [sys.executable, "-m", "loadtests.fuzz_process", name, str(corpus)]
    command += [f"-{option}={value}" for option, value in options.items()]
    log = FOLDER / f"{name}.log"
    with log.open("wb") as output:
        code = subprocess.run(command, stdout=output, stderr=output, check=False).returncode
    said = log.read_text(errors="replace")
    seen = int((re.findall(r"number_of_executed_units: (\d+)", said) or ["0"])[-1])
    reached = (re.findall(r"cov: (\d+)", said) or ["?"])[-1]
    outcome = f"BROKEN, see {log}" if code else "held"
    seconds = time.monotonic() - started
    print(f"{name:15} {seen:>10,} inputs in {seconds:5.0f} s, {reached} edges reached: {outcome}", flush=True)
    return seen, code


def _write_dictionary(file: Path) -> None:
    """The tokens as libFuzzer reads them: bytes that are not plain in hexadecimal."""
    lines = ("".join(f"\\x{byte:02X}" for byte in token) for token in TOKENS)
    file.write_text("".join(f'"{line}"\n' for line in lines))


if __name__ == "__main__":
    main()
