"""Users of the console: who a name and a password stand for."""

import pytest

from libs.store import passwords
from libs.store.engine import Pool, transaction
from libs.store.organizations import create_organization
from libs.store.users import (
    ADMIN,
    OPERATOR,
    VIEWER,
    BadUser,
    UnknownUser,
    User,
    UserExists,
    add_user,
    authenticate,
    remove_user,
    set_password,
    users,
)

PASSWORD = "correct horse battery"


@pytest.fixture
def pool(pool: Pool) -> Pool:
    """Of a database that has one user."""
    with transaction(pool, "north") as connection:
        create_organization(connection, "north", "North")
        add_user(connection, "north", "anna", OPERATOR, PASSWORD)
    return pool


def test_a_name_and_its_password_tell_the_organization_and_the_role(pool: Pool) -> None:
    found = authenticate(pool, "anna", PASSWORD)

    assert found is not None
    assert found == User("north", found.id, "anna", OPERATOR)
    for name, password in (
        ("anna", PASSWORD + " "),
        ("anna", ""),
        ("bob", PASSWORD),
        ("", ""),
        ("anna\t", PASSWORD),
    ):
        assert authenticate(pool, name, password) is None


def test_a_role_has_the_rights_of_those_below_it() -> None:
    rights = {role: [User("o", "1", "n", role).may(right) for right in (VIEWER, OPERATOR, ADMIN)]
              for role in (VIEWER, OPERATOR, ADMIN)}  # fmt: skip

    assert rights == {VIEWER: [True, False, False], OPERATOR: [True, True, False], ADMIN: [True, True, True]}


def test_a_name_is_taken_once_over_all_organizations(pool: Pool) -> None:
    for organization in ("north", "default"):
        with pytest.raises(UserExists), transaction(pool, organization) as connection:
            add_user(connection, organization, "anna", VIEWER, PASSWORD)


def test_another_organization_sees_and_changes_no_user_of_it(pool: Pool) -> None:
    with transaction(pool, "default") as connection:
        assert users(connection, "default") == []
        assert users(connection, "north") == []
        for organization in ("default", "north"):
            with pytest.raises(UnknownUser):
                set_password(connection, organization, "anna", "another password")
            with pytest.raises(UnknownUser):
                remove_user(connection, organization, "anna")

    assert authenticate(pool, "anna", PASSWORD)


def test_a_password_can_be_changed_and_a_user_removed(pool: Pool) -> None:
    with transaction(pool, "north") as connection:
        set_password(connection, "north", "anna", "another password")
    assert (authenticate(pool, "anna", PASSWORD), bool(authenticate(pool, "anna", "another password"))) == (
        None,
        True,
    )

    with transaction(pool, "north") as connection:
        remove_user(connection, "north", "anna")
        assert users(connection, "north") == []
    assert authenticate(pool, "anna", "another password") is None


@pytest.mark.parametrize(
    ("name", "password"),
    [("Anna", PASSWORD), ("", PASSWORD), ("a:b", PASSWORD), ("a" * 65, PASSWORD), ("a b", PASSWORD),
     ("b", "x" * 11), ("b", "x" * 1025)],
)  # fmt: skip
def test_names_and_passwords_that_cannot_be(pool: Pool, name: str, password: str) -> None:
    with pytest.raises(BadUser), transaction(pool, "north") as connection:
        add_user(connection, "north", name, VIEWER, password)


def test_a_user_of_no_organization_cannot_be(pool: Pool) -> None:
    with pytest.raises(BadUser, match="no organization south"), transaction(pool, "south") as connection:
        add_user(connection, "south", "bob", VIEWER, PASSWORD)


def test_of_a_password_only_a_salted_digest_is_kept() -> None:
    one, other = passwords.digest(PASSWORD), passwords.digest(PASSWORD)

    assert one != other
    assert one.startswith("scrypt$16384$8$5$")
    assert PASSWORD not in one
    assert (passwords.matches(PASSWORD, one), passwords.matches(PASSWORD, other)) == (True, True)
    assert not passwords.matches("correct horse", one)
    assert not passwords.matches("", passwords.NOBODY)


def test_a_password_typed_as_other_code_points_is_the_same() -> None:
    assert passwords.matches("Zu\u0308richsee-Ufer", passwords.digest("Z\u00fcrichsee-Ufer"))
