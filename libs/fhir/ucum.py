"""UCUM units that measure the same thing, so that a search in one finds values in the others.

Source: UCUM 2.1. Only units that hospitals send; any other unit is equal to itself alone.
"""

from decimal import Context, Decimal

UCUM = "http://unitsofmeasure.org"

_CONTEXT = Context(prec=34)

# Dimension -> unit -> how many of the dimension's first unit it is.
_DIMENSIONS: dict[str, dict[str, str]] = {
    "mass": {
        **{"g": "1", "kg": "1e3", "mg": "1e-3", "ug": "1e-6", "ng": "1e-9", "pg": "1e-12"},
        **{"[lb_av]": "453.59237", "[oz_av]": "28.349523125"},
    },
    "length": {
        **{"m": "1", "cm": "1e-2", "mm": "1e-3", "um": "1e-6", "km": "1e3"},
        **{"[in_i]": "0.0254", "[ft_i]": "0.3048"},
    },
    "volume": {
        **{"L": "1", "dL": "1e-1", "mL": "1e-3", "uL": "1e-6", "fL": "1e-15"},
        **{"l": "1", "dl": "1e-1", "ml": "1e-3", "ul": "1e-6", "fl": "1e-15", "cm3": "1e-3"},
    },
    "time": {
        **{"s": "1", "ms": "1e-3", "min": "60", "h": "3600", "d": "86400", "wk": "604800"},
        **{"mo": "2629800", "a": "31557600"},
    },
    "mass concentration": {
        **{"g/L": "1", "g/dL": "10", "g/mL": "1e3", "mg/dL": "1e-2", "mg/L": "1e-3", "mg/mL": "1"},
        **{"ug/mL": "1e-3", "ug/dL": "1e-5", "ug/L": "1e-6", "ng/mL": "1e-6", "ng/dL": "1e-8"},
        **{"ng/L": "1e-9", "pg/mL": "1e-9"},
    },
    "amount concentration": {
        **{"mol/L": "1", "mmol/L": "1e-3", "umol/L": "1e-6", "nmol/L": "1e-9", "pmol/L": "1e-12"},
    },
    "enzyme concentration": {"U/L": "1", "kU/L": "1e3", "mU/L": "1e-3", "U/mL": "1e3", "mU/mL": "1"},
    "unit concentration": {
        **{"[IU]/L": "1", "k[IU]/L": "1e3", "m[IU]/L": "1e-3", "[IU]/mL": "1e3", "k[IU]/mL": "1e6"},
        **{"m[IU]/mL": "1", "u[IU]/mL": "1e-3"},
    },
    "number concentration": {
        **{"/L": "1", "/mL": "1e3", "/uL": "1e6", "10*3/uL": "1e9", "10*6/uL": "1e12", "10*3/mL": "1e6"},
        **{"10*9/L": "1e9", "10*12/L": "1e12"},
    },
    "pressure": {"Pa": "1", "kPa": "1e3", "mm[Hg]": "133.322387415", "cm[H2O]": "98.0665"},
    "frequency": {"/s": "1", "/min": "0.01666666666666666666666666666666667", "Hz": "1"},
    "flow": {"L/min": "1", "mL/min": "1e-3", "L/s": "60", "mL/h": "0.00001666666666666666666666666666666667"},
    "fraction": {"1": "1", "%": "1e-2", "[ppm]": "1e-6"},
    "temperature": {"K": "1", "Cel": "1", "[degF]": "0.5555555555555555555555555555555556"},
}
_OFFSETS = {"Cel": "273.15", "[degF]": "255.3722222222222222222222222222222"}  # in kelvin, of zero

_UNITS = {
    unit: (dimension, Decimal(factor), Decimal(_OFFSETS.get(unit, "0")))
    for dimension, units in _DIMENSIONS.items()
    for unit, factor in units.items()
}


def equivalents(unit: str, low: Decimal, high: Decimal) -> list[tuple[str, Decimal, Decimal]]:
    """The range in every unit of the same dimension, `unit` itself first and exactly as given."""
    if unit not in _UNITS:
        return [(unit, low, high)]
    dimension, factor, offset = _UNITS[unit]
    base_low = _CONTEXT.fma(low, factor, offset)
    base_high = _CONTEXT.fma(high, factor, offset)
    others = [
        (other, _from_base(base_low, other), _from_base(base_high, other))
        for other in _DIMENSIONS[dimension]
        if other != unit
    ]
    return [(unit, low, high), *others]


def _from_base(value: Decimal, unit: str) -> Decimal:
    _, factor, offset = _UNITS[unit]
    return _CONTEXT.divide(_CONTEXT.subtract(value, offset), factor)
