"""Which components are read of the fields that a mapping reads part by part, for the report.

The data types of `datatypes/` that know their field state what they read of it; of a field that neither they
nor this table name, the first component is read.
"""

from collections.abc import Mapping
from types import MappingProxyType

FIRST = frozenset({1})
_TWO = frozenset({1, 2})
_HD = frozenset({1, 2, 3})
_EI = frozenset({1, 2, 3, 4})
_ORGANIZATION = frozenset({1, 2, 3})  # of a CWE: number, name and system

# Of these less is carried than their data type reads: the first coding, and its name or the original text.
NARROWED: Mapping[tuple[str, int], frozenset[int]] = MappingProxyType(
    {
        **dict.fromkeys([("PID", 10), ("PID", 22)], frozenset({1, 2, 3, 9})),
        ("AIG", 3): frozenset({1, 2, 9}),
    }
)

COMPONENTS: Mapping[tuple[str, int], frozenset[int]] = MappingProxyType(
    {
        **dict.fromkeys(
            [
                *(("DG1", field) for field in (20, 22)),
                ("FT1", 23),
                ("GOL", 4),
                ("IAM", 7),
                *(("OBR", field) for field in (2, 3)),
                *(("OBX", field) for field in (18, 21)),
                *(("ORC", field) for field in (2, 3, 4, 38)),
                ("PRB", 4),
                *(("PR1", field) for field in (19, 25)),
                *(("PRT", field) for field in (1, 10, 16)),
                *(("RF1", field) for field in (6, 11)),
                ("ROL", 1),
                ("RXA", 29),
                ("RXD", 35),
                ("RXG", 31),
                *(("SCH", field) for field in (1, 2, 26, 27)),
                ("SPM", 32),
                *(("TXA", field) for field in (12, 13)),
            ],
            _EI,
        ),
        **dict.fromkeys(
            [
                *(("MSH", field) for field in (3, 4, 5, 6, 9, 24, 25)),
                ("PID", 20),
                ("PID", 34),
                ("PRD", 7),
            ],
            _HD,
        ),
        **dict.fromkeys(
            [
                ("AUT", 2),
                ("IN3", 18),
                ("OBX", 15),
                ("RXA", 17),
                ("RXD", 20),
                ("RXG", 21),
                ("RXE", 40),
                ("RXO", 32),
                ("FT1", 13),
            ],
            _ORGANIZATION,
        ),
        **dict.fromkeys(
            [
                ("AIG", 14),
                ("AIL", 12),
                ("AIP", 12),
                ("AIS", 10),
                ("FT1", 4),
                ("GOL", 18),
                ("MSH", 11),
                *(("OBR", field) for field in (9, 26, 29, 54)),
                ("OBX", 33),
                ("ODS", 2),
                ("ORC", 8),
                ("PDA", 7),
                *(("PRB", field) for field in (13, 14)),
                ("PV1", 20),
                ("RF1", 24),
                *(("RXD", field) for field in (9, 12, 30)),
                ("RXE", 19),
                *(("RXG", field) for field in (9, 27)),
                *(("RXO", field) for field in (6, 23)),
                ("SCH", 25),
                *(("SPM", field) for field in (2, 3, 12, 17)),
                *(("TQ1", field) for field in (2, 6, 13)),
            ],
            _TWO,
        ),
        ("IN1", 2): frozenset({1, 2, 3, 4, 6, 10, 12}),
        ("OBR", 15): frozenset({1, 2, 3, 4, 6}),
        ("OBR", 16): frozenset({*range(1, 8), *range(9, 15), *range(17, 22)}),  # that of ORC-12, mostly
        ("OBX", 5): frozenset(range(1, 256)),  # by its type; what is not read makes a string
        **dict.fromkeys((("OBR", 27), ("ORC", 7)), frozenset({1, 2, 3, 4, 5, 6, 8, 12})),
        ("ORC", 17): _ORGANIZATION,
        ("ORC", 18): frozenset({1, 2, 3, 9}),
        ("PID", 6): frozenset({1, 2, 3, 4, 5}),
        ("RXA", 4): _EI,
        ("RXD", 4): _EI,
        **dict.fromkeys((("RXE", 1), ("RXG", 3)), frozenset({1, 2, 3, 4, 5, 8, 12})),
        ("SCH", 11): frozenset({1, 4, 5}),
        ("STF", 1): frozenset({1, 3}),
        ("TQ1", 3): frozenset({1, 2, 5, 6, 8}),
    }
)
