"""How a partial update meets what is stored.

An HL7 v2 message states some fields and is silent about the others. What it states replaces what is
stored, and no more than that: of a list that several fields make, only their parts (see libs.fhir.parts),
of a period, a hospitalization or the context of a document only the elements that are stated. Identifiers of
other systems or values stay, and so do extensions of other kinds, links to other patients, and the other
results of a report.

Source: FHIR R4 has no word for it; HL7 v2.9 chapter 2, "field deletion", and the v2-to-FHIR guide.
"""

from collections import deque
from collections.abc import Callable, Collection
from decimal import Decimal
from itertools import chain
from typing import Any

from libs.fhir.json import dumps
from libs.fhir.parts import has_parts, part_of

Resource = dict[str, Any]

_UNION_BY: dict[str, tuple[str, ...]] = {
    "identifier": ("system", "value"),
    "extension": ("url",),
    "modifierExtension": ("url",),
    "link": ("type", "other"),  # of patients
    "result": ("reference",),
    "presentedForm": ("data", "url", "hash"),
}
# The part of a list that `remove` can name behind the element, where libs.fhir.parts does not tell it.
_PART = {"identifier": "system", "extension": "url", "modifierExtension": "url"}
_BY_PART = frozenset({"meta", "period", "hospitalization"})
_OF_PARTS = frozenset({("DocumentReference", "context")})  # elsewhere `context` is a reference
# Elements with several forms for which a message may have nothing but a placeholder.
_CHOICES = ("effective", "occurrence", "medication")


def merge(stored: Resource, stated: Resource, remove: Collection[str], keep: Collection[str]) -> Resource:
    """`stored` as `stated` updates it: `remove` are elements it deletes, `keep` those it leaves if stored.

    To remove can be an element ("birthDate"), a part of one ("telecom:work", "period:end"), or a concept if
    it has that code ("verificationStatus:entered-in-error").
    """
    kind = stated.get("resourceType", "")
    merged = dict(stored)
    for name in remove:
        _remove(kind, merged, name, stated)
    for name, value in stated.items():
        if name in keep and _is_stored(name, stored):
            continue
        merged[name] = _merged(kind, name, merged[name], value) if name in merged else value
        if f"_{name}" in merged and f"_{name}" not in stated:
            del merged[f"_{name}"]  # it extended the value that is now replaced
    return merged


def _is_stored(name: str, stored: Resource) -> bool:
    """Whether the element is stored, in whichever of its forms."""
    plain = name.removeprefix("_")
    if name in stored or plain in stored:
        return True
    kind = next((kind for kind in _CHOICES if plain.startswith(kind)), None)
    return kind is not None and any(one.removeprefix("_").startswith(kind) for one in stored)


def amended(stored: Resource, before: Resource, after: Resource) -> tuple[Resource, bool]:
    """`stored` with all that makes `after` another than `before`, as far as it still says what `before` does.

    And whether something was left: what is neither as `before` nor as `after` has it, somebody else has said.
    """
    result, left = dict(stored), False
    kind = after.get("resourceType", "")
    for name in [*before, *(name for name in after if name not in before)]:
        then, now, known = before.get(name), after.get(name), stored.get(name)
        if same(then, now) or same(known, now):
            continue
        if same(known, then):
            value = now
        elif name in _UNION_BY and _all_are(list, known, then, now):
            value, more = _amended_items(known or [], then or [], now or [], _UNION_BY[name])
            left |= more
        elif _is_by_part(kind, name) and _all_are(dict, known, then, now):
            value, more = amended(known or {}, then or {}, now or {})
            left |= more
        else:
            value, left = known, True
        result[name] = value
    return {
        name: value for name, value in result.items() if value is not None and value not in ([], {})
    }, left


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


def _remove(kind: str, merged: Resource, what: str, stated: Resource) -> None:
    name, _, part = what.partition(":")
    if part and any(_part(kind, name, one) == part for one in _items(stated.get(name))):
        return  # it is replaced, where it stands
    value = merged.get(name)
    rest: Any = None
    if part and isinstance(value, dict) and "coding" in value:
        rest = None if any(coding.get("code") == part for coding in value["coding"]) else value
    elif part and isinstance(value, dict):
        rest = {key: one for key, one in value.items() if key not in (part, f"_{part}")}
    elif part and isinstance(value, list):
        rest = [one for one in value if _part(kind, name, one) != part]
    if rest:
        merged[name] = rest
    else:
        merged.pop(name, None)
        merged.pop(f"_{name}", None)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _part(kind: str, name: str, item: Any) -> str | None:
    if has_parts(kind, name):
        return part_of(kind, name, item)
    return item.get(_PART[name]) if name in _PART and isinstance(item, dict) else None


def _merged(kind: str, name: str, stored: Any, stated: Any) -> Any:
    if isinstance(stored, list) and isinstance(stated, list):
        if stored == stated:  # as most messages say again what is there
            return stated
        if name in _UNION_BY:
            return _union(stored, stated, _UNION_BY[name])
        if has_parts(kind, name):
            return _by_part(stored, stated, lambda item: part_of(kind, name, item))
    if _is_by_part(kind, name) and isinstance(stored, dict) and isinstance(stated, dict):
        return {**stored, **stated}
    return stated


def _is_by_part(kind: str, name: str) -> bool:
    return name in _BY_PART or (kind, name) in _OF_PARTS


def _by_part(stored: list[Any], stated: list[Any], part: Callable[[Any], str]) -> list[Any]:
    """The stated parts, each where it was stored, and what is stored of the others."""
    parts: dict[str, list[Any]] = {}
    for item in stated:
        parts.setdefault(part(item), []).append(item)
    if all(part(item) in parts for item in stored):
        return stated
    merged: list[Any] = []
    for item in stored:
        known = parts.get(part(item))
        merged += [item] if known is None else known
        if known:
            parts[part(item)] = []
    return merged + list(chain.from_iterable(parts.values()))


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


def _amended_items(
    stored: list[Any], before: list[Any], after: list[Any], by: tuple[str, ...]
) -> tuple[list[Any], bool]:
    groups: list[dict[tuple[Any, ...], list[Any]]] = [{}, {}, {}]
    for group, items in zip(groups, (stored, before, after), strict=True):
        for item in items:
            group.setdefault(_key(item, by), []).append(item)
    known, then, now = groups
    result, left = [], False
    for key in [*known, *(key for key in now if key not in known)]:
        mine, old, new = known.get(key, []), then.get(key, []), now.get(key, [])
        is_ours = same(mine, old) or same(mine, new)
        left |= not is_ours and not same(old, new)
        result += new if is_ours and not same(old, new) else mine
    return result, left


def _all_are(kind: type, *values: Any) -> bool:
    return all(value is None or isinstance(value, kind) for value in values)


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
