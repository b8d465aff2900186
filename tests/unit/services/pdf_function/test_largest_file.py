"""Test the time and memory that the largest file takes, with 200 pages and just under 25 MB."""

from itertools import islice
from pathlib import Path

from bench.sealing import peak_memory
from chalicelib.pdf.models import MAX_PAGES
from chalicelib.services.pdf_function import inspection
from chalicelib.services.pdf_function.page_rendering import render_images
from chalicelib.services.pdf_jobs.page_images import WIDTHS
from tests.support.pdf.largest_pdf import largest_pdf

MOST_MEGABYTES = 512


def test_the_largest_file_is_accepted_and_its_first_page_rendered() -> None:
    data = largest_pdf()
    assert inspection.inspect(data, "pdf")["pages"] == MAX_PAGES
    first = islice(render_images(data, WIDTHS, MAX_PAGES), len(WIDTHS))
    assert [image.data is not None for image in first] == [True, True]


def test_the_largest_file_is_sealed_and_verified_within_512_mb(tmp_path: Path) -> None:
    file = tmp_path / "largest.pdf"
    file.write_bytes(largest_pdf())
    assert peak_memory(file) <= MOST_MEGABYTES
