"""References that have to follow a resource: to the one that took its place, or to its new patient.

A merge says so in its own transaction, by a row of `repointing`; see libs.store.repointing for what becomes
of it. Whatever is killed in between, the row stays until nothing refers any more.
"""

from collections.abc import Collection
from dataclasses import dataclass
from operator import is_not
from typing import Any

from libs.fhir.reference import parse_reference
from libs.store.merge import Resource


@dataclass(frozen=True, slots=True, order=True)
class Follow:
    """In what refers to `about`, references to `was` have to follow.

    The two are equal where another resource stands in its place. Where a visit or an account was moved,
    `was` is the patient whose it had been.
    """

    about: str  # Encounter/id
    was: str  # Patient/id


def patients_of(resource: Resource) -> set[str]:
    """The ids of the patients that an Account or Encounter is of."""
    subject = resource.get("subject")
    subjects = subject if isinstance(subject, list) else [subject]
    found = [parse_reference(str(one.get("reference", ""))) for one in subjects if isinstance(one, dict)]
    return {one.id for one in found if one is not None and one.base is None and one.type == "Patient"}


def repointed(value: Any, was: Collection[str], now: str) -> Any:
    """The JSON with every reference to one of `was`, at whatever depth, made one to `now`.

    The same object where there is none. A list does not keep two items that became equal by it.
    """
    if isinstance(value, dict):
        parts = {name: repointed(part, was, now) for name, part in value.items()}
        if isinstance(reference := value.get("reference"), str) and reference in was:
            return parts | {"reference": now}
        return parts if any(parts[name] is not part for name, part in value.items()) else value
    if isinstance(value, list):
        items = [repointed(item, was, now) for item in value]
        return _each_once(items, value) if any(map(is_not, items, value)) else value
    return value


def _each_once(items: list[Any], before: list[Any]) -> list[Any]:
    kept = [new for new, old in zip(items, before, strict=True) if new is old]
    result = []
    for new, old in zip(items, before, strict=True):
        if new is old:
            result.append(new)
        elif new not in kept:
            kept.append(new)
            result.append(new)
    return result
