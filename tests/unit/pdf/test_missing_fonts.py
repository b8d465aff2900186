import pytest
from pypdf.generic import DictionaryObject

from chalicelib.pdf.inspection import inspect_pdf
from chalicelib.pdf.missing_fonts import is_undrawn
from chalicelib.pdf.reader import open_pdf, read_dictionary
from chalicelib.pdf.substitute_fonts import read_font
from tests.support.pdf import raw_pdf as raw
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.absent_fonts import NONSYMBOLIC, composite_text, simple_text


def _font(data: bytes) -> DictionaryObject:
    fonts = read_dictionary(read_dictionary(open_pdf(data).pages[0].get("/Resources")).get("/Font"))
    return read_dictionary(next(iter(fonts.values())))


def _simple(name: str, *, flags: int = NONSYMBOLIC, encoding: str = "") -> bytes:
    return simple_text(name, b"a", flags=flags, encoding=encoding)


def _composite(name: str, ordering: str = "Identity", unicode: dict[int, str] | None = None) -> bytes:
    return composite_text(name, b"\0\x04", ordering=ordering, encoding="Identity-H", unicode=unicode)


@pytest.mark.parametrize(
    "data",
    [
        samples.plan_of_care(1),
        _simple("Calibri", encoding="/Encoding /WinAnsiEncoding"),
        _simple("Calibri"),
        _simple("ABCDEF+Calibri", flags=4),
        _simple("Code39", flags=4, encoding="/Encoding /WinAnsiEncoding"),
        _simple("Code39", flags=4 + 32),
        simple_text("Code39", b"a", file=read_font("SubstituteWingdings")),
        _simple("Wingdings", flags=4),
        _simple("ZapfDingbats", flags=4, encoding="/Encoding << /Differences [33 /a20] >>"),
        _simple("Arial", encoding="/Encoding << /Differences [33 /fi /Euro /uni00E9 /uni00FF /.notdef /space] >>"),
        _composite("SimSun"),
        _composite("Unheard-Of", "GB1"),
        _composite("Unheard-Of", "Japan1"),
        _composite("ArialMT", unicode={4: "A", 5: "\u00e9", 6: "\ufb01"}),
    ],
)
def test_a_font_that_the_portal_draws_gives_no_warning(data: bytes) -> None:
    assert not is_undrawn(_font(data))
    assert inspect_pdf(data).undrawn_pages == ()


@pytest.mark.parametrize(
    "data",
    [
        _simple("Code39", flags=4),
        _simple("Arial", encoding="/Encoding << /Differences [33 /afii10017] >>"),
        _simple("Arial", encoding="/Encoding << /Differences [33 /uni0416] >>"),
        _simple("Arial", encoding="/Encoding << /Differences [33 /space 34 /g17] >>"),
        _composite("ArialMT"),
        _composite("ArialMT", unicode={4: "A", 5: "\u0416"}),
        _composite("ArialMT", unicode={4: "\u05d0"}),
    ],
)
def test_a_font_that_nobody_can_draw_is_found_with_its_page(data: bytes) -> None:
    assert is_undrawn(_font(data))
    assert inspect_pdf(data).undrawn_pages == (1,)


@pytest.mark.parametrize(
    ("row", "is_found"),
    [
        ("<0003> <0010> <0041>", False),
        ("<0003> <00ff> <0041>", True),
        ("<0000> <0010> <00ef>", False),
        ("<0000> <0011> <00ef>", True),
        ("<0100> <0101> <00fe>", False),
        ("<0100> <0102> <00fe>", True),
        ("<0003> <0003> <00410>", False),
        ("<0003> <0004> [<0041> <0042>]", False),
        ("<0003> <0004> [<0041> <0416>]", True),
    ],
)
def test_ranges_of_characters_are_read(row: str, is_found: bool) -> None:  # noqa: FBT001 - a column of the table
    ranges = f"1 beginbfrange\n{row}\nendbfrange".encode()
    child = b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /ArialMT >>"
    font = b"<< /Type /Font /Subtype /Type0 /BaseFont /ArialMT /DescendantFonts [7 0 R] /ToUnicode 8 0 R >>"
    data = raw.write_pdf(raw.objects(o6=font, o7=child, o8=raw.stream(ranges)))
    assert is_undrawn(_font(data)) == is_found


def test_only_the_pages_with_the_font_are_named() -> None:
    parts = raw.objects(
        o2=b"<< /Type /Pages /Kids [3 0 R 9 0 R 10 0 R] /Count 3 >>",
        o7=b"<< /Font << /F1 8 0 R >> >>",
        o8=b"<< /Type /Font /Subtype /Type0 /BaseFont /ArialMT /Encoding /Identity-H >>",
        o9=raw.page(resources=b"/Resources 7 0 R"),
        o10=raw.page(resources=b"/Resources << >>", attributes=raw.BOX + b"/Annots [11 0 R]"),
        o11=b"<< /Type /Annot /Subtype /Stamp /Rect [0 0 9 9] /AP << /N 12 0 R >> >>",
        o12=raw.stream(b"", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources 7 0 R"),
    )
    assert inspect_pdf(raw.write_pdf(parts)).undrawn_pages == (2, 3)
