"""`python -m loadtests.fuzz_process TARGET [LIBFUZZER ARGUMENTS]`: one target, fuzzed in this process."""

import sys

import atheris


def main() -> None:
    target = sys.argv.pop(1)
    with atheris.instrument_imports(include=["libs.hl7v2"]):
        from loadtests.fuzz_targets import TARGETS
    atheris.Setup(sys.argv, TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
