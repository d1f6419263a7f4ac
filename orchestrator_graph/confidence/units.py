"""Units of measurement by name and symbol, as far as answers are checked for them. Data only, and one look-up."""

import re

__all__ = ["UNITS", "units_in"]

UNITS: dict[str, tuple[str, str]] = {
    "mm": ("length", r"mm|millimet(?:er|re)s?"),
    "cm": ("length", r"cm|centimet(?:er|re)s?"),
    "m": ("length", r"m|met(?:er|re)s?"),
    "km": ("length", r"kms?|kilomet(?:er|re)s?"),
    "mile": ("length", r"mi|miles?"),
    "foot": ("length", r"ft|foot|feet"),
    "inch": ("length", r"inch(?:es)?"),
    "g": ("mass", r"g|grams?"),
    "kg": ("mass", r"kgs?|kilos?|kilograms?"),
    "pound": ("mass", r"lbs?"),
    "ounce": ("mass", r"oz|ounces?"),
    "s": ("time", r"s|secs?|seconds?"),
    "min": ("time", r"mins?|minutes?"),
    "h": ("time", r"h|hrs?|hours?"),
    "day": ("time", r"days?"),
    "week": ("time", r"weeks?"),
    "month": ("time", r"months?"),
    "year": ("time", r"years?|yrs?"),
    "celsius": ("temperature", r"\u00b0\s?c|celsius|degrees? c(?:elsius)?"),
    "fahrenheit": ("temperature", r"\u00b0\s?f|fahrenheit|degrees? f(?:ahrenheit)?"),
    "kelvin": ("temperature", r"k|kelvins?"),
    "litre": ("volume", r"l|lit(?:er|re)s?"),
    "ml": ("volume", r"ml|millilit(?:er|re)s?"),
    "gallon": ("volume", r"gal|gallons?"),
}
"""Name -> (dimension, how it is written). Only units of one dimension stand in for each other."""
_WRITTEN = {
    name: re.compile(rf"\d\)?\s*-?(?:(?:million|thousand|billion) )?(?:{way})(?![\w\u00b0])", re.IGNORECASE)
    for name, (_, way) in UNITS.items()
}
_NAMED = {
    name: re.compile(rf"(?<![\w\u00b0])(?:{way})(?![\w\u00b0])", re.IGNORECASE) for name, (_, way) in UNITS.items()
}


def units_in(text: str, *, bare: bool = False) -> set[str]:
    """The units that follow a number in a text; with `bare`, also those that stand alone.

    >>> sorted(units_in("About 5 km, or 3.1 miles")), units_in("how many minutes", bare=True)
    (['km', 'mile'], {'min'})
    """
    return {name for name, pattern in (_NAMED if bare else _WRITTEN).items() if pattern.search(text)}
