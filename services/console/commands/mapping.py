"""`ehrconnect mapping ...`: how an organization's messages become FHIR, in layers that are versions.

A layer is `profile`, `organization` or `sender:APPLICATION|FACILITY`; its document is TOML
(libs/mapping/README.md).
"""

import argparse
import json
import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.layers import NAMES, shipped, shipped_profile
from libs.store import layers
from libs.store.engine import transaction
from libs.store.transformations import Chosen
from services.console.actions.mapping import attempt_layer, compare, compare_version, retransform, save
from services.console.commands.files import read_document
from services.console.commands.installation import (
    database,
    organization,
    organization_actions,
    redis,
    settings,
)
from services.console.commands.moment import add_period
from services.console.commands.output import CommandError, show


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
    org, text = organization(options), read_document(options.file)
    with database() as pool, redis() as client:
        saved = save(pool, client, org, options.layer, text)
    print(f"the mapping of {org} is at version {saved.version}")
    if saved.retried:
        print(f"{saved.retried} parked messages are tried again")


def _diff(options: argparse.Namespace) -> None:
    org = organization(options)
    if (options.file is None) == (options.version is None):
        raise CommandError("say what to compare with: a file, or --version N")
    with database() as pool, transaction(pool, org) as connection:
        if options.file is None:
            lines = compare_version(connection, org, options.layer, options.version)
        else:
            lines = compare(connection, org, options.layer, read_document(options.file), options.file)
    sys.stdout.writelines(lines)


def _dry_run(options: argparse.Namespace) -> None:
    """Prints what messages say: this is where an operator asks to see it."""
    text = read_document(options.file)
    base = MappingConfig(organization(options), settings().default_timezone or None)
    with database() as pool:
        outcomes = attempt_layer(
            pool, base, options.layer, text, chosen=_chosen(options), limit=options.limit
        )
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
    with database() as pool, redis() as client:
        count = retransform(pool, client, org, chosen)
    if count:
        print(f"{count} messages, with all about their patients, are transformed again")
    elif not chosen.parked:
        print("there are no such messages")


def _shipped(options: argparse.Namespace) -> None:
    sys.stdout.write(shipped_profile(options.name) if options.name else "".join(f"{n}\n" for n in shipped()))


def _document(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("layer", metavar="LAYER", help=NAMES)
    parser.add_argument("file", metavar="FILE", help="TOML; - is standard input")


def _choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--message", type=_identifier, metavar="ID", help="32 hexadecimal digits")
    parser.add_argument("--sender", metavar="APPLICATION|FACILITY", help="MSH-3 and MSH-4, as sent")
    add_period(parser)


def _chosen(options: argparse.Namespace, *, parked: bool = False) -> Chosen:
    return Chosen(options.message, options.sender, options.since, options.until, parked)


def _identifier(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{32}", text):
        raise argparse.ArgumentTypeError(f"{text} is not 32 hexadecimal digits")
    return text


def _action(
    actions: Any, name: str, action: Callable[[argparse.Namespace], None], summary: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=summary)
    parser.set_defaults(action=action)
    return parser
