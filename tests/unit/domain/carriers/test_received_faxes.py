from datetime import UTC, datetime

import pytest

from chalicelib.domain.carriers.received_faxes import (
    UNMATCHED,
    PageMatch,
    ReceivedFax,
    ReceivedPage,
    read_received_fax_id,
    received_fax_id,
)

PAGES = tuple(ReceivedPage(number=number, match=PageMatch.UNREADABLE) for number in (1, 2))
FAX = ReceivedFax(
    id="fax_12",
    practice_id="prc_1",
    sort_key=12,
    carrier_id="0ccc",
    received_at=datetime(2026, 11, 24, tzinfo=UTC),
    sender=None,
    file_key="x",
    sha256="y",
    is_partial=False,
    pages=PAGES,
)


def test_an_id_is_read_back() -> None:
    assert read_received_fax_id(received_fax_id(1795374000000000911312)) == 1795374000000000911312


@pytest.mark.parametrize(
    "text", ["", "12", "fax_", "fax_x", "fax_-1", "xfax_1", "fax_1 ", "fax_\u0661", "fax_" + "1" * 31]
)
def test_any_other_text_is_no_id(text: str) -> None:
    assert read_received_fax_id(text) is None


def test_the_longest_id_is_read() -> None:
    assert read_received_fax_id("fax_" + "1" * 30) == int("1" * 30)


def test_a_page_is_found_by_its_number() -> None:
    assert (FAX.page(1), FAX.page(2), FAX.page(0), FAX.page(3)) == (*PAGES, None, None)


def test_a_page_of_another_practice_cannot_be_assigned() -> None:
    assert set(UNMATCHED) == {PageMatch.LEFT_OVER, PageMatch.OLDER_VERSION, PageMatch.UNREADABLE}
