"""Test the comparison of pages before and after sealing, and the programs of other makers that `make corpus` uses."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from bench.corpus import comparison, programs
from bench.corpus.comparison import find_changed_page, render_pdfium, render_poppler
from chalicelib.pdf.models import SignatureBox
from tests.support.pdf import raw_pdf
from tests.support.pdf.sealing import seal_plain
from tests.support.pdf.sealing_key import FACTS, sealer


def pages(*texts: str, at: float = 700.0) -> bytes:
    """Return a PDF with one page for each text, drawn at the height `at` in points."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(612, 792), invariant=1)
    for text in texts:
        canvas.setFont("Helvetica", 30)
        canvas.drawString(72, at, text)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


BOX = SignatureBox(page=2, x=60, y=690, width=300, height=40)


def test_equal_pages_have_no_change() -> None:
    assert find_changed_page(pages("one", "two"), pages("one", "two", "more"), None, 2) is None


def test_the_first_changed_page_is_named_with_the_renderer() -> None:
    assert find_changed_page(pages("one", "two"), pages("one", "2"), None, 2) == (2, "PDFium")
    assert find_changed_page(pages("one", "two"), pages("1", "2"), None, 2) == (1, "PDFium")


def test_a_change_inside_the_signature_block_is_allowed_on_its_page_only() -> None:
    assert find_changed_page(pages("one", "two"), pages("one", "2"), BOX, 2) is None
    assert find_changed_page(pages("one", "two"), pages("1", "two"), BOX, 2) == (1, "PDFium")
    assert find_changed_page(pages("one", "", at=300), pages("one", "two", at=300), BOX, 2) == (2, "PDFium")


def use_poppler_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "render_pdfium", lambda *_, **__: iter([None, None]))


@pytest.mark.parametrize(("sealed", "place", "changed"), [("one", None, None), ("On", None, 1), ("On", BOX, None)])
def test_poppler_may_draw_what_the_signer_saw(
    monkeypatch: pytest.MonkeyPatch, sealed: str, place: SignatureBox | None, changed: int | None
) -> None:
    drawn = {b"source": pages("another"), b"sealed": pages(sealed)}
    shown, poppler = comparison.render_pdfium, comparison.render_poppler
    monkeypatch.setattr(comparison, "render_pdfium", lambda *_: shown(pages("one"), 1))
    monkeypatch.setattr(comparison, "render_poppler", lambda data, count: poppler(drawn[data], count))
    monkeypatch.setattr(comparison, "relative_box", lambda *_: (0.05, 0.05, 0.9, 0.2))
    found = find_changed_page(b"source", b"sealed", place and replace(place, page=1), 1)
    assert found == ((changed, "Poppler") if changed else None)


def test_what_poppler_cannot_draw_any_more_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    white = Image.new("RGB", (10, 10), "white")
    monkeypatch.setattr(comparison, "render_pdfium", lambda *_: iter([white]))
    monkeypatch.setattr(comparison, "render_poppler", lambda data, _: iter([white if data == b"source" else None]))
    assert find_changed_page(b"source", b"sealed", None, 1) == (1, "Poppler")


def test_poppler_compares_the_pages_too(monkeypatch: pytest.MonkeyPatch) -> None:
    use_poppler_only(monkeypatch)
    assert find_changed_page(pages("one", "two"), pages("one", "2"), None, 2) == (2, "Poppler")
    assert find_changed_page(pages("one", "two"), pages("one", "2"), BOX, 2) is None


def test_without_poppler_only_pdfium_compares(monkeypatch: pytest.MonkeyPatch) -> None:
    use_poppler_only(monkeypatch)
    monkeypatch.setenv("PATH", "")
    assert find_changed_page(pages("one", "two"), pages("one", "2"), None, 2) is None


def test_a_page_that_can_only_be_drawn_before_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    white = Image.new("RGB", (10, 10), "white")

    def render(data: bytes, *_: Any, **_options: Any) -> Any:
        return iter([white if data == pages("one") else None])

    monkeypatch.setattr(comparison, "render_pdfium", render)
    monkeypatch.setenv("PATH", "")
    assert find_changed_page(pages("one"), pages("two"), None, 1) == (1, "PDFium")
    assert find_changed_page(pages("two"), pages("one"), None, 1) is None


@pytest.mark.parametrize("render", [render_pdfium, render_poppler])
def test_a_renderer_draws_as_many_pages_as_asked(render: Any) -> None:
    drawn = list(render(pages(*"abcdefghijkl"), 11))
    assert [max(picture.size) for picture in drawn] == [1000] * 11
    assert len({picture.tobytes() for picture in drawn}) == 11


def test_a_small_page_is_drawn_at_108_dots_per_inch() -> None:
    small = raw_pdf.page(attributes=b"/MediaBox [0 0 50 20]")
    assert [page.size for page in render_pdfium(raw_pdf.write_pdf(raw_pdf.objects(o3=small)), 1) if page] == [(75, 30)]


def test_a_page_can_be_drawn_finely() -> None:
    (page,) = render_pdfium(pages("one", "two", "three"), 2, first=2, fine=True)
    (same,) = render_pdfium(pages("two"), 1, fine=True)
    assert page is not None
    assert same is not None
    assert (page.size, page.tobytes()) == ((1700, 2200), same.tobytes())


def test_pages_that_only_look_alike_finely_have_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    white, black = (Image.new("RGB", (10, 10), color) for color in ("white", "black"))

    def render(data: bytes, _pages: int, *, first: int = 1, fine: bool = False) -> Any:
        picture = black if data == b"sealed" and not fine else white
        return iter([picture] * (3 - first))

    monkeypatch.setattr(comparison, "render_pdfium", render)
    monkeypatch.setenv("PATH", "")
    assert find_changed_page(b"source", b"sealed", None, 2) is None


def test_a_page_that_cannot_be_drawn_has_no_picture() -> None:
    assert list(render_pdfium(pages("one"), 2))[1] is None
    assert list(render_poppler(b"%PDF-1.7", 2)) == [None, None]
    assert list(render_poppler(pages("one"), 2))[1] is None


def test_a_program_that_hangs_draws_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "pdftoppm"
    program.write_text("#!/bin/sh\nexec sleep 30\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(programs, "SECONDS", 0.2)
    assert list(render_poppler(pages("one"), 1)) == [None]


def test_pictures_that_are_cut_off_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "pdftoppm"
    program.write_text('#!/bin/sh\nfor last; do :; done\nprintf "P6 9 9 255 " > "$last-1.ppm"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert list(render_poppler(pages("one"), 1)) == [None]


def test_pdfsig_judges_the_last_signature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = seal_plain(pages("200 feet"), sealer(), FACTS).data
    good, bad, plain = tmp_path / "good.pdf", tmp_path / "bad.pdf", tmp_path / "plain.pdf"
    good.write_bytes(sealed)
    bad.write_bytes(b"%PDF-1.0" + sealed[8:])
    plain.write_bytes(pages("one"))
    assert [programs.is_seal_valid(file) for file in (good, bad, plain)] == [True, False, False]
    monkeypatch.setenv("PATH", "")
    assert programs.is_seal_valid(bad)


def test_qpdf_finds_errors_and_not_warnings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, repaired, bad = tmp_path / "good.pdf", tmp_path / "repaired.pdf", tmp_path / "bad.pdf"
    good.write_bytes(pages("one"))
    repaired.write_bytes(raw_pdf.write_pdf(raw_pdf.objects(), shift=3))
    bad.write_bytes(b"%PDF-1.7 nothing")
    assert [programs.has_syntax_errors(file) for file in (good, repaired, bad)] == [False, False, True]
    monkeypatch.setenv("PATH", "")
    assert not programs.has_syntax_errors(bad)


def test_the_programs_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert programs.missing_programs() == []
    monkeypatch.setenv("PATH", "")
    assert programs.missing_programs() == ["pdftoppm", "pdfsig", "qpdf"]
