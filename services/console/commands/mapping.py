"""`ehrconnect mapping ...`: how an organization's messages become FHIR, in layers that are versions.

A layer is `profile`, `organization` or `sender:APPLICATION|FACILITY`; its document is TOML
(libs/mapping/README.md).
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from difflib import unified_diff
from itertools import islice
from pathlib import Path
from typing import Any

from libs.lanes.contracts import Envelope
from libs.lanes.enqueue import enqueue
from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.layers import NAMES, shipped, shipped_profile
from libs.store import layers, transformations
from libs.store.engine import Pool, attempt, transaction
from libs.store.transformations import Chosen
from services.console.commands.dry_run import dry_run
from services.console.commands.installation import (
    database,
    organization,
    organization_actions,
    redis,
    settings,
)
from services.console.commands.output import CommandError, show

AT_A_TIME = 500  # messages that are put on lanes in one call


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = organization_actions(parser)

    listing = _action(actions, "list", _list, "the layers that are in force")
    listing.add_argument("--all", action="store_true", help="every version there was")
    listing.add_argument("--json", action="store_true")

    exporting = _action(actions, "export", _export, "a layer's document, to standard output")
    exporting.add_argument("layer", metavar="LAYER", help=NAMES)
    exporting.add_argument("--version", type=int, metavar="N", help="as it was at that version")

    importing = _action(actions, "import", _import, "save a layer; an empty document withdraws it")
    _document(importing)

    differing = _action(
        actions, "diff", _diff, "what a document, or a version, has other than what is in force"
    )
    differing.add_argument("layer", metavar="LAYER", help=NAMES)
    differing.add_argument("file", metavar="FILE", nargs="?", help="TOML; - is standard input")
    differing.add_argument("--version", type=int, metavar="N", help="instead of a file")

    trying = _action(actions, "dry-run", _dry_run, "what a document would change in FHIR, by stored messages")
    _document(trying)
    _choice(trying)
    trying.add_argument("--limit", type=int, default=20, metavar="N", help="the newest N messages (20)")
    trying.add_argument("--json", action="store_true")

    again = _action(actions, "retransform", _retransform, "apply stored messages by the layers of now")
    _choice(again)
    again.add_argument("--parked", action="store_true", help="only what waits for a code map")
    again.add_argument("--all", action="store_true", help="every stored message")

    profiles = _action(
        actions, "shipped", _shipped, "the national profiles of this release, or one's document"
    )
    profiles.add_argument("name", metavar="NAME", nargs="?")


def _list(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, transaction(pool, org) as connection:
        rows = [asdict(saved) for saved in layers.history(connection, org)]
    if not options.all:
        rows = [{k: v for k, v in row.items() if k != "in_force"} for row in rows if row["in_force"]]
    show(rows, as_json=options.json, empty=f"{org} has no layers: its messages are mapped by the guide")


def _export(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, transaction(pool, org) as connection:
        sys.stdout.write(layers.document(connection, org, options.layer, options.version))


def _import(options: argparse.Namespace) -> None:
    org, text = organization(options), _read(options.file)
    with database() as pool:
        version = attempt(pool, org, lambda c: layers.put(c, org, options.layer, text, datetime.now(UTC)))
        print(f"the mapping of {org} is at version {version}")
        _put_on_lanes(pool, org, Chosen(parked=True), "parked messages are tried again")


def _diff(options: argparse.Namespace) -> None:
    org = organization(options)
    if (options.file is None) == (options.version is None):
        raise CommandError("say what to compare with: a file, or --version N")
    with database() as pool, transaction(pool, org) as connection:
        stored = layers.documents(connection, org).get(options.layer, "")
        if options.file is None:
            before = layers.documents(connection, org, options.version).get(options.layer, "")
            names = (f"version {options.version}", "in force")
        else:
            before, stored = stored, _read(options.file)
            names = ("in force", options.file)
    sys.stdout.writelines(unified_diff(before.splitlines(True), stored.splitlines(True), *names))


def _dry_run(options: argparse.Namespace) -> None:
    """Prints what messages say: this is where an operator asks to see it."""
    org, text = organization(options), _read(options.file)
    with database() as pool, transaction(pool, org) as connection:
        current = layers.load(connection, org)
        stored = transformations.newest(connection, org, _chosen(options), options.limit)
    base = MappingConfig(org, settings().default_timezone or None)
    outcomes = dry_run(base, current, options.layer, text, stored)
    if options.json:
        print(json.dumps([outcome.to_dict() for outcome in outcomes], indent=2, default=str))
        return
    for outcome in outcomes:
        if lines := outcome.lines():
            print(*lines, sep="\n  ")
    print(f"{len(outcomes)} messages, {sum(map(bool, outcomes))} of them would differ")
    if any(change.after is None and not change.path for one in outcomes for change in one.changes):
        print("What goes is made by the layers in force only. What is stored of it stays, beside what comes.")


def _retransform(options: argparse.Namespace) -> None:
    org, chosen = organization(options), _chosen(options, parked=options.parked)
    if chosen == Chosen() and not options.all:
        raise CommandError("say which: --message, --sender, --since, --until, --parked, or --all")
    with database() as pool:
        _put_on_lanes(pool, org, chosen, "messages, with all about their patients, are transformed again")


def _shipped(options: argparse.Namespace) -> None:
    sys.stdout.write(shipped_profile(options.name) if options.name else "".join(f"{n}\n" for n in shipped()))


def _put_on_lanes(pool: Pool, org: str, chosen: Chosen, meaning: str) -> None:
    """Asking again does no harm: what is applied already, and says nothing new, changes nothing."""
    with transaction(pool, org) as connection:
        envelopes = transformations.first_of_each_patient(connection, org, chosen)
        first = next(envelopes, None)
        if first is None:
            if not chosen.parked:
                print("there are no such messages")
            return
        count = _enqueue(first, envelopes)
    print(f"{count} {meaning}")


def _enqueue(first: Envelope, rest: Iterable[Envelope]) -> int:
    count = 0
    with redis() as client:
        remaining = iter((first, *rest))
        while batch := list(islice(remaining, AT_A_TIME)):
            enqueue(client, [transformations.to_do(one, time.time()) for one in batch])
            count += len(batch)
    return count


def _document(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("layer", metavar="LAYER", help=NAMES)
    parser.add_argument("file", metavar="FILE", help="TOML; - is standard input")


def _choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--message", type=_identifier, metavar="ID", help="32 hexadecimal digits")
    parser.add_argument("--sender", metavar="APPLICATION|FACILITY", help="MSH-3 and MSH-4, as sent")
    parser.add_argument(
        "--since", type=_moment, metavar="TIME", help="received then or later, e.g. 2026-11-24"
    )
    parser.add_argument("--until", type=_moment, metavar="TIME", help="received before")


def _chosen(options: argparse.Namespace, *, parked: bool = False) -> Chosen:
    return Chosen(options.message, options.sender, options.since, options.until, parked)


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except UnicodeDecodeError:
        raise CommandError(f"{file}: not UTF-8") from None


def _identifier(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{32}", text):
        raise argparse.ArgumentTypeError(f"{text} is not 32 hexadecimal digits")
    return text


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a time such as 2026-11-24T08:30") from None
    return moment if moment.tzinfo else moment.astimezone()


def _action(
    actions: Any, name: str, action: Callable[[argparse.Namespace], None], summary: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=summary)
    parser.set_defaults(action=action)
    return parser
