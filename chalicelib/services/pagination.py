"""Cursors and limits of lists. A cursor is a position in the list's order, so new rows repeat or skip no row."""

import re

from chalicelib.domain.errors import FieldError, Invalid
from chalicelib.services.signed_tokens import from_base64url, to_base64url

DEFAULT_LIMIT = 50
MAX_LIMIT = 100

_PLACE = re.compile(r"(?:[0-9-]{10}#)?[0-9T:.Z-]{10,30}#[a-z0-9_]{1,64}\|[a-z0-9_]{1,64}")
_NUMBER = re.compile(r"[0-9]{10,30}")


def list_name(listing: str, owner: str) -> str:
    """Return the name of one owner's list. A cursor contains the name, so that it is invalid for any other list."""
    return f"{listing}:{owner}"


def encode_cursor(place: str | None, *, of: str = "") -> str | None:
    """Return the opaque cursor with which an API client requests the next page, or None at the end of the list.

    `place` is the database's key of the last row on this page. `of` is the name of the list, from `list_name`."""
    if place is None:
        return None
    return to_base64url(f"{of}~{place}".encode())


def decode_cursor(
    cursor: str | None, name: str = "cursor", *, of: str = "", pattern: re.Pattern[str] = _PLACE
) -> str | None:
    """Return the database's key from a cursor of `encode_cursor`, after which the page starts, or None without a
    cursor.

    `of` is the name of the list, from `list_name`. Raises `Invalid` for the query parameter `name` if the cursor is of
    another list or its key does not match `pattern`."""
    if not cursor:
        return None
    place = _decode_position(cursor, of)
    if not pattern.fullmatch(place):
        raise invalid_parameter(name, "must be the cursor of an earlier response of the same list")
    return place


def decode_number_cursor(cursor: str | None, name: str = "cursor") -> int | None:
    """Return the number from a cursor of a list that is sorted by a number, or None without a cursor.

    The page starts after this number. Raises `Invalid` for the query parameter `name` if the cursor has no number."""
    place = decode_cursor(cursor, name, pattern=_NUMBER)
    return int(place) if place else None


def parse_limit(text: str | None) -> int:
    """Return the number of rows per page (1 to 100) from a query parameter, or 50 for None.

    Raises `Invalid` for any other text."""
    if text is None:
        return DEFAULT_LIMIT
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_LIMIT:
        raise invalid_parameter("limit", f"must be a whole number from 1 to {MAX_LIMIT}")
    return int(text)


def _decode_position(cursor: str, of: str) -> str:
    """Return the database's key from a cursor of the list named `of`, or an empty text for any other cursor."""
    try:
        text = from_base64url(cursor).decode("ascii")
    except ValueError:
        return ""
    its_list, _, place = text.rpartition("~")
    return place if its_list == of else ""


def invalid_parameter(name: str, message: str) -> Invalid:
    return Invalid(f"The query parameter {name} {message}.", errors=(FieldError(name, message),))
