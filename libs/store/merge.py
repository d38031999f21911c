"""How a partial update meets what is stored.

An HL7 v2 message states some elements and is silent about the others. What it states replaces what is
stored, with these exceptions: identifiers of other systems or values stay, extensions of other kinds
stay, and of a period or a hospitalization the parts that are not stated stay.

Source: FHIR R4 has no word for it; HL7 v2.9 chapter 2, "field deletion", and the v2-to-FHIR guide.
"""

from collections import deque
from collections.abc import Collection
from decimal import Decimal
from itertools import chain
from typing import Any

from libs.fhir.json import dumps

Resource = dict[str, Any]

_UNION_BY: dict[str, tuple[str, ...]] = {
    "identifier": ("system", "value"),
    "extension": ("url",),
    "modifierExtension": ("url",),
}
_BY_PART = ("meta", "period", "hospitalization")


def merge(stored: Resource, stated: Resource, remove: Collection[str], keep: Collection[str]) -> Resource:
    """`stored` as `stated` updates it: `remove` are elements it deletes, `keep` those it leaves if stored."""
    merged = dict(stored)
    for name in remove:
        merged.pop(name, None)
        merged.pop(f"_{name}", None)
    for name, value in stated.items():
        if name in keep and name in stored:
            continue
        merged[name] = _merged(name, merged[name], value) if name in merged else value
        if f"_{name}" in merged and f"_{name}" not in stated:
            del merged[f"_{name}"]  # it extended the value that is now replaced
    return merged


def dropped(stored: Resource, merged: Resource) -> tuple[str, ...]:
    """The elements of which `merged` lacks something that `stored` has: removed, or items of a list gone."""
    return tuple(
        name
        for name, value in stored.items()
        if name not in merged
        or (isinstance(value, list) and value != merged[name] and any(v not in merged[name] for v in value))
    )


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal to the digit: 1.10 is not 1.1, and true is not 1."""
    return one == other and (dumps(one) == dumps(other) or _same_digits(one, other))


def _merged(name: str, stored: Any, stated: Any) -> Any:
    if name in _UNION_BY and isinstance(stored, list) and isinstance(stated, list):
        return _union(stored, stated, _UNION_BY[name])
    if name in _BY_PART and isinstance(stored, dict) and isinstance(stated, dict):
        return {**stored, **stated}
    return stated


def _union(stored: list[Any], stated: list[Any], by: tuple[str, ...]) -> list[Any]:
    """In the stored order, what is stated in the place of its like; what has none comes behind."""
    likes: dict[tuple[Any, ...], deque[int]] = {}  # places in `stated`
    for place, item in enumerate(stated):
        likes.setdefault(_key(item, by), deque()).append(place)
    union: list[Any] = []
    for item in stored:
        places = likes.get(_key(item, by))
        if places is None:
            union.append(item)
        elif places:
            union.append(stated[places.popleft()])
    return union + [stated[place] for place in sorted(chain.from_iterable(likes.values()))]


def _key(item: Any, by: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(str(item.get(part)) for part in by) if isinstance(item, dict) else (str(item),)


def _same_digits(one: Any, other: Any) -> bool:
    """For two values that are equal by `==`."""
    if isinstance(one, dict):
        return all(_same_digits(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return all(map(_same_digits, one, other))
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return str(one) == str(other)
    return type(one) is type(other)
