from dataclasses import replace
from datetime import timedelta

from chalicelib.domain.carriers.document_copies import (
    MAX_EXTRA_SHEETS,
    ConfirmedCopy,
    CopyPage,
    CopySheet,
    ReturnedCopy,
    choose_sheets,
)
from tests.support.fakes import START


def came(*pages: int | None, fax_id: str = "fax_1", hour: int = 0, is_partial: bool = False) -> ReturnedCopy:
    """Return a copy whose fax has these pages of the document. None is a page whose QR code could not be read."""
    numbered = tuple(CopyPage(number=number, page=page) for number, page in enumerate(pages, start=1))
    return ReturnedCopy(fax_id=fax_id, received_at=START + timedelta(hours=hour), pages=numbered, is_partial=is_partial)


def sheet(page: int | None, number: int, fax_id: str = "fax_1") -> CopySheet:
    return CopySheet(page=page, fax_id=fax_id, number=number)


def test_the_sheets_are_in_the_order_of_the_document() -> None:
    assert choose_sheets([came(3, 1, 2)], 3) == (sheet(1, 2), sheet(2, 3), sheet(3, 1))


def test_a_page_that_did_not_come_is_taken_from_the_original() -> None:
    assert choose_sheets([came(3)], 3) == (CopySheet(page=1), CopySheet(page=2), sheet(3, 1))


def test_the_newest_fax_wins_whatever_the_order_of_the_row() -> None:
    newer, older = came(3, fax_id="fax_2", hour=1), came(1, 3)
    for copies in ([older, newer], [newer, older]):
        assert choose_sheets(copies, 3) == (sheet(1, 1), CopySheet(page=2), sheet(3, 1, "fax_2"))


def test_a_complete_fax_wins_over_a_newer_one_that_was_cut_off() -> None:
    cut_off = came(1, 2, fax_id="fax_2", hour=1, is_partial=True)
    assert choose_sheets([came(1), cut_off], 2) == (sheet(1, 1), sheet(2, 2, "fax_2"))


def test_a_page_that_came_twice_in_one_fax_is_there_twice() -> None:
    assert choose_sheets([came(1, 1)], 1) == (sheet(1, 1), sheet(1, 2))


def test_the_same_fax_twice_is_there_once() -> None:
    again = came(1, 2, fax_id="fax_2", hour=1)
    assert choose_sheets([came(1, 2), again], 2) == (sheet(1, 1, "fax_2"), sheet(2, 2, "fax_2"))


def test_sheets_without_a_readable_number_follow() -> None:
    loose = came(None, fax_id="fax_2", hour=1)
    assert choose_sheets([came(None, 1), loose], 1) == (sheet(1, 2), sheet(None, 1, "fax_2"), sheet(None, 1))


def test_a_fax_without_any_readable_number_is_enough() -> None:
    assert choose_sheets([came(None)], 1) == (CopySheet(page=1), sheet(None, 1))


def test_no_sheet_is_left_out_because_the_signature_may_be_on_it() -> None:
    copies = [came(*[None] * MAX_EXTRA_SHEETS), came(None, fax_id="fax_2", hour=1)]
    sheets = choose_sheets(copies, 1)
    assert len(sheets) == 2 + MAX_EXTRA_SHEETS
    assert (sheets[1], sheets[-1]) == (sheet(None, 1, "fax_2"), sheet(None, MAX_EXTRA_SHEETS))


def test_a_sheet_that_staff_assigned_again_is_there_once() -> None:
    assert choose_sheets([came(1, None), replace(came(), pages=came(1, None).pages[1:])], 1) == (
        sheet(1, 1),
        sheet(None, 2),
    )


def test_without_a_fax_there_is_no_copy() -> None:
    assert choose_sheets([], 3) == ()
    assert choose_sheets([came()], 3) == ()


def test_the_pages_that_a_copy_lacks() -> None:
    assert came(3, None).missing_pages(3) == (1, 2)
    assert came(2, 1).missing_pages(2) == ()


def test_the_faxes_of_a_copy_are_named_once() -> None:
    copy = ConfirmedCopy(sheets=(CopySheet(page=1), sheet(2, 1, "fax_2"), sheet(3, 1), sheet(4, 2, "fax_2")))
    assert copy.fax_ids == ("fax_2", "fax_1")
