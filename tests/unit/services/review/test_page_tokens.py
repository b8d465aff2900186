"""Test the signed tokens with which a browser proves, at an approval, that the portal has shown it each page."""

from datetime import timedelta

import pytest

from chalicelib.services.review.page_tokens import make_page_token, read_shown_pages
from tests.support.fakes import START

KEY, READER = b"k" * 32, "doc_1:prv_1"
LATER = START + timedelta(minutes=5)


def token(number: int = 1, reader: str = READER, key: bytes = KEY) -> str:
    return make_page_token(key, reader, number, START)


def test_a_returned_token_names_its_page_and_the_reported_time() -> None:
    text = f"{token(2)}.90,{token(1)}.7"
    shown = [(page.number, page.at - START) for page in read_shown_pages([KEY], READER, text, LATER)]
    assert shown == [(1, timedelta(seconds=7)), (2, timedelta(seconds=90))]


def test_no_page_was_shown_after_now_or_before_its_opening() -> None:
    pages = read_shown_pages([KEY], READER, f"{token(1)}.9999999,{token(2)}.-50", LATER)
    assert [page.at for page in pages] == [LATER, START]


def test_a_token_of_a_rotated_key_is_still_good() -> None:
    assert read_shown_pages([b"new" * 10, KEY], READER, f"{token()}.1", LATER)


@pytest.mark.parametrize(
    "text",
    [
        "1,2,3",
        "",
        f"{token()}",
        f"{token(reader='doc_2:prv_1')}.1",
        f"{token(reader='doc_1:prv_2')}.1",
        f"{token(key=b'other' * 6)}.1",
        f"3{token()[1:]}.1",
        f"{token()}.x",
        "1.99999999999999999999.abcd.1",
    ],
)
def test_any_other_text_shows_no_page(text: str) -> None:
    assert read_shown_pages([KEY], READER, text, LATER) == []


def test_a_token_ends_with_the_longest_session() -> None:
    text = f"{token()}.1"
    assert read_shown_pages([KEY], READER, text, START + timedelta(hours=12, seconds=-1))
    assert not read_shown_pages([KEY], READER, text, START + timedelta(hours=12))
