"""What two mappings of one message differ in, resource by resource and element by element."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from libs.fhir.bundle import Entry


@dataclass(frozen=True, slots=True)
class Change:
    """One place where the second mapping says another thing than the first."""

    resource: str  # "Patient"
    url: str  # of the request that writes it: which one
    path: str  # "maritalStatus.coding[0].code"; "" for the resource as a whole
    before: Any  # None: it was not there
    after: Any  # None: it is no longer there


def difference(before: Sequence[Entry], after: Sequence[Entry]) -> list[Change]:
    """The changes from one mapping to another, in the order of the first; resources that are new come last.

    A resource is the same one when it has the same identity. With another one (its authority has a new URI,
    say) one resource goes and another comes, and what is stored under the first stays as it is.
    """
    then, now = ({entry.full_url: entry for entry in entries} for entries in (before, after))
    return [
        change
        for full_url in [*then, *(url for url in now if url not in then)]
        for change in _changes(then.get(full_url), now.get(full_url))
    ]


def _changes(before: Entry | None, after: Entry | None) -> Iterator[Change]:
    entry = after or before
    assert entry is not None  # noqa: S101  # one of the two has it
    kind = entry.resource["resourceType"]
    if before is None or after is None:
        yield Change(kind, entry.url, "", before and before.resource, after and after.resource)
        return
    for path, then, now in _compared("", before.resource, after.resource):
        yield Change(kind, entry.url, path, then, now)
    if before.remove != after.remove:
        yield Change(kind, entry.url, "(removed elements)", list(before.remove), list(after.remove))


def _compared(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            yield from _compared(f"{path}.{name}" if path else name, before.get(name), after.get(name))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            then = before[index] if index < len(before) else None
            now = after[index] if index < len(after) else None
            yield from _compared(f"{path}[{index}]", then, now)
    elif before != after or str(before) != str(after):  # 1.10 is not 1.1
        yield path, before, after
