import pytest

from chalicelib.pdf.text.graphemes import clean_text, split_clusters


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Luis\u202e \x00Rivera\n\tMD", "Luis Rivera MD"),
        ("e\u0301", "é"),
        ("ශ්\u200dරී", "ශ්\u200dරී"),
        ("کیان\u200cپور", "کیان\u200cپور"),
        ("Li\u200d\u200c Na", "Li Na"),
        ("葛\U000e0100城", "葛城"),
        ("☺\ufe0f", "☺"),
        ("\u3164\u034f", ""),
        ("Luis \u200e Rivera \u3164 MD \u200f", "Luis Rivera MD"),
        ("\ufeff Li\x00", "Li"),
        ("by \u2068אבג\u2069, MD", "by \u2068אבג\u2069, MD"),
    ],
)
def test_only_visible_characters_and_joiners_remain(text: str, expected: str) -> None:
    assert clean_text(text) == expected


@pytest.mark.parametrize(
    "parts",
    [
        ["a", "b"],
        ["क्षि", "ति"],
        ["ශ්\u200dරී", "න"],
        ["ที่", "ปู่", "ก้ำ"],
        ["ນ້ຳ", "ກ"],
        ["ខ្មែ", "រ"],
        ["m\u0325", "x"],
        ["王", "明"],
    ],
)
def test_a_letter_keeps_its_marks_and_conjuncts(parts: list[str]) -> None:
    assert split_clusters("".join(parts)) == parts


def test_a_long_stack_of_marks_is_split() -> None:
    heap = "a" + "\u0301" * 1000
    assert max(map(len, split_clusters(heap))) <= 32
    assert "".join(split_clusters(heap)) == heap
