"""Test that the portal can still read the QR code of a page that was faxed to a provider and back with much damage.

`python -m bench.fax_legibility` does the same with 1,000 faxes."""

from random import Random

import pytest

from chalicelib.pdf.assembly.fax import compose_fax
from chalicelib.pdf.fax_pages import read_page_link
from chalicelib.pdf.fax_reading import PageCode, find_page_code
from examples.mailbox.fax_damage import Damage, Look, draw_pages, fax, send_and_return
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.fax_round_trips import run_round_trips

SMALLEST = Damage(sent=98, returned=98, size=0.5, skew=5, look=Look.CLEAN, upside_down=True)


def code(number: int, turn: int = 0) -> PageCode:
    """Return the QR code of a page of the sample document. `turn` makes the page upright."""
    page = read_page_link(f"{samples.COVER.link_stem}{number}")
    assert page is not None
    return PageCode(page, turn)


@pytest.mark.parametrize("down", [98, 196])
def test_the_cover_and_every_page_can_be_read_from_a_fax(down: int) -> None:
    pictures = draw_pages(compose_fax(samples.COVER, samples.plan_of_care(2)))
    found = [find_page_code(fax(picture, down).resize((1734, 2244))) for picture in pictures]
    assert found == [code(number) for number in range(3)]


def test_the_smallest_and_most_skewed_page_can_be_read_upside_down() -> None:
    picture = draw_pages(compose_fax(samples.COVER, samples.plan_of_care(1)))[1]
    found = find_page_code(send_and_return(picture, SMALLEST, Random(1)))  # noqa: S311 - damage, not secrets
    assert found == code(1, turn=180)


def test_random_faxes_are_matched_and_never_wrongly() -> None:
    result = run_round_trips(4, seed=2026)
    assert result.wrong == 0
    assert result.matched == result.faxes, result.missed
    assert result.milliseconds_a_page < 100
