"""National Provider Identifiers: ten digits with a Luhn check over the prefix 80840 (45 CFR 162.406)."""

_PREFIX = "80840"
_DIGITS = 10
_HIGHEST = 9


def is_valid(npi: str) -> bool:
    """Return True if `npi` is ten digits, starts with 1 or 2, and ends with the right check digit."""
    if len(npi) != _DIGITS or not npi.isascii() or not npi.isdigit() or npi[0] not in "12":
        return False
    values = [int(digit) * (1 + position % 2) for position, digit in enumerate(reversed(_PREFIX + npi))]
    return sum(value - _HIGHEST if value > _HIGHEST else value for value in values) % 10 == 0
