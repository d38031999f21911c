"""`ehrconnect destination add|list|show|remove|pause|resume`: the systems that messages are sent to."""

import argparse
import re
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from libs.lanes.contracts import OUTBOUND, outbound_lane
from libs.lanes.depth import lanes
from libs.store.deliveries import waiting
from libs.store.destinations import (
    BLOCK,
    DEAD_LETTER,
    Destination,
    destination,
    destinations,
    put_destination,
    remove_destination,
)
from libs.store.engine import transaction
from services.console.actions import lanes as acts
from services.console.commands.address import address
from services.console.commands.installation import database, organization, organization_actions, redis
from services.console.commands.output import CommandError, show

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
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
    with database() as pool, transaction(pool, org) as connection:
        found, depths = destinations(connection, org), waiting(connection, org)
    rows = [_facts(org, one, depths, _paused()) for one in found] if found else []
    if not options.json:
        rows = [{**row, "acknowledges": ", ".join(row["acknowledges"])} for row in rows]
        rows = [{name: row[name] for name in COLUMNS} for row in rows]
    show(rows, as_json=options.json, empty=f"no destinations in {org}")


def _show(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, transaction(pool, org) as connection:
        found, depths = destination(connection, org, options.name), waiting(connection, org)
    facts = _facts(org, found, depths, _paused())
    if options.json:
        show([facts], as_json=True, empty="")
    else:
        print("\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in facts.items()))


def _remove(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, transaction(pool, org) as connection:
        remove_destination(connection, org, options.name, datetime.now(UTC), discard=options.discard)
    print(f"{options.name} is forgotten")


def _pause(options: argparse.Namespace) -> None:
    org, lane = _lane_of(options)
    with redis() as client:
        paused = acts.pause(client, org, lane)
    print(f"{options.name} {'is' if paused else 'was already'} paused")


def _resume(options: argparse.Namespace) -> None:
    org, lane = _lane_of(options)
    with redis() as client:
        resumed = acts.resume(client, org, lane)
    print(f"{options.name} {'is sent to again' if resumed else 'was not paused'}")


def _lane_of(options: argparse.Namespace) -> tuple[str, str]:
    """The organization, and the lane of the destination that is named. Raises UnknownDestination."""
    org = organization(options)
    with database() as pool, transaction(pool, org) as connection:
        return org, outbound_lane(org, destination(connection, org, options.name).name)


def _paused() -> set[str]:
    with redis() as client:
        return {lane.lane for lane in lanes(client, [OUTBOUND]) if lane.state == "paused"}


def _facts(org: str, one: Destination, depths: dict[str, int], paused: set[str]) -> dict[str, Any]:
    lane = outbound_lane(org, one.name)
    return {**asdict(one), "waiting": depths.get(one.name, 0), "paused": lane in paused}


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("lower-case letters, digits and hyphens, at most 63")
    return text


def _sender(text: str) -> str:
    if text.count("|") != 1:
        raise argparse.ArgumentTypeError(f"{text} is not 'APPLICATION|FACILITY'")
    return text


def _seconds(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not 1 to 3600 seconds")
    return int(text)
