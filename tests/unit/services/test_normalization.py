import pytest

from chalicelib.services.delivery.mime import header_text
from chalicelib.services.normalization import display_phone, normalize_fax, normalize_line, normalize_paragraphs
from chalicelib.services.review.signature_input import clean_text
from tests.support.pdf.shaped_words import FROM_RIGHT, SHAPED

NAMES = [*SHAPED.values(), *FROM_RIGHT.values(), "Ẹ̀kọ́", "王小明", "Müller-Łukasiewicz"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_script_is_unchanged(name: str) -> None:
    assert normalize_line(f" {name} ") == name
    assert normalize_paragraphs(name) == name
    assert clean_text(name) == name
    assert header_text(name) == name


@pytest.mark.parametrize("character", ["\x00", "\n", "\u202e", "\u2028", "\u200b", "\ud800", "\ue000"])
def test_hidden_and_bidi_control_characters_are_refused(character: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        normalize_line(f"Li{character}Na")


@pytest.mark.parametrize(
    "number",
    [
        "+19005550123",
        "+15129761234",
        "+15005550006",
        "+18765550123",
        "+442079460958",
        "+97912345678",
        "+881612345678",
        "+88216123456",
        "+870773111632",
        "+883510012345",
        "011881612345678",
    ],
)
def test_a_fax_never_goes_abroad_or_to_a_number_with_extra_charges(number: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        normalize_fax(number)


def test_a_fax_goes_to_the_countries_of_the_installation() -> None:
    for number in ("+15125550100", "+14165550123", "+18005550199"):
        assert normalize_fax(number) == number
    assert normalize_fax("+442079460958", ("GB",)) == "+442079460958"
    with pytest.raises(ValueError, match="in GB"):
        normalize_fax("+15125550100", ("GB",))


def test_a_phone_number_is_displayed_as_people_read_it() -> None:
    assert display_phone("+15125550188") == "(512) 555-0188"
    assert display_phone("+442079460958") == "+442079460958"
    assert display_phone("512 555 0188") == "512 555 0188"
