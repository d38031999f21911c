"""What a validation has found so far, and where."""

from libs.fhir.outcome import Issue, Severity

MAX_ISSUES = 100  # of a severity

Found = tuple[Severity, str, str, list[str | int]]  # the path from the inside out


class Findings:
    """Findings so far, and what a check must know of the resource around it."""

    __slots__ = ("contained", "depth", "errors", "found", "local")

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.errors = 0
        self.contained: frozenset[str] = frozenset()  # ids of the resources contained in this one
        self.local: set[str] = set()  # ids that something refers to by #id
        self.depth = 0

    def error(self, code: str, says: str, *path: str | int) -> None:
        if self.errors < MAX_ISSUES:
            self.errors += 1
            self.found.append(("error", code, says, [*path]))

    def warn(self, code: str, says: str, *path: str | int) -> None:
        if len(self.found) - self.errors < MAX_ISSUES:
            self.found.append(("warning", code, says, [*path]))

    def issues(self, root: str) -> list[Issue]:
        """The findings in a resource of type `root`."""
        return [
            Issue(severity, code, _expression(root, path), says) for severity, code, says, path in self.found
        ]

    def under(self, step: str | int, since: int) -> None:
        """Everything found since then was found below `step`."""
        for finding in self.found[since:]:
            finding[3].append(step)


def _expression(root: str, path: list[str | int]) -> str:
    """As FHIRPath, which has no underscores: `_birthDate` is where birthDate's extensions are."""
    return root + "".join(
        f"[{step}]" if isinstance(step, int) else f".{step.removeprefix('_')}" for step in reversed(path)
    )
