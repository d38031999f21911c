"""`ehrconnect destination add|list|show|remove|pause|resume`: the systems that messages are sent to."""

import argparse
from dataclasses import asdict
from datetime import UTC, datetime

from libs.store.destinations import (
    BLOCK,
    DEAD_LETTER,
    LONGEST_ANSWER_WITHIN,
    NAME,
    Destination,
    put_destination,
)
from libs.store.engine import transaction
from services.console.actions import destinations
from services.console.commands.address import address
from services.console.commands.installation import database, organization, organization_actions, redis
from services.console.commands.output import CommandError, show

COLUMNS = ("name", "host", "port", "tls", "acknowledges", "waits", "on_failure", "waiting", "paused")


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = organization_actions(parser)

    adding = actions.add_parser("add", help="a system that takes HL7 v2 over MLLP")
    adding.add_argument("name", metavar="NAME", type=_name, help="short, e.g. north-lab")
    adding.add_argument("--to", type=address, required=True, metavar="HOST:PORT")
    adding.add_argument("--tls", action="store_true", help="over TLS (EHR_OUTBOUND_AUTHORITY, ...)")
    adding.add_argument(
        "--acknowledges", nargs="+", default=[], type=_sender, metavar="'APPLICATION|FACILITY'",
        help="senders (MSH-3 and MSH-4, as they send them) whose application acknowledgements go there",
    )  # fmt: skip
    adding.add_argument("--never-answers", action="store_true", help="what was sent to it is delivered")
    adding.add_argument("--answer-within", type=_seconds, default=30, metavar="SECONDS", help="(30)")
    adding.add_argument(
        "--block", action="store_true",
        help="send nothing else before what has failed is taken; else it is a dead letter after 6 attempts",
    )  # fmt: skip
    adding.add_argument("--replace", action="store_true", help="change the one of that name")
    adding.set_defaults(action=_add)

    listing = actions.add_parser("list", help="destinations, and how much waits for each")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(action=_list)

    for name, action, summary in (
        ("show", _show, "one destination"),
        ("remove", _remove, "forget a destination; what was delivered to it stays on record"),
        ("pause", _pause, "send nothing to it for now; what is to be sent waits"),
        ("resume", _resume, "send to it again"),
    ):
        acting = actions.add_parser(name, help=summary)
        acting.add_argument("name", metavar="NAME")
        acting.set_defaults(action=action)
        if action is _show:
            acting.add_argument("--json", action="store_true")
        if action is _remove:
            acting.add_argument("--discard", action="store_true", help="what waits for it is never sent")


def _add(options: argparse.Namespace) -> None:
    org = organization(options)
    host, port = options.to
    added = Destination(
        name=options.name,
        host=host,
        port=port,
        tls=options.tls,
        acknowledges=options.acknowledges,
        waits=not options.never_answers,
        answer_within=options.answer_within,
        on_failure=BLOCK if options.block else DEAD_LETTER,
    )
    with database() as pool, transaction(pool, org) as connection:
        if not put_destination(connection, org, added, replace=options.replace):
            raise CommandError(f"there is a destination {added.name} already; --replace changes it")
    print(f"{added.name} is at {host}:{port}")


def _list(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, redis() as client:
        rows = [asdict(one) for one in destinations.destinations(pool, client, org)]
    if not options.json:
        rows = [{**row, "acknowledges": ", ".join(row["acknowledges"])} for row in rows]
        rows = [{name: row[name] for name in COLUMNS} for row in rows]
    show(rows, as_json=options.json, empty=f"no destinations in {org}")


def _show(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, redis() as client:
        facts = asdict(destinations.destination(pool, client, org, options.name))
    if options.json:
        show([facts], as_json=True, empty="")
    else:
        print("\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in facts.items()))


def _remove(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, redis() as client:
        destinations.remove(pool, client, org, options.name, datetime.now(UTC), discard=options.discard)
    print(f"{options.name} is forgotten")


def _pause(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, redis() as client:
        paused = destinations.pause(pool, client, org, options.name)
    print(f"{options.name} {'is' if paused else 'was already'} paused")


def _resume(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, redis() as client:
        resumed = destinations.resume(pool, client, org, options.name)
    print(f"{options.name} {'is sent to again' if resumed else 'was not paused'}")


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("lower-case letters, digits and hyphens, at most 63")
    return text


def _sender(text: str) -> str:
    if text.count("|") != 1:
        raise argparse.ArgumentTypeError(f"{text} is not 'APPLICATION|FACILITY'")
    return text


def _seconds(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= LONGEST_ANSWER_WITHIN:
        raise argparse.ArgumentTypeError(f"{text} is not 1 to {LONGEST_ANSWER_WITHIN} seconds")
    return int(text)
