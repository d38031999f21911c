"""An organization's mapping is changed, compared, tried, and applied again to what is stored."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import unified_diff
from itertools import islice
from typing import Any

from psycopg import Connection
from redis import Redis

from libs.lanes.contracts import Envelope
from libs.lanes.enqueue import enqueue
from libs.mapping.inbound.config import MappingConfig
from libs.store import layers, transformations
from libs.store.engine import Pool, attempt, transaction
from libs.store.transformations import Chosen
from services.console.actions.dry_run import Outcome, dry_run

AT_A_TIME = 500  # messages that are put on lanes in one call


@dataclass(frozen=True, slots=True)
class Saved:
    version: int  # of the organization's mapping
    retried: int  # parked messages that are tried again


def save(pool: Pool, redis: Redis, org: str, layer: str, document: str) -> Saved:
    """Save a layer, and try again what waits for one. Raises BadLayer.

    After a crash between the two, saving the same again makes no new version and tries the messages again.
    """
    version = attempt(pool, org, lambda c: layers.put(c, org, layer, document, datetime.now(UTC)))
    return Saved(version, retransform(pool, redis, org, Chosen(parked=True)))


def compare(connection: Connection[Any], org: str, layer: str, document: str, name: str) -> list[str]:
    """Lines of a unified diff: what the document, called `name`, has other than the layer in force."""
    in_force = layers.documents(connection, org).get(layer, "")
    return _difference(("in force", in_force), (name, document))


def compare_version(connection: Connection[Any], org: str, layer: str, version: int) -> list[str]:
    """Lines of a unified diff: what the layer in force has other than it had at that version."""
    then = layers.documents(connection, org, version).get(layer, "")
    now = layers.documents(connection, org).get(layer, "")
    return _difference((f"version {version}", then), ("in force", now))


def attempt_layer(
    pool: Pool, base: MappingConfig, layer: str, document: str, *, chosen: Chosen, limit: int
) -> list[Outcome]:
    """What the layer would change for the newest `limit` of the chosen messages. Raises BadLayer.

    `base` is the mapping without layers, of the organization that it names.
    """
    with transaction(pool, base.organization) as connection:
        current = layers.load(connection, base.organization)
        stored = transformations.newest(connection, base.organization, chosen, limit)
    return dry_run(base, current, layer, document, stored)


def retransform(pool: Pool, redis: Redis, org: str, chosen: Chosen) -> int:
    """Put messages on lanes to be transformed again, one for each patient; how many.

    Asking again does no harm: what is applied already, and says nothing new, changes nothing.
    """
    with transaction(pool, org) as connection:
        return _enqueue(redis, transformations.first_of_each_patient(connection, org, chosen))


def _enqueue(redis: Redis, envelopes: Iterable[Envelope]) -> int:
    count = 0
    remaining = iter(envelopes)
    while batch := list(islice(remaining, AT_A_TIME)):
        enqueue(redis, [transformations.to_do(one, time.time()) for one in batch])
        count += len(batch)
    return count


def _difference(before: tuple[str, str], after: tuple[str, str]) -> list[str]:
    """Of two documents, each with its name."""
    (one, text), (other, new) = before, after
    return list(unified_diff(text.splitlines(True), new.splitlines(True), one, other))
