import pytest

from chalicelib.pdf.direction import is_right_to_left, levels, visual


def drawn(text: str) -> str:
    """The characters in the order drawn, brackets as they are."""
    return "".join(text[index] for index in visual(levels(text)))


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("Rivera", "Rivera"),
        ("אבג דה", "הד גבא"),
        ("Dr. אבג (MD)", "Dr. גבא (MD)"),
        ("abc אבג 12 דה xyz", "abc הד 12 גבא xyz"),
        ("אבג 12", "12 גבא"),
        ("אבג (MD) 12", "12 )MD( גבא"),
        ("אבג 3.5% ד", "ד 3.5% גבא"),
        ("מ 12-34", "12-34 מ"),
        ("م 12-34", "34-12 م"),
        ("a ב, 1 c", "a 1 ,ב c"),
        ("abc (אבג) d", "abc (גבא) d"),
        ("אבג (a, ב) ד", "ד )ב ,a( גבא"),
        ("אבג, MD", "MD ,גבא"),
        ("12 אבג", "גבא 12"),
        ("x אבג ", "x גבא "),
        ("", ""),
    ],
)
def test_text_is_drawn_in_the_order_of_unicode(text: str, order: str) -> None:
    assert drawn(text) == order


def test_right_to_left_is_known() -> None:
    assert is_right_to_left("x א")
    assert is_right_to_left("م")
    assert not is_right_to_left("x 12 王")
