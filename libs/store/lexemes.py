"""Strings as the index has them, and the questions that it can answer about them.

A lexeme is `org type parameter value`: one GIN index serves every organization and parameter, and none
meets the strings of another.
"""

LONGEST_STRING = 300  # characters of a value; PostgreSQL takes lexemes of 2,046 bytes


def lexeme(org: str, kind: str, parameter: str, value: str) -> str:
    """The string as the index has it; what is longer than it may be is found by its beginning."""
    return f"{org} {kind} {parameter} {value[:LONGEST_STRING]}".replace("\0", "\N{SYMBOL FOR NULL}")


def quoted(lexeme: str) -> str:
    """The lexeme as a literal of tsvector and tsquery."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def beginning(org: str, kind: str, name: str, value: str) -> str:
    """A tsquery for the lexemes whose value begins like that."""
    return quoted(lexeme(org, kind, name, value)) + ":*"


def containing(org: str, kind: str, name: str, value: str) -> str:
    """A LIKE pattern for the lexemes whose value has that in it."""
    return f"{_literal(lexeme(org, kind, name, ''))}%{_literal(value)}%"


def steps_to(uri: str) -> list[str]:
    """`uri` and what is above it: http://a/b/c, http://a/b, http://a."""
    start = uri.find("//") + 2 if "//" in uri else 0
    ends = [i for i, c in enumerate(uri) if c in "/:" and i > start]
    return [uri, *(uri[:end] for end in reversed(ends))]


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
