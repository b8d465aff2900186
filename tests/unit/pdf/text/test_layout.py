import importlib
import io
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from types import ModuleType

import pypdfium2
import pytest
from PIL import ImageOps
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly.reportlab_pages import draw_pdf
from chalicelib.pdf.text import shaping
from chalicelib.pdf.text.bidi import isolate
from chalicelib.pdf.text.layout import (
    BOLD,
    PLAIN,
    SCRIPT,
    Run,
    draw_text,
    fit_size,
    load_font,
    split_runs,
    text_width,
    wrap,
    wrap_paragraphs,
)
from chalicelib.pdf.text.script_fonts import SCRIPTS, font_name
from chalicelib.pdf.text.shaping import Glyph, draw_glyphs
from infrastructure.repository import ROOT
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.shaped_words import FROM_RIGHT, SHAPED

EVERY = {**SHAPED, **FROM_RIGHT}
LONG = "จุฬาลงกรณ์มหาวิทยาลัยที่ปู่" * 12


def glyphs_of(run: Run) -> list[int]:
    face = load_font(run.font).face
    chars = [glyph.char for glyph in run.glyphs] or list(run.text)
    return [face.charToGlyph.get(ord(char), 0) for char in chars]


def missing(runs: tuple[Run, ...]) -> list[int]:
    """Return the numbers of the drawn glyphs that only stand for a missing letter: empty boxes and U+FFFD."""
    return [
        glyph
        for run in runs
        for glyph in glyphs_of(run)
        if glyph in (0, load_font(run.font).face.charToGlyph.get(0xFFFD))
    ]


def read_back(text: str, *, face: str = PLAIN) -> str:
    """Draw a text in a PDF, and return the text that the library PDFium reads there.

    PDFium may put raised marks on separate lines."""
    data = draw_pdf(lambda canvas: draw_text(canvas, 40, 700, text, face=face, size=12))
    with pypdfium2.PdfDocument(data) as document:
        extracted: str = document[0].get_textpage().get_text_bounded()
    return " ".join(extracted.split())


@pytest.mark.parametrize(
    ("face", "text", "fonts"),
    [
        (PLAIN, "Zoë Ångström-Łukasiewicz", [PLAIN]),
        (PLAIN, "Nguyễn Thị Ánh", [PLAIN]),
        (PLAIN, "Ольга Петрова", [PLAIN]),
        (SCRIPT, "Zoë Łuk", [SCRIPT]),
        (SCRIPT, "Ольга", [PLAIN]),
        (SCRIPT, "Zoe\u0323\u0301 Li", [SCRIPT, PLAIN, SCRIPT]),
        (BOLD, "王小明", ["DroidSansFallback"]),
        (BOLD, "さくら 김민준", ["DroidSansFallback", BOLD, "DroidSansFallback"]),
        (PLAIN, "محمد", ["DejaVuSans"]),
        (PLAIN, "כהן", ["DejaVuSans"]),
        (SCRIPT, "สมชาย Li", ["NotoSansThai-Regular", SCRIPT]),
    ],
)
def test_every_character_has_a_glyph(face: str, text: str, fonts: list[str]) -> None:
    runs = split_runs(text, face)
    assert [run.font for run in runs] == fonts
    assert not missing(runs)


@pytest.mark.parametrize("face", [PLAIN, BOLD, SCRIPT])
@pytest.mark.parametrize("script", EVERY)
def test_no_letter_of_any_script_is_an_empty_box(script: str, face: str) -> None:
    runs = split_runs(EVERY[script], face)
    assert not missing(runs)
    if font_name(script) in {font_name(name) for name in SCRIPTS}:
        assert font_name(script) in {run.font for run in runs}


def test_a_letter_without_a_font_is_recognized() -> None:
    assert len(missing(split_runs("Li ꦗꦮ", PLAIN))) == 2, "two letters of Javanese"
    assert not missing(split_runs("Li ជ", PLAIN))


def test_every_font_of_a_script_is_tried() -> None:
    assert set(SCRIPTS) <= set(EVERY)


@pytest.mark.parametrize(
    ("letters", "glyphs"),
    [("क्ष", 1), ("क्षि", 2), ("ক্ষ", 1), ("ක්\u200dෂ", 1), ("ශ්\u200dරී", 2), ("കൊ", 3), ("لا", 1), ("ကြ", 2)],
)
def test_letters_are_joined_into_their_conjuncts(letters: str, glyphs: int) -> None:
    (run,) = split_runs(letters, PLAIN)
    assert len(run.glyphs) == glyphs


def test_a_joiner_decides_between_two_spellings() -> None:
    (joined,), (apart,) = split_runs("ක්\u200dෂ", PLAIN), split_runs("ක්ෂ", PLAIN)
    assert glyphs_of(joined) != glyphs_of(apart)
    (half,), (whole) = split_runs("क्\u200dष", PLAIN), split_runs("क्ष", PLAIN)
    assert len(half.glyphs) > len(whole[0].glyphs)


def test_a_vowel_sign_is_drawn_before_its_consonant() -> None:
    (run,) = split_runs("कि", PLAIN)
    assert glyphs_of(run)[1] == load_font(run.font).face.charToGlyph[ord("क")]


def test_thai_marks_are_stacked() -> None:
    (alone,), (both,) = split_runs("ก่", PLAIN), split_runs("กี่", PLAIN)
    assert [glyph.advance > 0 for glyph in both.glyphs] == [True, False, False]
    tone = [(glyphs_of(run)[-1], run.glyphs[-1].up) for run in (alone, both)]
    assert tone[0] != tone[1], "the tone goes up for the vowel"


def ink(text: str) -> tuple[int, int, int, int]:
    """Draw a text at (40, 600) in a size of 100 points. Return the box of its ink (left, top, right, bottom) in
    pixels."""
    return inked(lambda canvas: draw_text(canvas, 40, 600, text, size=100))


def inked(work: Callable[[Canvas], object]) -> tuple[int, int, int, int]:
    data = draw_pdf(work)
    box = ImageOps.invert(samples.raster(data)).getbbox()
    assert box is not None
    return box


def test_marks_are_drawn_in_their_places() -> None:
    bare, marked, row = ink("X"), ink("X\u0301"), ink("X\u0301" * 4)
    assert marked[1] < bare[1] - 10, "above the letter, not across it"
    assert (marked[0], marked[2], marked[3]) == (bare[0], bare[2], bare[3]), "over it, not beside"
    assert row[2] == pytest.approx(bare[2] + 3 * text_width("X", PLAIN, 100), abs=1.5)
    assert row[1] == marked[1]


def test_a_raised_mark_raises_no_other_glyph() -> None:
    (run,) = split_runs("ދި", PLAIN)
    assert any(glyph.up for glyph in run.glyphs)
    (letter,) = split_runs("ก", PLAIN)[0].glyphs

    def top_and_bottom(*glyphs: Glyph) -> tuple[int, int]:
        face = load_font("NotoSansThai-Regular")
        box = inked(lambda canvas: draw_glyphs(canvas, 40, 600, face, glyphs, size=100, reads_as=""))
        return box[1], box[3]

    top, bottom = top_and_bottom(letter)
    raised = letter._replace(up=300)
    assert top_and_bottom(raised) == (top - 30, bottom - 30)
    assert top_and_bottom(raised, letter) == (top - 30, bottom)


def test_arabic_letters_join() -> None:
    (alone,), (word,) = split_runs("م", PLAIN), split_runs("محمد", PLAIN)
    glyphs = glyphs_of(word)
    assert len(set(glyphs)) == 4, "first, middle and last letters differ, though two of them are the same"
    assert glyphs_of(alone)[0] not in glyphs


def test_drawn_text_is_as_wide_as_measured() -> None:
    for text in EVERY.values():
        end = draw_text(Canvas(io.BytesIO()), 0, 700, text, size=12)
        assert end == pytest.approx(text_width(text, PLAIN, 12))
        assert 0 < end < 12 * 2 * len(text)


@pytest.mark.parametrize("face", [PLAIN, SCRIPT])
@pytest.mark.parametrize("script", SHAPED)
def test_text_of_any_script_can_be_extracted(script: str, face: str) -> None:
    assert read_back(SHAPED[script], face=face) == SHAPED[script]


@pytest.mark.parametrize("script", ["Arabic", "Urdu", "Hebrew", "Syriac", "NKo"])
def test_right_to_left_text_can_be_extracted(script: str) -> None:
    # The ligature of lam and alef is extracted as one character for both letters.
    assert unicodedata.normalize("NFKC", read_back(FROM_RIGHT[script])) == FROM_RIGHT[script]


@pytest.mark.parametrize("text", ["Zoë", "王小明", "Ẹ̀kọ́", "ክ ก क", "a\u0301\u0323b"])
def test_marks_and_mixed_scripts_can_be_extracted(text: str) -> None:
    assert read_back(text) == unicodedata.normalize("NFC", text)


def texts_in_order(text: str) -> list[str]:
    return [run.text for run in split_runs(text, PLAIN)]


def test_one_line_holds_both_directions() -> None:
    # The text of a run is in reading order, and its glyphs are in visual order.
    assert "".join(texts_in_order("Dr. محمد الأحمد, MD, 12")) == "Dr. الأحمد محمد, MD, 12"
    assert texts_in_order("אבג 12 דה") == ["דה", " ", "12", " ", "אבג"]
    (run,) = split_runs("אבג", PLAIN)
    assert glyphs_of(run) == [load_font(run.font).face.charToGlyph[ord(char)] for char in "גבא"]


def test_brackets_are_mirrored_in_right_to_left_text() -> None:
    closing, _, opening, _ = split_runs("א (ב)", PLAIN)
    glyph = load_font(PLAIN).face.charToGlyph
    assert (closing.text, glyphs_of(closing)) == (")", [glyph[ord("(")]]), "at the left, as an opening one"
    assert (opening.text, glyphs_of(opening)) == (" (", [glyph[ord(")")], glyph[ord(" ")]])
    assert split_runs("(MD)", PLAIN) == (Run(PLAIN, "(MD)"),)


@pytest.mark.parametrize("text", ["🦄", "👩🏽\u200d⚕️", "\U0001f1fa\U0001f1f8", "\U00012000", "\U000f0001", "ก🦄ก"])
def test_a_letter_without_a_font_is_visible_and_can_be_extracted(text: str) -> None:
    runs = split_runs(f"{text} Li", PLAIN)
    assert all(glyph for run in runs for glyph in glyphs_of(run))
    unknown = load_font("DejaVuSans").face.charToGlyph[0xFFFD]
    assert unknown in missing(runs)
    assert text_width(text, PLAIN, 10) > 0
    draw_pdf(lambda canvas: draw_text(canvas, 40, 700, text))


def test_an_unknown_letter_can_be_extracted() -> None:
    assert read_back("Li 🦄") == "Li 🦄"


@pytest.mark.parametrize("text", ["\u0301", "\u0e48", "\u094d", "\ufffd"])
def test_a_mark_without_a_letter_is_drawn_within_a_letter_s_width(text: str) -> None:
    draw_pdf(lambda canvas: draw_text(canvas, 40, 700, text))
    assert glyphs_of(split_runs(text, SCRIPT)[0])
    assert 0 <= text_width(text, SCRIPT, 10) < 12


@pytest.mark.parametrize("text", ["\u200d", "\u3164", "\u2068\u2069"])
def test_invisible_characters_have_no_width(text: str) -> None:
    assert split_runs(text, SCRIPT) == ()
    assert text_width(text, SCRIPT, 10) == 0


def test_a_stack_of_marks_is_as_wide_as_its_letter() -> None:
    assert text_width("a" + "\u0301" * 500, PLAIN, 10) == pytest.approx(text_width("á", PLAIN, 10), abs=0.1)


def drawn_lines(lines: list[str], face: str = PLAIN) -> list[str]:
    """Return each line's parts (runs of one font and direction) in the order in which they are drawn.

    The text of each part is in reading order."""
    return ["|".join(run.text.strip() for run in split_runs(line, face)) for line in lines]


def test_an_arabic_name_at_the_start_keeps_the_direction_of_the_sentence() -> None:
    lines = wrap("Electronically signed by محمد الأحمد, MD, NPI 1234567893", BOLD, 8, 110)
    assert drawn_lines(lines, BOLD) == ["Electronically signed by|محمد", "الأحمد|, MD, NPI 1234567893"]


def test_a_note_that_begins_in_hebrew_runs_from_right_to_left() -> None:
    lines = wrap("אבגד הוזח (tel 555-0100), 12 visits, then 3 more.", PLAIN, 10, 90)
    assert lines == ["אבגד הוזח (tel", "555-0100), 12 visits,", "then 3 more."]
    assert drawn_lines(lines)[1:] == ["12 visits,|),|555-0100", ".|then 3 more"]
    assert drawn_lines(["then 3 more."]) == ["then 3 more."], "alone it is a paragraph of its own"


def test_each_line_of_a_note_has_its_own_direction() -> None:
    lines = wrap_paragraphs("אבג, 12.\nCall, 12.", PLAIN, 10, 200)
    assert drawn_lines(lines) == [".|12|,|אבג", "Call, 12."]


def test_a_name_on_two_lines_keeps_its_direction_and_reverses_no_number() -> None:
    lines = wrap(f"Signed by {isolate('אבגד הוזח')}, 555-0100", PLAIN, 10, 70)
    assert drawn_lines(lines) == ["Signed by|אבגד", "הוזח|, 555-0100"]


def test_isolates_are_neither_drawn_nor_measured() -> None:
    text = f"by {isolate('אבג')}, 12"
    assert drawn_lines([text]) == ["by|אבג|, 12"]
    assert text_width(text, PLAIN, 10) == pytest.approx(text_width("by אבג, 12", PLAIN, 10), abs=0.1)
    assert "".join(wrap(text, PLAIN, 10, 20)).replace(" ", "") == "byאבג,12"


def test_wrapped_lines_fit_the_width_and_lose_no_text() -> None:
    text = "Certified nurse practitioner " * 5 + "x" * 200
    lines = wrap(text, PLAIN, 10, 120)
    assert all(text_width(line, PLAIN, 10) <= 120 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("word", [LONG, "क्षत्रियक्षि" * 20, "ശ്രീകൊച്ചി" * 20, "a\u0323\u0301" * 90, "ක්\u200dෂ" * 50])
def test_a_very_long_name_is_never_broken_inside_a_letter(word: str) -> None:
    lines = wrap(word, PLAIN, 10, 60)
    assert len(lines) > 3
    assert "".join(lines) == unicodedata.normalize("NFC", word)
    assert all(text_width(line, PLAIN, 10) <= 60 for line in lines)
    assert not any(unicodedata.category(line[0])[0] == "M" or line[0] in "\u200dำ" for line in lines)
    assert not any(unicodedata.combining(line[-1]) == 9 for line in lines[:-1] if line[-1] != "\u0e3a")


def test_paragraphs_and_sizes_fit_for_any_script() -> None:
    assert wrap_paragraphs("หนึ่ง\nสอง", PLAIN, 10, 200) == ["หนึ่ง", "สอง"]
    size = fit_size(LONG, SCRIPT, 200, largest=40, smallest=1)
    assert text_width(LONG, SCRIPT, size) <= 200.01 or size == 1


def test_equal_text_makes_equal_files_after_other_drawings() -> None:
    first = draw_pdf(lambda canvas: draw_text(canvas, 40, 700, EVERY["Tamil"]))
    draw_pdf(lambda canvas: draw_text(canvas, 40, 700, "கௌதம் மொழி ஸ்ரீ"))
    assert draw_pdf(lambda canvas: draw_text(canvas, 40, 700, EVERY["Tamil"])) == first


def test_plain_text_loads_neither_harfbuzz_nor_script_fonts() -> None:
    program = (
        "import sys\n"
        "from chalicelib.pdf.assembly import reportlab_pages as sheets\n"
        "from chalicelib.pdf.text import layout as typeset\n"
        "sheets.draw_pdf(lambda canvas: typeset.draw_text(canvas, 40, 700, 'Zoë Łukasiewicz, 王小明'))\n"
        "assert not sys.modules['uharfbuzz']\n"
        "from reportlab.pdfbase import pdfmetrics\n"
        "assert not [name for name in pdfmetrics.getRegisteredFontNames() if name.startswith('Noto')]\n"
        "sheets.draw_pdf(lambda canvas: typeset.draw_text(canvas, 40, 700, 'ก'))\n"
        "assert sys.modules['uharfbuzz']\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_a_failed_import_of_harfbuzz_raises_its_reason_and_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    # The cache is bypassed, as in a process that has not needed HarfBuzz yet.
    load = shaping._harfbuzz.__wrapped__
    monkeypatch.setitem(sys.modules, "uharfbuzz", None)

    def failing(name: str) -> ModuleType:
        raise ImportError(f"{name}: no space left")

    with monkeypatch.context() as broken:
        broken.setattr(shaping, "import_module", failing)
        for _ in range(2):
            with pytest.raises(ImportError, match="no space left"):
                load()
    monkeypatch.setattr(shaping, "import_module", importlib.import_module)
    assert load().shape
