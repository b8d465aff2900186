from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.documents import Addressee
from chalicelib.domain.providers import (
    Provider,
    has_same_last_name,
    has_same_name,
    name_key,
    searched_spellings,
    spelling_key,
    with_name,
    without_credentials,
)
from chalicelib.domain.second_factors import Authenticator, Passkey, hash_recovery_code
from chalicelib.domain.visibility import names_person

NOW = datetime(2026, 3, 2, tzinfo=UTC)


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
    """A non-joiner is an invisible character in Persian names. The same name with a space instead must match.

    A keyboard without the non-joiner types a space."""
    assert name_key("کیان\u200cپور", "") == name_key("کیان پور", "") != name_key("کیانپور", "")


def test_a_name_stays_one_word() -> None:
    assert name_key("हिन्दी", "ที่ปู่").split() == [name_key("हिन्दी", ""), name_key("ที่ปู่", "")]


def test_letters_with_a_stroke_and_apostrophes_are_spelled_plainly() -> None:
    assert spelling_key("Łuđðħ", "Øæœþ") == "luddhoaeoeth"
    assert spelling_key("O\u02b9Ne\u02cfil", "Doe, Jr.") == "oneildoe"
    assert spelling_key("A\u02b8B", "C") != "abc" != spelling_key("A\u02d0B", "C")


@pytest.mark.parametrize("accent", ["\u0338", "\u093c", "\u05b0", "\u0711", "\u0327", "\u035d"])
def test_every_class_of_accents_is_left_out(accent: str) -> None:
    assert name_key(f"a{accent}b", "") == "ab"


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Jr", "Junior", True),
        ("Sr", "Senior", True),
        ("II", "2nd", True),
        ("III", "3rd", True),
        ("IV", "4th", True),
        ("II", "III", False),
    ],
)
def test_a_suffix_has_several_spellings(first: str, second: str, *, same: bool) -> None:
    person = replace(provider(None), last_name=f"Ruiz {first}")
    assert has_same_name(person, Addressee(first_name="Jose", last_name=f"Ruiz, {second}")) is same
    assert has_same_last_name(person, Addressee(first_name="Ana", last_name=f"Ruiz, {second}")) is same


def test_a_suffix_alone_is_a_last_name() -> None:
    assert spelling_key("Ann", "Junior") == "annjunior"
    assert spelling_key("Ann", "Ruiz Junior") == "annruiz"


@pytest.mark.parametrize(
    ("account", "proven"),
    [
        ({"password_hash": "h", "email": "a@b.org", "emails": ("a@b.org", "c@d.org")}, ("a@b.org", "c@d.org")),
        ({"password_hash": "h", "email": "a@b.org"}, ("a@b.org",)),
        ({"email": "a@b.org", "emails": ("a@b.org",)}, ()),
        ({"password_hash": "h", "emails": ("a@b.org",)}, ()),
    ],
)
def test_only_an_account_has_proven_addresses(account: dict[str, Any], proven: tuple[str, ...]) -> None:
    person = replace(provider(None), **account)
    assert person.proven_emails == proven
    assert person.has_account is ("password_hash" in account)


def test_a_passkey_or_an_authenticator_is_a_second_factor_and_recovery_codes_are_none() -> None:
    passkey = Passkey(id="id", public_key="key", count=0, name="Phone", created_at=NOW)
    person = replace(provider(None), recovery=("code",))
    assert person.has_second_factor is False
    assert replace(person, passkeys=(passkey,)).has_second_factor is True
    assert replace(person, authenticator=Authenticator(secret="s", since=NOW)).has_second_factor is True
    assert Authenticator(secret="s", since=NOW).last_step == 0


def test_an_account_that_is_closed_or_moved_keeps_nothing_of_its_owners_logins_and_signature() -> None:
    person = replace(provider(None), email="a@b.org", practices=("prc_1",))
    account = replace(
        person,
        password_hash="hash",
        short_password=True,
        passkeys=(Passkey(id="id", public_key="key", count=0, name="Phone", created_at=NOW),),
        authenticator=Authenticator(secret="s", since=NOW),
        recovery=("code",),
        saved_signature="signature",
        consent_version="2026-11",
        consented_at=NOW,
        link="dlv_1",
        move_link="dlv_2",
    )
    account = with_name(account, "Jane", "Okafor", self_stated=True)
    assert without_credentials(account) == replace(person, version=2, session_generation=2)


def test_a_recovery_code_may_be_typed_with_spaces_dashes_and_small_letters() -> None:
    typed = {hash_recovery_code(code) for code in ("AB12-CD34", "ab12 cd34", "ab12cd34é")}
    assert typed == {hash_recovery_code("AB12CD34")}
    assert hash_recovery_code("AB12CD35") not in typed


def test_a_search_looks_under_every_spelling_and_finds_the_usual_one_first() -> None:
    assert searched_spellings("Luis", "Rivera") == ("luisrivera",)
    assert searched_spellings("Jürgen", "Müller")[0] == "jurgenmuller"
    for other in (("Jürgen", "Müller"), ("Juergen", "Mueller"), ("Jurgen", "Mueller"), ("JUERGEN", "MÜLLER")):
        assert "jurgenmuller" in searched_spellings(*other)
    assert "samuelmuller" in searched_spellings("Samuel", "Mueller")
    assert "luisriveramd" in searched_spellings("Luis", "Rivera MD"), "rows of earlier releases"


@pytest.mark.parametrize(
    ("last_name", "key"),
    [
        ("Do", "do"),
        ("Van Do", "van"),
        ("Rivera MD", "rivera"),
        ("Rivera Ph.D.", "rivera"),
        ("Rivera MD FACS", "rivera"),
        ("Rivera P.A.-C", "rivera"),
        ("MD PA", "md"),
    ],
)
def test_degrees_after_a_last_name_do_not_count(last_name: str, key: str) -> None:
    assert spelling_key("", last_name) == key


def test_a_name_of_one_word_has_no_spaces_around_it() -> None:
    assert replace(provider(None), first_name="").name == provider(None).last_name
    assert Addressee(first_name="", last_name="Suharto").name == "Suharto"
