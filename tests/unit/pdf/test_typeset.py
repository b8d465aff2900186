import pytest

from chalicelib.pdf.arabic import join_letters, visual
from chalicelib.pdf.typeset import BOLD, PLAIN, SCRIPT, clean, font, runs, width, wrap


@pytest.mark.parametrize(
    ("face", "text", "fonts"),
    [
        (PLAIN, "Zoë Ångström-Łukasiewicz", [PLAIN]),
        (PLAIN, "Nguyễn Thị Ánh", [PLAIN]),
        (PLAIN, "Ольга Петрова", [PLAIN]),
        (SCRIPT, "Zoë Łuk", [SCRIPT]),
        (SCRIPT, "Ольга", [PLAIN]),
        (BOLD, "王小明", ["DroidSansFallback"]),
        (BOLD, "さくら 김민준", ["DroidSansFallback", BOLD, "DroidSansFallback"]),
        (PLAIN, "محمد", ["DejaVuSans"]),
        (PLAIN, "כהן", ["DejaVuSans"]),
    ],
)
def test_every_character_has_a_glyph(face: str, text: str, fonts: list[str]) -> None:
    found = runs(text, face)
    assert [name for name, _ in found] == fonts
    for name, part in found:
        assert all(ord(char) in font(name).face.charToGlyph for char in part)


def test_arabic_letters_join() -> None:
    assert join_letters("محمد") == "\ufee3\ufea4\ufee4\ufeaa"
    assert join_letters("دار") == "\ufea9\ufe8d\ufead"
    assert join_letters("سلام") == "\ufeb3\ufefc\ufee1"
    assert join_letters("الله") == "\ufe8d\ufedf\ufee0\ufeea"


def test_right_to_left_text_is_drawn_from_the_right() -> None:
    assert visual("אבג דה") == "הד גבא"
    assert visual("Dr. אבג (MD)") == "Dr. גבא (MD)"
    assert visual("אבג (דה) 12") == "12 (הד) גבא"
    assert visual("Rivera") == "Rivera"


def test_control_and_direction_characters_are_left_out() -> None:
    assert clean("Luis\u202e \x00Rivera\n\tMD") == "Luis Rivera MD"
    assert clean("e\u0301") == "é"


def test_lines_keep_to_their_width_and_lose_nothing() -> None:
    text = "Certified nurse practitioner " * 5 + "x" * 200
    lines = wrap(text, PLAIN, 10, 120)
    assert all(width(line, PLAIN, 10) <= 120 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
