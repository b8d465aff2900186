import pytest

from chalicelib.domain.documents import Addressee
from chalicelib.domain.providers import Provider, name_key
from chalicelib.domain.visibility import names_person


def provider(npi: str | None) -> Provider:
    return Provider(id="prv_1", version=1, first_name="José", last_name="O'Neill-Ruiz", npi=npi)


@pytest.mark.parametrize(
    ("npi", "first", "last", "theirs", "same"),
    [
        ("1234567893", "Ann", "O'Neill Ruiz", "1234567893", True),
        ("1234567893", "Ann", "Other", "1234567893", False),
        ("1234567893", "José", "O'Neill-Ruiz", "1245319599", False),
        (None, "Jose", "ONeill Ruiz", "1234567893", True),
        (None, "Jose", "O Neill Ruiz, Jr.", "1234567893", True),
        (None, "Joseph", "ONeill Ruiz", "1234567893", False),
        (None, "JOSE", "o'neill ruiz", None, True),
        ("1234567893", "Jose", "O\u2019Neill Ruiz", None, True),
        ("1234567893", "Ann", "Other", None, False),
    ],
)
def test_same_person_by_npi_and_last_name_or_by_name(
    npi: str | None, first: str, last: str, theirs: str | None, *, same: bool
) -> None:
    addressee = Addressee(first_name=first, last_name=last, npi=theirs)
    assert names_person(provider(npi), addressee, at_address=False) is same


def test_names_are_compared_without_accents_case_and_punctuation() -> None:
    assert name_key(" Müller ", "von-Berg") == name_key("muller", "VON BERG")


@pytest.mark.parametrize(
    ("name", "other"), [("कमल", "कमला"), ("राम", "रीम"), ("มาลี", "มาลา"), ("ก่า", "ก้า"), ("ばば", "はは"), ("த", "த்")]
)
def test_another_vowel_or_tone_is_another_name(name: str, other: str) -> None:
    assert name_key(name, "") != name_key(other, "")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("مُحَمَّد", "محمد"),
        ("בַּר", "בר"),
        ("क\u094d\u200dष", "क्ष"),
        ("葛\U000e0100城", "葛城"),
        ("ज़फ़र", "जफर"),
        ("Ana\u034f", "Ana"),
        *((f"\u1820{mark}", "\u1820") for mark in "\u180b\u180c\u180d\u180f\ufe00"),
        ("ÉLAN", "élan"),
    ],
)
def test_points_invisible_marks_and_variants_do_not_change_a_name(name: str, other: str) -> None:
    assert name_key(name, "") == name_key(other, "")


def test_a_non_joiner_separates_words_like_a_space() -> None:
    """The names must match, because a keyboard without the non-joiner types a space."""
    assert name_key("کیان\u200cپور", "") == name_key("کیان پور", "") != name_key("کیانپور", "")


def test_a_name_stays_one_word() -> None:
    assert name_key("हिन्दी", "ที่ปู่").split() == [name_key("हिन्दी", ""), name_key("ที่ปู่", "")]
