"""Compiles the FHIRPath of R4's search parameters into walks: where to go in the JSON and what type is there.

R4 uses a small subset: paths, unions, `as`, `where(resolve() is T)`, `where(a='b')`, `[0]` and one
`exists() and`. A walk is [path, type, extras]: the path's steps are JSON property names, choices resolved
(`effectiveDateTime`), so that following one needs no knowledge of types.
"""

import re
from typing import Any

from libs.fhir.definitions.generate_structures import Structures
from libs.fhir.definitions.generate_value_sets import ValueSets

NO_EXPRESSION = ("_text", "_content", "_query")
NOT_A_VALUE = {"Patient.deceased.exists() and Patient.deceased != false": [["deceased", "deceased"]]}
SPELLED = {"DateTime": "dateTime"}  # as one composite writes it

_STEP = re.compile(
    r"(?P<as>as\((?P<type>\w+)\))|where\(resolve\(\) is (?P<target>\w+)\)"
    r"|where\((?P<key>\w+)\s*=\s*'(?P<value>[^']*)'\)|(?P<name>\w+)(?P<first>\[0\])?"
)

Walk = list[Any]  # [path, type] or [path, type, extras]


def compile_parameter(
    parameter: dict[str, Any], base: str, structures: Structures, value_sets: ValueSets, codes: dict[str, str]
) -> dict[str, Any]:
    """The table's record of `parameter` for resources of type `base`."""
    compiler = _Compiler(base, structures, value_sets)
    record: dict[str, Any] = {"kind": parameter["type"], "url": parameter["url"]}
    if "target" in parameter:
        record["targets"] = parameter["target"]
    expression = parameter.get("expression", "")
    if parameter["type"] == "composite":
        record["composite"] = [
            {
                "path": path,
                "parts": [
                    [codes[part["definition"]], compiler.walks(node, part["expression"])]
                    for part in parameter["component"]
                ],
            }
            for path, node in compiler.bases(expression)
        ]
    elif expression:
        record["walks"] = compiler.walks(base, expression)
    return record


class _Compiler:
    def __init__(self, base: str, structures: Structures, value_sets: ValueSets) -> None:
        self.base = base
        self.structures = structures
        self.value_sets = value_sets

    def bases(self, expression: str) -> list[tuple[str, str]]:
        """(JSON path, node) of each element a composite pairs values in; the resource's own path is empty."""
        found = []
        for part in _union(expression):
            root, _, path = part.partition(".")
            if root == self.base:
                found.append((path, self.walks(self.base, part)[0][1] if path else root))
        return found

    def walks(self, node: str, expression: str) -> list[Walk]:
        if expression in NOT_A_VALUE:
            return [list(walk) for walk in NOT_A_VALUE[expression]]
        return [walk for part in _union(expression) for walk in self._part(node, part)]

    def _part(self, node: str, part: str) -> list[Walk]:
        if part.startswith("%resource."):
            return []  # pairs a list with another by position, which it cannot mean; answered without it
        steps = _steps(part)
        if steps[0].get("name", "") in ("Resource", "DomainResource", self.base):
            steps = steps[1:]
        elif steps[0].get("name", "")[0].isupper():
            return []  # for another type that shares the parameter
        return self._follow(steps, [node], [[]], {})

    def _follow(
        self, steps: list[dict[str, str]], nodes: list[str], paths: list[list[str]], extras: dict[str, Any]
    ) -> list[Walk]:
        """Take the steps from where `paths` lead, `nodes` being the types there."""
        for step in steps:
            if "type" in step:
                kept = [
                    (path, node)
                    for path, node in zip(paths, nodes, strict=True)
                    if node == SPELLED.get(step["type"], step["type"])
                ]
                paths, nodes = [path for path, _ in kept], [node for _, node in kept]
            elif "target" in step:
                extras = extras | {"target": step["target"]}
            elif "key" in step:
                extras = extras | {"where": [len(paths[0]) - 1, step["key"], step["value"]]}
            else:
                taken = [
                    ([*path, *key], kind, extra)
                    for path, node in zip(paths, nodes, strict=True)
                    for key, kind, extra in self._element(node, step["name"], "first" in step)
                ]
                paths, nodes = [path for path, _, _ in taken], [kind for _, kind, _ in taken]
                for _, _, extra in taken:
                    extras = extras | extra
        return [
            [".".join(path), node, extras] if extras else [".".join(path), node]
            for path, node in zip(paths, nodes, strict=True)
        ]

    def _element(self, node: str, name: str, first: bool) -> list[tuple[list[str], str, dict[str, Any]]]:
        element = self.structures.element(node, name)
        if element is None:
            raise ValueError(f"{self.base}: no element {name} in {node}")
        _, _, _, types, facts = element
        if "choice" in facts:
            return [([name + kind[0].upper() + kind[1:]], kind, {}) for kind in types]
        extra: dict[str, Any] = {}
        if (
            types == ["code"]
            and "binding" in facts
            and (system := self.value_sets.system_of(facts["binding"]))
        ):
            extra["system"] = system
        if first:
            extra["first"] = 1
        return [([name], types[0], extra)]


def _union(expression: str) -> list[str]:
    return [_unwrapped(part.strip()) for part in expression.split("|") if part.strip()]


def _unwrapped(part: str) -> str:
    """`(a.b as T).c` as `a.b.as(T).c`."""
    cast = re.fullmatch(r"\((.+?) as (\w+)\)(.*)", part)
    if cast:
        return f"{cast[1]}.as({cast[2]}){cast[3]}"
    return part[1:-1] if part.startswith("(") else part


def _steps(part: str) -> list[dict[str, str]]:
    found = []
    position = 0
    while position < len(part):
        step = _STEP.match(part, position)
        if step is None:
            raise ValueError(f"an expression this compiler does not know: {part}")
        found.append({name: text for name, text in step.groupdict().items() if text})
        position = step.end() + 1
    return found
