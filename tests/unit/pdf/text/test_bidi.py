import pytest

from chalicelib.pdf.text.bidi import has_right_to_left, isolate, resolve_levels, visual_order


def drawn(text: str) -> str:
    """Return a text's characters in the order in which they are drawn from left to right. Brackets are not mirrored."""
    return "".join(text[index] for index in visual_order(resolve_levels(text)))


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
def test_text_is_drawn_in_the_visual_order_of_unicode(text: str, order: str) -> None:
    assert drawn(text) == order


def shown(text: str) -> str:
    return drawn(text).replace("\u2068", "").replace("\u2069", "")


@pytest.mark.parametrize(
    ("before", "name", "after", "order"),
    [
        ("by ", "محمد", ", 11/23/2025 10:15 AM", "by دمحم, 11/23/2025 10:15 AM"),
        ("Practice ", "אבג", ", 555-0100", "Practice גבא, 555-0100"),
        ("", "אבג", ", 12", "גבא, 12"),
        ("", "אבג", ", MD, NPI 12", "גבא, MD, NPI 12"),
        ("", "אבג 12 (MD)", ", 12", ")MD( 12 גבא, 12"),
        ("by ", "Li אבג 12", ", 34", "by Li 12 גבא, 34"),
        ("by ", "א\u2069ב\u2068 ג", ", 12", "by ג בא, 12"),
        ("אבג ", "12 דה", " ז", "ז הד 12 גבא"),
        ("אבג ", "MD ד 12", " ז", "ז MD 12 ד גבא"),
    ],
)
def test_an_isolated_name_changes_no_order_beside_it(before: str, name: str, after: str, order: str) -> None:
    assert shown(before + isolate(name) + after) == order


def test_two_names_side_by_side_keep_their_order() -> None:
    assert drawn("by אבג, דה") == "by הד ,גבא"
    assert shown(f"by {isolate('אבג')}, {isolate('דה')}") == "by גבא, הד"


def test_a_left_to_right_name_needs_no_isolate() -> None:
    assert isolate("Luis Rivera-Muñoz") == "Luis Rivera-Muñoz"
    assert isolate("") == ""


@pytest.mark.parametrize(
    "text", ["\u2068אב", "אב\u2069", "\u2069אב\u2068", "\u2068\u2068אב\u2069 12\u2069", "\u2068\u2069"]
)
def test_unpaired_isolates_do_no_harm(text: str) -> None:
    assert len(resolve_levels(text)) == len(text)


def test_right_to_left_text_is_recognized() -> None:
    assert has_right_to_left("x א")
    assert has_right_to_left("م")
    assert not has_right_to_left("x 12 王")
