"""`ehrconnect message list|show`: the messages that were received, and what became of each."""

import argparse
import json
import sys
from dataclasses import asdict

from libs.store import messages
from libs.store.engine import transaction
from libs.store.message_list import Criteria, content, received
from services.console.actions.describe import describe
from services.console.commands.installation import database, organization, organization_actions
from services.console.commands.moment import add_period
from services.console.commands.output import show

STATUSES = (messages.TRANSFORMED, messages.DEAD, messages.REPLAYING, messages.PARKED)
COLUMNS = (
    "id",
    "received_at",
    "message_type",
    "sender",
    "control_id",
    "status",
    "reused_control_id",
    "size",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = organization_actions(parser)

    listing = actions.add_parser("list", help="messages, the newest first")
    listing.add_argument(
        "--reused", action="store_true", help="only those whose MSH-10 the sender had used for other content"
    )
    listing.add_argument("--status", choices=STATUSES)
    listing.add_argument("--type", metavar="TYPE", help="ADT^A01, or ADT for all of them")
    listing.add_argument("--sender", metavar="APPLICATION|FACILITY", help="MSH-3 and MSH-4, as sent")
    listing.add_argument("--control-id", metavar="ID", help="MSH-10")
    add_period(listing)
    listing.add_argument("--limit", type=int, default=100, metavar="N")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(action=_list)

    showing = actions.add_parser("show", help="one message, with what the mapping reports")
    showing.add_argument("id", metavar="ID", help="32 hexadecimal digits, as `list` prints them")
    showing.add_argument("--json", action="store_true")
    showing.add_argument("--raw", action="store_true", help="print its content instead, as it was received")
    showing.set_defaults(action=_show)


def _list(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, transaction(pool, org) as connection:
        found = received(connection, org, _criteria(options), limit=max(0, options.limit))
    rows = [asdict(message) for message in found]
    if not options.json:
        rows = [{name: row[name] for name in COLUMNS} for row in rows]
    show(rows, as_json=options.json, empty=f"no such messages in {org}")


def _criteria(options: argparse.Namespace) -> Criteria:
    return Criteria(
        status=options.status,
        message_type=options.type,
        sender=options.sender,
        control_id=options.control_id,
        since=options.since,
        until=options.until,
        reused=options.reused,
    )


def _show(options: argparse.Namespace) -> None:
    """Content only when it is asked for: everything else names no patient."""
    org = organization(options)
    with database() as pool, transaction(pool, org) as connection:
        if options.raw:
            sys.stdout.buffer.write(content(connection, org, options.id))
            return
        known = describe(connection, org, options.id)
    facts = {
        **asdict(known.message),
        "report": json.loads(known.report) if known.report else None,
        "resources": known.resources,
        "dead_letters": [letter.id for letter in known.dead_letters],
        "deliveries": [asdict(sent) for sent in known.deliveries],
        "unsent_acknowledgement": known.unsent_acknowledgement,
    }
    if options.json:
        print(json.dumps(facts, indent=2, default=str))
    else:
        print("\n".join(f"{name.replace('_', ' ')}: {_text(value)}" for name, value in facts.items()))
        if known.unsent_acknowledgement:
            print(
                "its sender asked for an application acknowledgement and has no destination:"
                " `ehrconnect destination add NAME --to HOST:PORT"
                f" --acknowledges '{known.message.sender}'` sets one for the next message"
            )


def _text(value: object) -> str:
    if value is None or value == []:
        return "-"
    return json.dumps(value, indent=2, default=str) if isinstance(value, dict | list) else str(value)
