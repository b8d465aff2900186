"""National Provider Identifiers: ten digits with a Luhn check over the prefix 80840 (45 CFR 162.406)."""

_PREFIX = "80840"
_DIGITS = 10
_HIGHEST = 9


def is_valid(npi: str) -> bool:
    """Return True if `npi` is ten digits, starts with 1 or 2, and ends with the right check digit."""
    if len(npi) != _DIGITS or not npi.isascii() or not npi.isdigit() or npi[0] not in "12":
        return False
    return _luhn(_PREFIX + npi) % 10 == 0


def _luhn(digits: str) -> int:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - _HIGHEST if value > _HIGHEST else value
    return total
