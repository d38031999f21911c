"""`ehrconnect convert FILE... --out DIR`: each message as a FHIR transaction Bundle."""

import argparse
import sys
from pathlib import Path
from typing import Any

from libs.errors import Permanent
from libs.fhir.bundle import transaction
from libs.fhir.json import dumps
from libs.hl7v2.charset import decode_message, decode_part
from libs.hl7v2.delimiters import BadHeader
from libs.hl7v2.header import read_header
from libs.hl7v2.message import parse
from libs.hl7v2.timestamp import UnknownZone, zone_name
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.layers import NAMES, PROFILE, Layers, read_layer, shipped, shipped_profile
from libs.mapping.inbound.mapper import map_message
from services.console.commands.files import read_document, read_messages
from services.console.commands.output import CommandError


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="HL7 v2, one or more messages")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where to write NAME.json, or NAME-1.json ..."
    )
    parser.add_argument(
        "--report", action="store_true", help="print what was not carried over or refused, as JSON lines"
    )
    parser.add_argument("--timezone", type=_zone, default="UTC", metavar="ZONE", help="of local times (UTC)")
    parser.add_argument("--profile", choices=shipped(), help="a national profile of this release")
    parser.add_argument(
        "--layer",
        nargs=2,
        action="append",
        default=[],
        metavar=("LAYER", "FILE"),
        help=f"a mapping layer, TOML (- is standard input), once for each: {NAMES}",
    )


def run(options: argparse.Namespace) -> int:
    """0 when everything was converted, 1 when something was not; the rest is converted all the same."""
    layers = _layers(options)
    options.out.mkdir(parents=True, exist_ok=True)
    base = MappingConfig(default_timezone=options.timezone)
    written: set[str] = set()
    failures = 0
    for file in options.files:
        try:
            messages = read_messages(file)
        except OSError as error:
            failures += _tell(file, error.strerror or str(error))
            continue
        if not messages:
            failures += _tell(file, "a batch without a message")
        for number, message in enumerate(messages, 1):
            only = len(messages) == 1
            name = file.stem if only else f"{file.stem}-{number}"
            if name in written:
                failures += _tell(file, f"{name}.json was written from another file; use another --out")
                continue
            try:
                bundle, report = _convert(message, base, layers)
            except Exception as error:  # whatever is wrong with one message, the others are converted
                place, reason = str(file) if only else f"{file}, message {number}", _reason(error)
                failures += _tell(place, reason)
                if options.report:
                    print(dumps({"file": place, "bundle": None, "error": reason}).decode())
                continue
            written.add(name)
            (options.out / f"{name}.json").write_bytes(bundle + b"\n")
            if options.report:
                print(dumps({"file": str(file), "bundle": f"{name}.json", **report}).decode())
    return 1 if failures else 0


def _layers(options: argparse.Namespace) -> Layers:
    """The layers to convert with. Raises BadLayer, CommandError, OSError."""
    documents = {PROFILE: shipped_profile(options.profile)} if options.profile else {}
    for name, file in options.layer:
        if name in documents:
            raise CommandError(f"there is one layer {name}, and several documents for it")
        documents[name] = read_document(file)
    return Layers(0, {name: read_layer(name, text) for name, text in documents.items()})


def _convert(message: bytes, base: MappingConfig, layers: Layers) -> tuple[bytes, dict[str, Any]]:
    """The bundle as JSON, and the report. Raises Permanent."""
    header = read_header(message)
    sender = decode_part(b"%s|%s" % (header.application, header.facility), header)
    config = layers.config(base, sender)
    text, doubts = decode_message(message, config.charset)
    mapped = map_message(parse(text), config)
    return dumps(transaction(mapped.entries)), {**mapped.report.to_dict(), "charset": doubts}


def _reason(error: Exception) -> str:
    if isinstance(error, BadHeader):
        segment, _, field = error.location.split("^")[:3]
        return f"{segment}-{field}: {error}"
    if isinstance(error, Permanent):
        return str(error)
    return f"a defect of the conversion: {type(error).__name__}"  # its text may quote the message


def _tell(place: Path | str, reason: str) -> int:
    print(f"{place}: {reason}", file=sys.stderr)
    return 1


def _zone(name: str) -> str:
    try:
        return zone_name(name)
    except UnknownZone as error:
        raise argparse.ArgumentTypeError(f"{name} is {error}") from None
