"""What stands in for what a message does not say, where FHIR requires that something stands there.

It is for a resource that is new. One that is stored keeps what it says: a status change of a document has
no content and takes none away, an update without PV1-2 leaves the class of the visit.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from libs.fhir.bundle import Entry
from libs.mapping.inbound.element import DATA_ABSENT

_STATUS = "unknown"
_CODE = "UNK"  # v3-NullFlavor


def with_stored_kept(entries: Sequence[Entry]) -> list[Entry]:
    """The entries; those that update what is stored leave it where they have only a placeholder for it."""
    return [_kept(entry) if entry.merge else entry for entry in entries]


def _kept(entry: Entry) -> Entry:
    names = [
        name
        for name, value in entry.resource.items()
        if (value.__class__ is not str or value == _STATUS)  # as most are, and say something
        and name not in entry.keep
        and _says_nothing(name, value)
    ]
    if not names:
        return entry
    stems = tuple(stem for stem in _CHOICES if any(name.removeprefix("_").startswith(stem) for name in names))
    remove = tuple(one for one in entry.remove if not (stems and one.startswith(stems)))
    return entry._replace(keep=(*entry.keep, *names), remove=remove)


# Elements with several forms, of which one may be a placeholder (libs.store.merge knows them too).
_CHOICES = ("effective", "occurrence", "medication")


def _says_nothing(name: str, value: Any) -> bool:
    if name == "status":
        return bool(value == _STATUS)
    if name == "class":
        return isinstance(value, Mapping) and value.get("code") == _CODE
    return isinstance(value, dict | list) and _is_absent(value)


def _is_absent(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(map(_is_absent, value))
    if not isinstance(value, dict) or len(value) != 1:
        return False
    [(name, part)] = value.items()
    if name == "extension":
        return all(one["url"] == DATA_ABSENT for one in part)
    if name == "text":
        return bool(part == _STATUS)
    return _is_absent(part)
