"""Times on the command line."""

import argparse
from datetime import datetime


def moment(text: str) -> datetime:
    """A time; without an offset it is this machine's. Raises ArgumentTypeError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a time such as 2026-11-24T08:30") from None
    return found if found.tzinfo else found.astimezone()


def add_period(parser: argparse.ArgumentParser) -> None:
    """--since and --until, of when messages were received."""
    parser.add_argument(
        "--since", type=moment, metavar="TIME", help="received then or later, e.g. 2026-11-24"
    )
    parser.add_argument("--until", type=moment, metavar="TIME", help="received before")
