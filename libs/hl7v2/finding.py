"""One thing in a message that is not as the standard has it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """It never holds a message's content, so that it may be logged and sent back."""

    severity: str  # table 0516: E (error), W (warning), I (information)
    code: str  # table 0357
    # As ERR-2 wants it: segment^sequence[^field[^repetition[^component[^subcomponent]]]]; "" for no segment.
    location: str
    text: str

    @property
    def path(self) -> str:
        """The place as people write it: `PID[2]-3[1].4`."""
        if not self.location:
            return ""
        segment, sequence, *rest = self.location.split("^")
        path = segment if sequence == "1" else f"{segment}[{sequence}]"
        if not rest:
            return path
        field, *rest = rest
        repetition = f"[{rest[0]}]" if rest and rest[0] != "1" else ""
        return f"{path}-{field}{repetition}" + "".join(f".{number}" for number in rest[1:])
