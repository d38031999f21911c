"""`ehrconnect dlq list|show|replay|discard`: the messages that could not be applied or delivered."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime

from libs.store import dead_letters
from libs.store.engine import transaction
from services.console.actions.replay import replay
from services.console.commands.installation import database, organization, organization_actions, redis
from services.console.commands.output import show

STATES = (dead_letters.OPEN, dead_letters.REPLAYED, dead_letters.DISCARDED)


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = organization_actions(parser)

    listing = _action(actions.add_parser("list", help="dead letters, the oldest first"), _list)
    listing.add_argument("--state", choices=STATES, default=dead_letters.OPEN)
    listing.add_argument("--limit", type=int, default=100, metavar="N")
    listing.add_argument("--json", action="store_true")

    showing = _action(actions.add_parser("show", help="one dead letter with the received message"), _show)
    showing.add_argument("id", type=int)
    showing.add_argument("--json", action="store_true")

    replaying = _action(actions.add_parser("replay", help="put messages back into their lanes"), _replay)
    replaying.add_argument("ids", type=int, nargs="+", metavar="ID")

    discarding = _action(actions.add_parser("discard", help="close dead letters for good"), _discard)
    discarding.add_argument("ids", type=int, nargs="+", metavar="ID")


def _list(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, transaction(pool, org) as connection:
        letters = dead_letters.dead_letters(connection, org, options.state, options.limit)
    columns = ("id", "created_at", "queue", "message_type", "sender", "control_id", "reason", "error",
               "attempts", "replaying")  # fmt: skip
    rows = [asdict(letter) for letter in letters]
    if not options.json:
        rows = [{name: row[name] for name in columns} for row in rows]
    show(rows, as_json=options.json, empty=f"no {options.state} dead letters in {org}")


def _show(options: argparse.Namespace) -> None:
    """Prints the message's content: this is the one place where an operator asks for it."""
    org = organization(options)
    with database() as pool, transaction(pool, org) as connection:
        letter, envelope = dead_letters.dead_letter(connection, org, options.id)
    facts = {**asdict(letter), "received_at": datetime.fromtimestamp(envelope.received_at, UTC)}
    text = envelope.body.decode(errors="backslashreplace")
    if options.json:
        print(json.dumps({**facts, "message": text}, indent=2, default=str))
    else:
        print("\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in facts.items()))
        print("\n" + text.replace("\r\n", "\n").replace("\r", "\n"))


def _replay(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, redis() as client:
        for letter_id in options.ids:
            replayed = replay(pool, client, org, letter_id)
            print(f"dead letter {letter_id} is back in {replayed.lane}")
            if replayed.newer:
                print(f"it may undo what came later (newer messages of its patient: {replayed.newer})")


def _discard(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool:
        for letter_id in options.ids:
            with transaction(pool, org) as connection:
                dead_letters.discard(connection, org, letter_id, datetime.now(UTC))
            print(f"dead letter {letter_id} is discarded; its message stays stored")


def _action(
    parser: argparse.ArgumentParser, action: Callable[[argparse.Namespace], None]
) -> argparse.ArgumentParser:
    parser.set_defaults(action=action)
    return parser
