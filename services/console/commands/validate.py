"""`ehrconnect validate FILE...`: what in HL7 v2 and FHIR files is not as the standards have it, and where."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from libs.errors import Permanent
from libs.fhir.claims import claim_issues
from libs.fhir.json import NotJson, loads_foreign
from libs.fhir.validate import validate as validate_resource
from libs.hl7v2.charset import UnsupportedCharset, decode_message
from libs.hl7v2.conformance import Finding
from libs.hl7v2.conformance import validate as validate_message
from libs.hl7v2.delimiters import BadHeader
from services.console.commands.files import read_messages

SEVERITIES = {"E": "error", "W": "warning", "I": "information"}  # table 0516, in FHIR's words
_BLANK = b"\xef\xbb\xbf \t\r\n"  # a byte order mark, or blanks


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as the standard has it; it never holds what the file says."""

    file: str
    message: int | None  # its number, in a file with several
    severity: str  # fatal | error | warning | information
    code: str  # HL7 table 0357, or FHIR's issue type
    position: str  # PID-3[2].1 or Patient.name[0].given; "" for the whole
    text: str

    def line(self) -> str:
        place = self.file if self.message is None else f"{self.file}, message {self.message}"
        return f"{place}: {f'{self.severity} {self.position}'.rstrip()}: {self.text}"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="HL7 v2 (one or more messages) or FHIR JSON"
    )
    parser.add_argument("--json", action="store_true")


def run(options: argparse.Namespace) -> int:
    """0 when no file has an error, 1 when one has or cannot be read; the others are validated, too."""
    found: list[Fault] = []
    failed = False
    for file in options.files:
        try:
            faults = _faults(file)
        except OSError as error:
            print(f"{file}: {error.strerror or error}", file=sys.stderr)
            failed = True
            continue
        for fault in faults:
            failed = failed or fault.severity in ("fatal", "error")
            if options.json:
                found.append(fault)
            else:
                print(fault.line())
    if options.json:
        print(json.dumps([asdict(fault) for fault in found], indent=2))
    return 1 if failed else 0


def _faults(file: Path) -> Iterator[Fault]:
    """Raises OSError."""
    content = file.read_bytes()
    if content.lstrip(_BLANK).startswith((b"{", b"[")):
        return _of_resource(str(file), content)
    return _of_messages(str(file), read_messages(file))


def _of_resource(file: str, content: bytes) -> Iterator[Fault]:
    try:
        resource = loads_foreign(content.removeprefix(b"\xef\xbb\xbf"))
    except NotJson as error:
        yield Fault(file, None, "error", "structure", "", str(error))
        return
    issues = validate_resource(resource)
    if not any(issue.is_error for issue in issues):
        issues += claim_issues(resource)
    for issue in issues:
        yield Fault(file, None, issue.severity, issue.code, issue.expression, issue.diagnostics)


def _of_messages(file: str, messages: list[bytes]) -> Iterator[Fault]:
    if not messages:
        yield Fault(file, None, "error", "100", "", "a batch without a message")
    for number, message in enumerate(messages, 1):
        for finding in _findings(message):
            place = None if len(messages) == 1 else number
            severity = SEVERITIES[finding.severity]
            yield Fault(file, place, severity, finding.code, finding.path, finding.text)


def _findings(message: bytes) -> Iterator[Finding]:
    try:
        text, doubts = decode_message(message)
        yield from (Finding("W", "103", "MSH^1^18", doubt) for doubt in doubts)
        yield from validate_message(text)
    except BadHeader as error:
        yield Finding("E", "102", error.location, str(error))
    except UnsupportedCharset as error:
        yield Finding("E", "103", "MSH^1^18", str(error))
    except Permanent as error:
        yield Finding("E", "100", "", str(error))
