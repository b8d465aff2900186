"""Emails with faxes that a clinic's fax service forwarded, as SES reported them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    """What the checks of SES found in an email that came in.

    - `CLEAN`: nothing.
    - `SPAM`: the email looks like spam.
    - `VIRUS`: a virus, or the check for viruses failed."""

    CLEAN = "clean"
    SPAM = "spam"
    VIRUS = "virus"


@dataclass(frozen=True, kw_only=True)
class FaxMail:
    """An email that came in at an address of a practice. `id` is SES's id of the email, and names its stored file."""

    id: str
    practice_id: str
    at: datetime
    verdict: Verdict
