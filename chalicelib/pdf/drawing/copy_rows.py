"""The rows of a certificate about a copy that was signed on paper and came back by fax."""

from collections.abc import Iterator, Sequence

from chalicelib.pdf.drawing.sealed_page import group_digits
from chalicelib.pdf.models import CopyOrigin, FaxOrigin
from chalicelib.pdf.text.bidi import isolate
from chalicelib.pdf.text.local_times import format_local_time, format_utc_time


def list_copy_rows(origin: CopyOrigin, time_zone: str) -> list[tuple[str, str | None]]:
    """Return labels with values: who read the copy, the date on it, the faxes, and where each page is from.

    Times are in the IANA `time_zone` and in UTC. A value of None is not printed."""
    signed_on = f"{origin.signed_on:%m/%d/%Y}, as read on the copy" if origin.signed_on else None
    return [
        ("Read by", isolate(origin.confirmed_by)),
        ("Signed on", signed_on),
        *(row for fax in origin.faxes for row in _list_fax_rows(fax, time_zone)),
        ("Not faxed back", _describe_original_pages(origin.original_pages)),
    ]


def _list_fax_rows(fax: FaxOrigin, time_zone: str) -> Iterator[tuple[str, str]]:
    at = f"{format_local_time(fax.received_at, time_zone)} ({format_utc_time(fax.received_at)})"
    if fax.by_email:
        yield "Received by email", f"{at}, at the clinic's address for faxes. The sender was not verified"
    else:
        yield "Received by fax", f"{at}, from {fax.sender or 'a number that was withheld'}"
    loose = _describe_loose(fax.loose, "without a readable page number")
    foreign = _describe_loose(fax.foreign, "of another version or document")
    yield "Pages by fax", ". ".join(filter(None, (_name_pages(fax.pages), loose, foreign)))
    yield "SHA-256, fax", group_digits(fax.sha256)


def _describe_loose(count: int, what: str) -> str:
    """Return a sentence without its period about the sheets that are no page of the document, or an empty text.

    `what` describes them."""
    if not count:
        return ""
    sheets, follow = ("1 sheet", "follows") if count == 1 else (f"{count} sheets", "follow")
    return f"{sheets} {what} {follow} the last page"


def _describe_original_pages(pages: Sequence[int]) -> str | None:
    if not pages:
        return None
    return f"{_name_pages(pages)}. {'It is' if len(pages) == 1 else 'They are'} taken from the original."


def _name_pages(pages: Sequence[int]) -> str:
    """Return the pages in words, such as `Pages 1, 2, 2 and 4`, or an empty text without pages."""
    if not pages:
        return ""
    *others, last = map(str, pages)
    return f"Pages {', '.join(others)} and {last}" if others else f"Page {last}"
