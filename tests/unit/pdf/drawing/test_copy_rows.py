import datetime as dt
from dataclasses import replace

import pytest

from chalicelib.pdf.drawing.copy_rows import list_copy_rows
from chalicelib.pdf.models import CopyOrigin, FaxOrigin
from chalicelib.pdf.text.bidi import isolate

AT = dt.datetime(2026, 11, 24, 19, 5, 33, tzinfo=dt.UTC)
SHA256 = "0123456789abcdef" * 4
GROUPED = " ".join(["01234567", "89abcdef"] * 4)


def fax(*pages: int, loose: int = 0, sender: str | None = "(512) 555-0100") -> FaxOrigin:
    return FaxOrigin(sender=sender, received_at=AT, sha256=SHA256, pages=pages, loose=loose)


def rows(
    *faxes: FaxOrigin, original_pages: tuple[int, ...] = (), signed_on: dt.date | None = None
) -> list[tuple[str, str | None]]:
    origin = CopyOrigin("Sam Lee at Cedar Clinic", signed_on, faxes, original_pages)
    return list_copy_rows(origin, "America/Chicago")


def test_the_rows_of_a_copy_say_who_read_it_and_how_it_came() -> None:
    assert rows(fax(1, 3), original_pages=(2,), signed_on=dt.date(2026, 11, 9)) == [
        ("Read by", isolate("Sam Lee at Cedar Clinic")),
        ("Signed on", "11/09/2026, as read on the copy"),
        ("Received by fax", "November 24, 2026, 1:05:33 PM CST (2026-11-24 19:05:33 UTC), from (512) 555-0100"),
        ("Pages by fax", "Pages 1 and 3"),
        ("SHA-256, fax", GROUPED),
        ("Not faxed back", "Page 2. It is taken from the original."),
    ]


def test_what_is_not_known_has_no_value() -> None:
    assert rows() == [("Read by", isolate("Sam Lee at Cedar Clinic")), ("Signed on", None), ("Not faxed back", None)]


def test_every_fax_has_its_own_rows() -> None:
    labels = [label for label, _ in rows(fax(1), fax(2))]
    assert labels[2:-1] == ["Received by fax", "Pages by fax", "SHA-256, fax"] * 2


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        (fax(1), "Page 1"),
        (fax(1, 2, 2, 4), "Pages 1, 2, 2 and 4"),
        (fax(1, loose=1), "Page 1. 1 sheet without a readable page number follows the last page"),
        (fax(loose=2), "2 sheets without a readable page number follow the last page"),
        (replace(fax(1), foreign=1), "Page 1. 1 sheet of another version or document follows the last page"),
        (
            replace(fax(loose=1), foreign=2),
            (
                "1 sheet without a readable page number follows the last page. "
                "2 sheets of another version or document follow the last page"
            ),
        ),
    ],
)
def test_the_pages_of_a_fax_in_words(origin: FaxOrigin, words: str) -> None:
    assert rows(origin)[3] == ("Pages by fax", words)


def test_several_pages_of_the_original() -> None:
    assert rows(original_pages=(1, 2, 4))[-1] == (
        "Not faxed back",
        "Pages 1, 2 and 4. They are taken from the original.",
    )


def test_a_number_that_was_withheld_is_not_invented() -> None:
    _, text = rows(fax(1, sender=None))[2]
    assert (text or "").endswith("from a number that was withheld")


def test_a_file_in_an_email_came_by_no_fax_number() -> None:
    assert rows(replace(fax(1, sender=None), by_email=True))[2] == (
        "Received by email",
        (
            "November 24, 2026, 1:05:33 PM CST (2026-11-24 19:05:33 UTC), at the clinic's address for faxes. "
            "The sender was not verified"
        ),
    )
