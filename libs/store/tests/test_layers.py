from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from libs.mapping.inbound.config import MappingConfig
from libs.mapping.inbound.layers import BadLayer
from libs.store import layers
from libs.store.engine import Pool, transaction
from libs.store.layers import Saved, UnknownLayer
from libs.store.organizations import create_organization

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
VIENNA = 'timezone = "Europe/Vienna"\n'
ROME = '# since the move\ntimezone = "Europe/Rome"\n'


def test_a_save_is_a_version_of_the_whole_mapping(connection: psycopg.Connection[Any]) -> None:
    saved = [
        layers.put(connection, "default", name, text, NOW)
        for name, text in (
            ("organization", VIENNA), ("sender:LAB|NORTH", ""), ("sender:LAB|NORTH", 'unmapped = "park"'),
            ("organization", ROME), ("organization", ROME),
        )
    ]  # fmt: skip

    assert saved == [1, 1, 2, 3, 3], "what is in force already is no new version"
    assert layers.version(connection, "default") == 3
    assert layers.history(connection, "default") == [
        Saved(3, "organization", NOW, True),
        Saved(2, "sender:LAB|NORTH", NOW, True),
        Saved(1, "organization", NOW, False),
    ]
    assert layers.document(connection, "default", "organization") == ROME
    assert layers.document(connection, "default", "organization", 2) == VIENNA


def test_the_layers_in_force_configure_the_mapping(connection: psycopg.Connection[Any]) -> None:
    layers.put(connection, "default", "organization", ROME, NOW)
    layers.put(connection, "default", "sender:LAB|NORTH", 'unmapped = "park"', NOW)

    loaded = layers.load(connection, "default")

    base = MappingConfig("default")
    lab, other = loaded.config(base, "LAB|NORTH"), loaded.config(base, "ADT|NORTH")
    assert (loaded.version, lab.default_timezone, lab.park_unmapped) == (2, "Europe/Rome", True)
    assert (other.default_timezone, other.park_unmapped) == ("Europe/Rome", False)


def test_an_organization_without_layers_is_at_version_0(connection: psycopg.Connection[Any]) -> None:
    loaded = layers.load(connection, "default")

    assert (layers.version(connection, "default"), loaded.version, loaded.by_name) == (0, 0, {})


def test_a_document_that_is_no_layer_is_not_saved(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(BadLayer, match="layer organization: colour is no setting"):
        layers.put(connection, "default", "organization", "colour = 'red'", NOW)

    assert layers.version(connection, "default") == 0


def test_a_layer_that_is_not_there_is_said(connection: psycopg.Connection[Any]) -> None:
    layers.put(connection, "default", "organization", ROME, NOW)

    with pytest.raises(UnknownLayer, match="default has no layer profile"):
        layers.document(connection, "default", "profile")
    with pytest.raises(UnknownLayer, match="default has no layer organization at version 0"):
        layers.document(connection, "default", "organization", 0)


def test_an_organization_that_is_not_there_has_no_version(pool: Pool) -> None:
    with transaction(pool, "nowhere") as connection:
        assert layers.version(connection, "nowhere") is None
        with pytest.raises(UnknownLayer, match="there is no organization nowhere"):
            layers.put(connection, "nowhere", "organization", ROME, NOW)


def test_an_organization_sees_its_own_layers_only(pool: Pool) -> None:
    with transaction(pool, "default") as connection:
        layers.put(connection, "default", "organization", ROME, NOW)
    with transaction(pool, "north") as connection:
        create_organization(connection, "north", "North")

        assert (layers.version(connection, "north"), layers.documents(connection, "default")) == (0, {})


def test_a_saved_layer_is_never_changed(connection: psycopg.Connection[Any]) -> None:
    layers.put(connection, "default", "organization", ROME, NOW)

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("UPDATE mapping_layer SET document = ''")
    connection.rollback()
