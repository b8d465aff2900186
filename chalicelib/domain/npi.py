"""National Provider Identifiers: ten digits, the last a Luhn check over the prefix 80840 (45 CFR 162.406)."""

_PREFIX = "80840"
_DIGITS = 10
_HIGHEST = 9


def is_valid(npi: str) -> bool:
    """Whether `npi` is ten digits that start with 1 or 2 and carry the right check digit."""
    if len(npi) != _DIGITS or not npi.isascii() or not npi.isdigit() or npi[0] not in "12":
        return False
    return _luhn(_PREFIX + npi) % 10 == 0


def _luhn(digits: str) -> int:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - _HIGHEST if value > _HIGHEST else value
    return total
