"""Tokens that the review page gives out with the image of each page, and that come back with an approval.

A token proves that the portal gave this page to this provider at this time. The browser adds the seconds until
the page was on the screen. Nobody can check this addition, so the certificate calls it *reported by the browser*."""

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chalicelib.domain.expiring_records import SESSION_LIFETIME
from chalicelib.services.signed_tokens import from_base64url, sign, to_base64url

MAX_TEXT = 16_000
"""The longest text of page tokens, in characters: 200 pages with room to spare."""

_BYTES = 12


@dataclass(frozen=True, kw_only=True)
class ShownPage:
    """A page of a document that the browser showed at the time `at`, as the browser reported with its page token.

    `entry` is the report itself as it came in the form, so that a refused form can be filled in with it again."""

    number: int
    at: datetime
    entry: str


def make_page_token(key: bytes, reader: str, number: int, now: datetime) -> str:
    """Return a signed token that proves that this reader got this page now. `reader` names document and provider."""
    stamp = f"{number}.{int(now.timestamp())}"
    return f"{stamp}.{to_base64url(_mac(key, reader, stamp))}"


def read_shown_pages(keys: Iterable[bytes], reader: str, text: str, now: datetime) -> list[ShownPage]:
    """Return the pages that the form's `text` reports as shown to this reader, by number. Ignore invalid tokens."""
    known = tuple(keys)
    entries = text[:MAX_TEXT].split(",")
    pages = {page.number: page for page in _read_entries(known, reader, entries, now)}
    return [pages[number] for number in sorted(pages)]


def _read_entries(keys: tuple[bytes, ...], reader: str, entries: list[str], now: datetime) -> Iterator[ShownPage]:
    for entry in entries:
        try:
            number, opened_at, mac, seconds = entry.split(".")
            signature, opened = from_base64url(mac), datetime.fromtimestamp(int(opened_at), UTC)
            shown = opened + timedelta(seconds=int(seconds))
            page = ShownPage(number=int(number), at=min(max(shown, opened), now), entry=entry)
        except (ValueError, OverflowError):
            continue
        stamp = f"{number}.{opened_at}"
        is_ours = any(hmac.compare_digest(_mac(key, reader, stamp), signature) for key in keys)
        if is_ours and now - opened < SESSION_LIFETIME:
            yield page


def _mac(key: bytes, reader: str, stamp: str) -> bytes:
    return sign(key, f"page-shown:{reader}:{stamp}".encode())[:_BYTES]
