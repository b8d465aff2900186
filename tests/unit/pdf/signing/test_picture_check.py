"""Test the comparison of pages before a release: drawn edges may differ, and a changed letter or dot may not."""

import io
from collections.abc import Callable

import pytest
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly.pictures import draw_as_pictures
from chalicelib.pdf.models import SignatureBox
from chalicelib.pdf.signing import picture_check
from chalicelib.pdf.signing.picture_check import compare_pages

CHANGED = "page 1 does not show what the signer saw"


def page(draw: Callable[[Canvas], object]) -> bytes:
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(612, 792), invariant=1)
    draw(canvas)
    canvas.save()
    return target.getvalue()


def write(*lines: str, size: float = 9, color: tuple[float, float, float] = (0, 0, 0)) -> bytes:
    def draw(canvas: Canvas) -> None:
        canvas.setFillColorRGB(*color)
        canvas.setLineWidth(0.3)
        canvas.setFont("Helvetica-Bold", size)
        for number, line in enumerate(lines):
            canvas.drawString(72.3 + number / 7, 700.4 - number * 8.1, line)
            canvas.line(300 + number * 3.3, 700, 310 + number * 7.1, 100)

    return page(draw)


SMALL = [f"Flexion {number}.5 degrees; #{number} @ {number * 7}% / week" for number in range(9)]


def faults(source: bytes, sealed: bytes, place: SignatureBox | None = None) -> list[str]:
    return [fault for fault in compare_pages(source, sealed, place) if fault]


def test_a_picture_of_a_page_with_fine_print_looks_like_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(*SMALL)
    pictured = draw_as_pictures(source)
    assert faults(source, pictured) == []
    monkeypatch.setattr(picture_check, "_look_alike_finely", lambda *_: False)
    assert faults(source, pictured) == [CHANGED]


def test_a_picture_has_the_colors_of_thin_letters() -> None:
    source = write(*SMALL, color=(0, 0, 1))
    assert faults(source, draw_as_pictures(source)) == []


@pytest.mark.parametrize("change", [("0.5 deg", "05 deg"), ("#", "H"), ("week", "")])
def test_a_small_change_is_found(change: tuple[str, str]) -> None:
    source, changed = write(*SMALL, size=11), write(*(line.replace(*change) for line in SMALL), size=11)
    assert faults(source, changed) == [CHANGED]
    assert faults(source, draw_as_pictures(changed)) == [CHANGED]


def test_a_change_in_the_signature_block_is_allowed_in_the_fine_comparison_too() -> None:
    source, changed = write(*SMALL), write("Luis Rivera", *SMALL[1:])
    place = SignatureBox(page=1, x=60, y=690, width=300, height=30)
    assert faults(source, draw_as_pictures(changed), place) == []
    assert faults(source, changed, SignatureBox(page=1, x=60, y=500, width=300, height=30)) == [CHANGED]
