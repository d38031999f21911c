"""Which fields are read in every repetition, for the report; of any other the first is read.

As in `components.py`, a test holds this to what the mapping reads.
"""

from collections.abc import Mapping
from types import MappingProxyType

REPEATED: Mapping[str, frozenset[int]] = MappingProxyType(
    {
        name: frozenset(fields)
        for name, fields in {
            "ACC": (7,),
            "AIP": (3,),
            "AIS": (3, 11, 12),
            "AL1": (5,),
            "ARQ": (6, 7, 15, 16, 17, 19, 20, 24, 25),
            "CTD": (2, 3, 5),
            "DG1": (16,),
            "EVN": (5,),
            "FT1": (19, 20, 21, 24, 26, 38, 39),
            "GOL": (9, 10),
            "GT1": (2, 3, 5, 6, 7, 19),
            "IAM": (5, 14, 23),
            "IAR": (1,),
            "IN1": (3, 5, 6, 7, 10, 16, 19, 30, 44, 49, 54),
            "IN2": (1, 26, 61, 63, 64),
            "LOC": (3, 6),
            "MRG": (1, 2, 4, 7),
            "MSH": (18, 21),
            "NK1": (2, 4, 5, 6, 12, 30, 31, 32, 33, 40, 41),
            "NTE": (3, 5),
            "OBR": (10, 13, 16, 17, 28, 31, 32, 33, 34, 35, 39, 46, 47, 53),
            "OBX": (5, 8, 10, 16, 24, 33),
            "ODS": (3, 4),
            "ODT": (1, 3),
            "ORC": (10, 11, 12, 14, 19, 21, 22, 23, 24, 28, 33),
            "PD1": (3, 4),
            "PDA": (1, 5, 8),
            "PID": (2, 3, 4, 5, 9, 10, 11, 13, 14, 21, 22, 26, 28, 39, 40),
            "PR1": (8, 11, 12, 15, 16),
            "PRA": (3, 5, 6, 9),
            "PRB": (10,),
            "PRD": (2, 3, 5, 7, 11, 13),
            "PRT": (5, 9, 10, 14, 15, 24),
            "PV1": (4, 7, 8, 9, 15, 16, 17, 18, 20, 38, 50, 52),
            "PV2": (3, 13, 23),
            "RF1": (4, 10, 20),
            "ROL": (4, 11, 12, 13),
            "RXA": (9, 10, 18, 19),
            "RXD": (9, 10, 15, 34),
            "RXE": (7, 13, 14, 21, 27, 41, 45),
            "RXG": (9, 13),
            "RXO": (6, 7, 14, 15, 20, 33, 36),
            "RXR": (5,),
            "SCH": (6, 7, 12, 13, 14, 16, 17, 18, 20, 21, 26, 27),
            "SPM": (3, 14, 21, 24, 31),
            "STF": (2, 3, 10, 11, 15),
            "TQ1": (4,),
            "TXA": (5, 9, 10, 11, 14, 15, 18, 22, 23),
        }.items()
    }
)
