"""Random providers, so that tests on one deployed portal do not share a provider and its documents."""

import random
import string
from dataclasses import dataclass

from chalicelib.domain import npi

CHANCE = random.SystemRandom()
PASSWORD = "velvet harbour quartz lantern"
ANOTHER_PASSWORD = "copper meadow violin thunder"


@dataclass(frozen=True)
class Person:
    """A provider as a clinic enters the provider in the form that sends a document."""

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
    """Return a provider with a random name, NPI, email address and fax number."""
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
    """Return a random NPI (National Provider Identifier): ten digits with a valid check digit."""
    first = f"1{CHANCE.randrange(10**8):08}"
    return next(f"{first}{digit}" for digit in range(10) if npi.is_valid(f"{first}{digit}"))
