"""`ehrconnect lanes`: what waits, in which lane, for how long."""

import argparse
from dataclasses import asdict

from libs.lanes.depth import lanes
from services.console.commands.installation import redis
from services.console.commands.output import show


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true")


def run(options: argparse.Namespace) -> int:
    with redis() as client:
        rows = [asdict(lane) for lane in lanes(client)]
    show(rows, as_json=options.json, empty="nothing is waiting")
    return 0
