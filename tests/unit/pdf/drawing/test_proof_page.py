"""Test the pages of the PDF that proves that a plan reached its provider.

Nothing may be lost, clipped or too small, however long the texts are."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from chalicelib.pdf.assembly.reportlab_pages import draw_and_open
from chalicelib.pdf.drawing.proof_page import draw_proof
from chalicelib.pdf.models import ProofSheet, SheetRow, SheetSection
from tests.support.pdf import sample_pdfs as samples

COLUMNS = ("Start and end", "Sent to", "Carrier", "Result")
ROW = SheetRow(
    ("November 22, 2026\n1:00:00 PM CST", "Fax\n(512) 555-0100", "Telnyx", "Confirmed"), "ID at the carrier: 1"
)
SHEET = ProofSheet(
    document_id="doc_1",
    practice_name="Hill Country Therapy",
    statement="Plan of Care, for Ada Byron.",
    verify_url="https://portal.example.com/verify",
    sections=(
        SheetSection("1. The signed order", rows=(("Signed on", "11/10/2026"),)),
        SheetSection("4. Every attempt", columns=COLUMNS, table=(ROW,)),
        SheetSection("5. The transmission", statement="Transmitted on November 22, 2026.", rows=(("Opened", "None"),)),
        SheetSection("7. What this proof does not show", sentences=("It does not show that anyone read the plan.",)),
    ),
)
LAYOUT = Path(__file__).with_name("proof_layout.txt")
LONG = "Wolfeschlegelsteinhausenbergerdorff"


def proof_pdf(sheet: ProofSheet) -> bytes:
    stream = draw_and_open(lambda canvas: draw_proof(canvas, sheet)).stream
    assert isinstance(stream, io.BytesIO)
    return stream.getvalue()


def with_rows(*rows: SheetRow) -> ProofSheet:
    return replace(SHEET, sections=(*SHEET.sections[:1], replace(SHEET.sections[1], table=rows), *SHEET.sections[2:]))


def test_a_short_proof_has_one_page_with_every_part_in_order() -> None:
    (page,) = samples.texts(proof_pdf(SHEET))
    text = samples.one_line(page)
    parts = (
        "Proof of transmission",
        "Plan of Care, for Ada Byron.",
        "1. The signed order",
        "Signed on 11/10/2026",
        "4. Every attempt",
        "Start and end Sent to Carrier Result",
        "ID at the carrier: 1",
        "5. The transmission",
        "Transmitted on November 22, 2026.",
        "Opened None",
        "7. What this proof does not show",
        "It does not show that anyone read the plan.",
        "Document ID doc_1",
        "Proof of transmission, page 1 of 1",
    )
    places = [text.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)


def test_the_parts_of_a_section_are_one_below_the_other() -> None:
    lines = samples.lines_as_drawn(proof_pdf(SHEET))
    assert "November22,2026FaxTelnyxConfirmed" in lines
    assert "1:00:00PMCST(512)555-0100" in lines
    assert "•Itdoesnotshowthatanyonereadtheplan." in lines


def test_a_hundred_attempts_span_pages_without_loss_and_repeat_the_headings() -> None:
    rows = [replace(ROW, below=f"Receipt {index:03}") for index in range(100)]
    pages = samples.texts(proof_pdf(with_rows(*rows)))
    assert len(pages) > 5
    whole = samples.one_line(" ".join(pages))
    assert all(f"Receipt {index:03}" in whole for index in range(100))
    assert all("Start and end" in page for page in pages if "Receipt" in page)
    assert f"page {len(pages)} of {len(pages)}" in pages[-1]


@pytest.mark.parametrize("name", [LONG, "Name " * 30, "أحمد ลูอิส 第二行 " * 8])
def test_no_text_leaves_the_page_its_column_or_touches_the_footer(name: str) -> None:
    row = SheetRow((name, f"{LONG}@{LONG}.example.com", name, name), f"A long note. {name} " * 60)
    sections = (
        SheetSection(
            "1. The signed order", statement=name * 6, rows=(("Signed by", name * 3),), sentences=(name * 9,) * 30
        ),
        SheetSection("4. Every attempt", columns=COLUMNS, table=(row,) * 9),
    )
    sheet = replace(SHEET, practice_name=name, statement=name * 4, sections=sections)
    with pypdfium2.PdfDocument(proof_pdf(sheet)) as document:
        for page in document:
            reader = page.get_textpage()
            boxes = [reader.get_rect(index) for index in range(reader.count_rects())]
            assert all(box[0] >= 53 and box[2] <= 560 and box[1] >= 25 and box[3] <= 770 for box in boxes)
            assert not [box for box in boxes if 43 < box[1] < 50]


def test_the_columns_do_not_overlap() -> None:
    row = SheetRow((LONG, LONG * 2, LONG, LONG))
    with pypdfium2.PdfDocument(proof_pdf(with_rows(row))) as document:
        reader = document[0].get_textpage()
        boxes = [reader.get_rect(index) for index in range(reader.count_rects())]
    heights = {round(box[1]) for box in boxes}
    for height in heights:
        line = sorted(box for box in boxes if round(box[1]) == height)
        assert all(left[2] < right[0] for left, right in pairwise(line))


class DrawingLog:
    """A fake reportlab canvas that only lists what is drawn: texts with their font and size, rectangles, lines, and
    pages."""

    def __init__(self) -> None:
        self.drawn: list[str] = []
        self.font, self.gray = "", 0.0

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values, **_: self.drawn.append(f"{name} {values}") if name.startswith("setLine") else None

    def setFont(self, name: str, size: float) -> None:  # noqa: N802 - reportlab's name
        self.font = f"{name.rpartition('-')[2]} {size}"

    def setFillGray(self, gray: float) -> None:  # noqa: N802 - reportlab's name
        self.gray = gray

    def drawString(self, x: float, y: float, text: str) -> None:  # noqa: N802 - reportlab's name
        self.drawn.append(f"{x:.1f} {y:.1f} {self.font} {text}")

    def rect(self, x: float, y: float, width: float, height: float, **how: int) -> None:
        self.drawn.append(f"{x:.1f} {y:.1f} rectangle {width:.1f} x {height:.1f}, gray {self.gray}, {how}")

    def line(self, x1: float, y1: float, x2: float, y2: float) -> None:
        self.drawn.append(f"{x1:.1f} {y1:.1f} line to {x2:.1f} {y2:.1f}")

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        self.drawn.append(f"next page, gray {self.gray}")


def layout() -> str:
    """Return as text what is drawn for a sample proof of several pages, to compare it with a stored file."""
    parts = [SheetSection(f"{number}. Part", rows=(("Label", "Value"),) * number) for number in range(1, 9)]
    full = (
        *parts,
        *SHEET.sections[1:],
        SheetSection("8. Last", statement="Yes. " * 40, sentences=("No. " * 60, "No.")),
    )
    rows = tuple(replace(ROW, below=f"Receipt {index}\nsecond line\nthird line") for index in range(14))
    log: Any = DrawingLog()
    draw_proof(log, replace(SHEET, sections=(*full, replace(SHEET.sections[1], table=rows), *full)))
    return "\n".join(log.drawn) + "\n"


def test_everything_has_its_place() -> None:
    """The drawing must equal the stored one. After an intended change, look at the pages.

    Then regenerate the stored file: `python -m tests.unit.pdf.drawing.test_proof_page`."""
    assert layout() == LAYOUT.read_text()


def test_all_print_is_legible_after_a_fax() -> None:
    content = draw_and_open(lambda canvas: draw_proof(canvas, SHEET)).pages[0].get_contents()
    assert content is not None
    sizes = [float(size) for size in re.findall(rb"/F\d\+?\d* ([\d.]+) Tf", content.get_data())]
    assert min(sizes) >= 9
    page = samples.raster(proof_pdf(SHEET))
    assert samples.extremes(page) == (0, 255)


if __name__ == "__main__":
    LAYOUT.write_text(layout())
