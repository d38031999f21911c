"""`ehrconnect lanes [pause|resume LANE]`: what waits, in which lane, for how long."""

import argparse
from dataclasses import asdict

from libs.lanes.contracts import organization_of
from libs.lanes.depth import lanes
from services.console.actions import lanes as acts
from services.console.commands.installation import redis
from services.console.commands.output import show


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(action=_list)
    actions = parser.add_subparsers(metavar="[ACTION]")
    for name, action, summary in (
        ("pause", _pause, "take nothing off a lane; its messages stay and more may come"),
        ("resume", _resume, "take messages off a paused lane again"),
    ):
        acting = actions.add_parser(name, help=summary)
        acting.add_argument("lane", metavar="LANE", help="as the list names it")
        acting.set_defaults(action=action)


def _list(options: argparse.Namespace) -> None:
    with redis() as client:
        rows = [asdict(lane) for lane in lanes(client)]
    show(rows, as_json=options.json, empty="nothing is waiting")


def _pause(options: argparse.Namespace) -> None:
    with redis() as client:
        paused = acts.pause(client, organization_of(options.lane), options.lane)
    print(f"{options.lane} {'is' if paused else 'was already'} paused")


def _resume(options: argparse.Namespace) -> None:
    with redis() as client:
        resumed = acts.resume(client, organization_of(options.lane), options.lane)
    print(f"{options.lane} {'goes on' if resumed else 'was not paused'}")
