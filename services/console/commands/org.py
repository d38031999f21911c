"""`ehrconnect org add|list`: organizations; each sees its own messages, resources and keys only."""

import argparse
import re
from dataclasses import asdict

from libs.store.engine import transaction
from libs.store.organizations import create_organization, organizations
from services.console.commands.installation import database, settings
from services.console.commands.output import CommandError, show

IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    adding = actions.add_parser("add", help="make an organization")
    adding.add_argument("id", metavar="ID", type=_identifier, help="short, e.g. north-hospital")
    adding.add_argument("name", metavar="NAME", help='e.g. "North Hospital"')
    adding.set_defaults(action=_add)

    listing = actions.add_parser("list", help="every organization")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(action=_list)


def _add(options: argparse.Namespace) -> None:
    with database() as pool, transaction(pool, options.id) as connection:
        if not create_organization(connection, options.id, options.name):
            raise CommandError(f"the organization {options.id} exists already")
    print(f"{options.id} is there; `ehrconnect client --org {options.id} add NAME` makes a key for it")


def _list(options: argparse.Namespace) -> None:
    with database() as pool, transaction(pool, settings().default_organization) as connection:
        rows = [asdict(organization) for organization in organizations(connection)]
    show(rows, as_json=options.json, empty="no organizations")


def _identifier(text: str) -> str:
    if not IDENTIFIER.fullmatch(text):
        raise argparse.ArgumentTypeError("lower-case letters, digits and hyphens, at most 63")
    return text
