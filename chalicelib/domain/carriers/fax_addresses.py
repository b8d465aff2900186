"""The email addresses of practices to which a fax service forwards received faxes.

An address has the practice's id and a random token, so nobody can guess it. Whoever knows it may write to it, so an
email proves nothing about its sender (docs/decisions/061)."""

from dataclasses import dataclass
from hmac import compare_digest

from chalicelib.domain.practices import Practice

LIVE_TOKENS = 2
"""The most addresses of a practice that work: the newest, and the one before it unless it was ended."""


@dataclass(frozen=True)
class FaxAddress:
    """The parts of an address for forwarded faxes: a practice's id, and a token that must be one of the practice's."""

    practice_id: str
    token: str

    def is_of(self, practice: Practice) -> bool:
        """Return True if the token is one of the practice's tokens that work."""
        # A comparison of text that stops early would tell how much of a guess is right.
        found = [compare_digest(self.token.encode(), token.encode()) for token in practice.fax_tokens]
        return self.practice_id == practice.id and any(found)


def fax_address(practice: Practice, domain: str) -> str | None:
    """Return the practice's newest address for forwarded faxes, or None without one.

    `domain` is the installation's domain for such emails, or empty."""
    return f"{practice.id}.{practice.fax_tokens[0]}@{domain}" if domain and practice.fax_tokens else None


def read_fax_address(address: str, domain: str) -> FaxAddress | None:
    """Return the parts of an address at the installation's `domain` for forwarded faxes, or None for another address.

    The parts may name a practice that does not exist."""
    local, _, at = address.lower().rpartition("@")
    practice_id, _, token = local.partition(".")
    return FaxAddress(practice_id, token) if domain and at == domain and practice_id and token else None
