"""Cursors: where a list goes on. A cursor is a place in the order, so inserts repeat and skip nothing."""

import base64
import binascii
import re

from chalicelib.domain.errors import FieldError, Invalid

DEFAULT_LIMIT = 50
MAX_LIMIT = 100

_PLACE = re.compile(r"(?:[0-9-]{10}#)?[0-9T:.Z-]{10,30}#[a-z0-9_]{1,64}\|[a-z0-9_]{1,64}")
_NOT_OURS = "must be what an earlier answer of the same list gave as the place to go on from"


def list_name(listing: str, owner: str) -> str:
    """What a cursor is bound to: a list, and whose it is. In another list it would skip rows in silence."""
    return f"{listing}:{owner}"


def cursor_of(place: str | None, *, of: str = "") -> str | None:
    """The opaque form of a store's `next_after`; `of` names the list that it belongs to."""
    if place is None:
        return None
    return base64.urlsafe_b64encode(f"{of}~{place}".encode()).decode().rstrip("=")


def place_of(cursor: str | None, name: str = "cursor", *, of: str = "") -> str | None:
    """The store's `after`; `Invalid`, naming the parameter, for what that list has not given out."""
    if not cursor:
        return None
    place = _place_in(cursor, of)
    if not _PLACE.fullmatch(place):
        raise _wrong(name, _NOT_OURS)
    return place


def number_of(cursor: str | None, name: str = "cursor") -> int | None:
    """The place in a trail that is ordered by a number; `Invalid` for what is none."""
    if not cursor:
        return None
    place = _place_in(cursor, of="")
    if not re.fullmatch(r"[0-9]{10,30}", place):
        raise _wrong(name, _NOT_OURS)
    return int(place)


def limit_of(text: str | None) -> int:
    """1 to 100 rows; 50 if nothing is said."""
    if text is None:
        return DEFAULT_LIMIT
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_LIMIT:
        raise _wrong("limit", f"must be a whole number from 1 to {MAX_LIMIT}")
    return int(text)


def _place_in(cursor: str, of: str) -> str:
    """The place that a cursor of that list stands for; nothing for any other's."""
    its_list, _, place = _decoded(cursor).rpartition("~")
    return place if its_list == of else ""


def _decoded(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return ""


def _wrong(name: str, message: str) -> Invalid:
    return Invalid(f"The query parameter {name} {message}.", errors=(FieldError(name, message),))
