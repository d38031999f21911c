"""Whether the segments of a message are those of its structure, in its order.

A structure is hl7apy's: (kind, children), each child (name, reference, (least, most), SEG or GRP), `most`
-1 for any number; kind is `sequence` or `choice`.
"""

from collections import Counter
from typing import Any

from libs.hl7v2.finding import Finding
from libs.hl7v2.message import Message

_ANYTHING = "ANYHL7SEGMENT"
_ANYWHERE = ("ADD", "DSC", "SFT", "UAC")  # continuation and software segments have a place of their own
Names = frozenset[str]


def check_structure(message: Message, structure: Any) -> list[Finding]:
    """The segments that are missing, and those that stand where they may not; Z segments may anywhere."""
    walk = _Walk(message)
    if _ANYTHING in walk.names(structure):
        return []
    walk.group(structure, later=frozenset())
    walk.skip_unexpected(frozenset())
    misplaced = {finding.location.partition("^")[0] for finding in walk.misplaced}
    missing = [finding for finding in walk.missing if finding.location.partition("^")[0] not in misplaced]
    return missing + walk.misplaced


class _Walk:
    """A walk along a message's segments and its structure at once."""

    def __init__(self, message: Message) -> None:
        self.missing: list[Finding] = []
        self.misplaced: list[Finding] = []
        self._segments = [segment.name for segment in message.segments]
        self._position = 0
        self._seen: Counter[str] = Counter()
        self._names: dict[int, Names] = {}
        self._openings: dict[int, Names] = {}

    def group(self, group: Any, later: Names) -> None:
        """Walk through a group once; `later` are the segments that may follow it."""
        kind, children = group[0], group[1]
        if kind == "choice":
            self.skip_unexpected(self.names(group) | later)
            children = [child for child in children if self._opens(child)][:1]
        for index, child in enumerate(children):
            after = later.union(*map(self._child_names, children[index + 1 :]))
            self._child(child, after)

    def _child(self, child: Any, after: Names) -> None:
        name, reference, (least, most), kind = child
        count = 0
        while True:
            again = most < 0 or count < most
            self.skip_unexpected(after | self._child_names(child) if again else after)
            if not again or not self._opens(child):
                break
            count += 1
            if kind == "SEG":
                self._take()
            else:
                more = most < 0 or count < most
                self.group(reference, after | self._child_names(child) if more else after)
        if count < least and kind == "SEG":
            self.missing.append(Finding("E", "100", f"{name}^1", f"{name} is required here and missing"))
        elif count < least:
            openings = " or ".join(sorted(self._opening(reference)))
            self.missing.append(
                Finding(
                    "E",
                    "100",
                    f"{openings[:3]}^1",
                    f"a group that starts with {openings} is required and missing",
                )
            )

    def skip_unexpected(self, expected: Names) -> None:
        while self._position < len(self._segments) and self._segments[self._position] not in expected:
            name = self._segments[self._position]
            self._take()
            if name.startswith("Z") or name in _ANYWHERE:
                continue
            if name:
                text = f"{name} is not expected here: not in this structure, out of order, or one too many"
                self.misplaced.append(Finding("E", "100", f"{name}^{self._seen[name]}", text))
            else:
                text = f"line {self._position} is no segment"
                self.misplaced.append(Finding("E", "100", "", text))

    def names(self, group: Any) -> Names:
        """All segments that may stand in a group."""
        if id(group) not in self._names:
            self._names[id(group)] = frozenset[str]().union(*map(self._child_names, group[1]))
        return self._names[id(group)]

    def _child_names(self, child: Any) -> Names:
        return frozenset((child[0],)) if child[3] == "SEG" else self.names(child[1])

    def _opens(self, child: Any) -> bool:
        if self._position == len(self._segments):
            return False
        name = self._segments[self._position]
        return bool(name == child[0] if child[3] == "SEG" else name in self._opening(child[1]))

    def _opening(self, group: Any) -> Names:
        """The segments that a group may start with: those of its children up to the first required one."""
        if id(group) not in self._openings:
            names: set[str] = set()
            for name, reference, (least, _), kind in group[1]:
                names |= {name} if kind == "SEG" else self._opening(reference)
                if least > 0 and group[0] != "choice":
                    break
            self._openings[id(group)] = frozenset(names)
        return self._openings[id(group)]

    def _take(self) -> None:
        self._seen[self._segments[self._position]] += 1
        self._position += 1
