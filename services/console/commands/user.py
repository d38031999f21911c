"""`ehrconnect user add|list|password|remove`: who may log in to the console."""

import argparse
import sys
from dataclasses import asdict
from getpass import getpass
from pathlib import Path

from libs.store.engine import transaction
from libs.store.users import ROLES, add_user, remove_user, set_password, users
from services.console.commands.installation import database, organization, organization_actions
from services.console.commands.output import CommandError, show


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = organization_actions(parser)

    adding = actions.add_parser("add", help="make a user of the organization")
    _name(adding)
    adding.add_argument(
        "--role",
        choices=ROLES,
        required=True,
        help="viewer: what became of messages; operator: reads them, and acts; admin: the mapping, too",
    )
    _password_file(adding)
    adding.set_defaults(action=_add)

    listing = actions.add_parser("list", help="the organization's users")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(action=_list)

    changing = actions.add_parser("password", help="give a user another password")
    _name(changing)
    _password_file(changing)
    changing.set_defaults(action=_change)

    removing = actions.add_parser("remove", help="take a user's access away")
    _name(removing)
    removing.set_defaults(action=_remove)


def _add(options: argparse.Namespace) -> None:
    org, password = organization(options), _password(options)
    with database() as pool, transaction(pool, org) as connection:
        add_user(connection, org, options.name, options.role, password)
    print(f"{options.name} may log in to the console of {org} as {options.role}")


def _list(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, transaction(pool, org) as connection:
        rows = [asdict(user) for user in users(connection, org)]
    show(rows, as_json=options.json, empty=f"no users in {org}")


def _change(options: argparse.Namespace) -> None:
    org, password = organization(options), _password(options)
    with database() as pool, transaction(pool, org) as connection:
        set_password(connection, org, options.name, password)
    print(f"{options.name} has a new password")


def _remove(options: argparse.Namespace) -> None:
    org = organization(options)
    with database() as pool, transaction(pool, org) as connection:
        remove_user(connection, org, options.name)
    print(f"{options.name} may not log in any more")


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="lower-case letters, digits and . _ @ -")


def _password_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--password-file", metavar="FILE", help="the password is its first line; - is standard input"
    )


def _password(options: argparse.Namespace) -> str:
    """From the file, else asked for twice without showing it."""
    if options.password_file == "-":  # noqa: S105  # a name of standard input
        return sys.stdin.readline().rstrip("\r\n")
    if options.password_file:
        return (Path(options.password_file).read_text("utf-8").splitlines() or [""])[0]
    if not sys.stdin.isatty():
        raise CommandError(
            "no terminal to ask for a password: use --password-file FILE (- is standard input)"
        )
    password = getpass("Password: ")
    if getpass("Again: ") != password:
        raise CommandError("the two are not the same")
    return password
