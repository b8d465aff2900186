import pytest

from chalicelib.pdf.annotations.completion import complete_annotations
from tests.support.pdf.annotated_pdf import annotated_pdf, annotation, sealed, shown

YES = b"/AP << /N << /Yes 40 0 R /Off 41 0 R >> >>"
FIRST = b"/AP << /N << /0 40 0 R /Off 41 0 R >> >>"
SECOND = b"/AP << /N << /1 40 0 R /Off 41 0 R >> >>"
MIDDLE = (110, 282)


def box(entries: bytes, *, redrawn: bytes = b"false") -> bytes:
    """Return a page with one check box of 20 x 20 points."""
    return annotated_pdf(
        b"/Subtype /Widget /FT /Btn /T (visits) /F 4 /Rect [100 500 120 520] " + entries,
        catalog=b"/AcroForm << /Fields [20 0 R] /NeedAppearances %s >>" % redrawn,
    )


def group(value: bytes, *widgets: bytes) -> bytes:
    """Return a page with radio buttons in one field, whose entries are `value`. The field is object 20."""
    kids = b" ".join(b"%d 0 R" % (21 + index) for index in range(len(widgets)))
    buttons = [
        b"/Subtype /Widget /Parent 20 0 R /F 4 /Rect [%d 500 %d 520] %s" % (100 + 40 * index, 120 + 40 * index, widget)
        for index, widget in enumerate(widgets)
    ]
    field = b"/FT /Btn /Ff 32768 /T (visits) /Kids [%s] %s" % (kids, value)
    return annotated_pdf(field, *buttons, catalog=b"/AcroForm << /Fields [20 0 R] >>")


def is_ticked(page: bytes, at: tuple[int, int] = MIDDLE) -> bool:
    """Return True if the box is black both on the page for review and on the sealed page, and False if on neither."""
    seen = {picture.getpixel(at) == 0 for picture in (shown(page), sealed(page))}
    assert len(seen) == 1
    return seen.pop()


@pytest.mark.parametrize(
    ("entries", "ticked"),
    [
        (b"/V /Yes /AS /Yes " + YES, True),
        (b"/V /Yes " + YES, True),
        (b"/V (Yes) " + YES, True),
        (b"/V /On " + YES, True),
        (b"/V /Yes /AS /Lost " + YES, True),
        (b"/AS /Yes " + YES, True),
        (b"/V /x /Opt [(y) (x)] " + SECOND, True),
        (b"/V (x) /Opt [(x)] " + YES, True),
        (b"/V /Yes /AS /Off " + YES, False),
        (b"/V /Off " + YES, False),
        (b"/V 1 " + YES, False),
        (YES, False),
        (b"/V /Both /AP << /N << /Yes 40 0 R /No 40 0 R /Off 41 0 R >> >>", False),
    ],
)
def test_a_box_shows_its_value_on_the_screen_and_in_the_sealed_file(entries: bytes, ticked: bool) -> None:  # noqa: FBT001 - parametrized
    assert is_ticked(box(entries)) is ticked


def test_a_ticked_box_without_any_drawing_is_drawn() -> None:
    page = box(b"/V /Yes")
    assert shown(page).getextrema()[0] == 0
    assert sealed(page).getextrema()[0] == 0


def test_a_box_that_is_off_shows_its_value_if_the_file_asks_for_new_drawings() -> None:
    assert is_ticked(box(b"/V /Yes /AS /Off " + YES, redrawn=b"true"))
    page = box(b"/V /Off /AS /Off " + YES, redrawn=b"true")
    assert complete_annotations(page) is page


def test_each_radio_button_shows_the_value_of_its_group() -> None:
    for value in (b"/V /1", b"/V (twice) /Opt [(once) (twice)]"):
        page = group(value, FIRST, SECOND)
        assert (is_ticked(page), is_ticked(page, (150, 282))) == (False, True)


def test_a_button_is_found_by_the_place_of_its_option() -> None:
    same = b"/AP << /N << /On 40 0 R /Off 41 0 R >> >>"
    page = group(b"/V (twice) /Opt [(once) (twice)]", same, same)
    assert (is_ticked(page), is_ticked(page, (150, 282))) == (False, True)
    assert not is_ticked(group(b"/V (c) /Opt [(a) (b) (c)]", same, same))


def test_a_value_of_no_button_in_the_group_ticks_none() -> None:
    for value in (b"/V /Third", b"/V (c) /Opt [(a) (b) (c)]"):
        page = group(value, FIRST.replace(b"/0", b"/A"), SECOND.replace(b"/1", b"/B"))
        assert (is_ticked(page), is_ticked(page, (150, 282))) == (False, False)


def test_a_box_with_its_own_name_is_alone_among_the_other_fields_of_a_form() -> None:
    form = group(b"", b"/T (a) /FT /Btn /V /On " + YES, b"/T (b) /FT /Btn " + YES)
    assert (is_ticked(form), is_ticked(form, (150, 282))) == (True, False)
    for shared in (b"/T (a) ", b"/FT /Btn "):
        assert not is_ticked(group(b"/V /On", shared + YES, YES))


def test_a_single_button_of_a_group_shows_every_value() -> None:
    assert is_ticked(group(b"/V /Other", YES))


@pytest.mark.parametrize(
    "entries",
    [
        b"/Subtype /Widget /FT /Btn /Ff 65536 /V /Yes " + YES,
        b"/Subtype /Widget /FT /Tx /V (Yes) " + YES,
        b"/Subtype /Stamp /FT /Btn /V /Yes " + YES,
        b"/Subtype /Widget /FT /Btn /V /Yes /AP << /N 40 0 R >>",
        b"/Subtype /Widget /FT /Btn /V /Yes /AS /Yes",
    ],
)
def test_other_fields_and_drawings_are_not_touched(entries: bytes) -> None:
    page = annotated_pdf(b"/T (visits) /Rect [100 500 120 520] " + entries)
    assert complete_annotations(page) is page


def test_a_field_that_is_its_own_parent_is_read_to_an_end() -> None:
    page = annotated_pdf(b"/Subtype /Widget /Parent 20 0 R /Rect [100 500 120 520] " + YES)
    assert complete_annotations(page) is page


def test_only_what_is_missing_is_added() -> None:
    page = box(b"/V /Yes " + YES)
    before, after = annotation(page), annotation(complete_annotations(page))
    assert str(after["/AS"]) == "/Yes"
    assert set(after) - set(before) == {"/AS"}
