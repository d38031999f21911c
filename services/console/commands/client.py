"""`ehrconnect client add|list|revoke`: the API keys of an organization."""

import argparse
from dataclasses import asdict
from datetime import UTC, datetime

from libs.store.engine import transaction
from libs.store.organizations import clients, create_client, revoke_client
from services.console.commands.installation import database, organization, organization_actions
from services.console.commands.output import show


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = organization_actions(parser)

    adding = actions.add_parser("add", help="make a key; it is shown this once")
    adding.add_argument("name", metavar="NAME", help="who will use it")
    adding.set_defaults(action=_add)

    listing = actions.add_parser("list", help="the clients, without their keys")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(action=_list)

    revoking = actions.add_parser("revoke", help="end a client's key for good")
    revoking.add_argument("id", metavar="ID")
    revoking.set_defaults(action=_revoke)


def _add(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, transaction(pool, org) as connection:
        key = create_client(connection, org, options.name)
    print(key)


def _list(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, transaction(pool, org) as connection:
        rows = [asdict(client) for client in clients(connection, org)]
    show(rows, as_json=options.json, empty=f"no API clients in {org}")


def _revoke(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, transaction(pool, org) as connection:
        revoke_client(connection, org, options.id, datetime.now(UTC))
    print(f"client {options.id} is revoked")
