"""Providers whom no other test knows."""

import random
import string
from dataclasses import dataclass

from chalicelib.domain import npi

CHANCE = random.SystemRandom()
PASSWORD = "velvet harbour quartz lantern"
ANOTHER_PASSWORD = "copper meadow violin thunder"


@dataclass(frozen=True)
class Person:
    """A provider, as a clinic names them."""

    first_name: str
    last_name: str
    credential: str
    npi: str
    email: str
    fax: str

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


def someone() -> Person:
    """A provider with a name, an NPI, an address and a fax number of their own."""
    letters = "".join(CHANCE.choices(string.ascii_lowercase, k=8))
    return Person(
        first_name="Luis",
        last_name=f"Rivera {letters.title()}",
        credential="MD",
        npi=some_npi(),
        email=f"dr.{letters}@example.com",
        fax=f"+1512{CHANCE.randrange(230, 900)}{CHANCE.randrange(10_000):04}",
    )


def some_npi() -> str:
    """Ten digits with a right check digit."""
    first = f"1{CHANCE.randrange(10**8):08}"
    return next(f"{first}{digit}" for digit in range(10) if npi.is_valid(f"{first}{digit}"))
