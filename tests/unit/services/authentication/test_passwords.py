import re
import time

import pytest
from argon2 import PasswordHasher, extract_parameters

from chalicelib.services.authentication import passwords
from chalicelib.services.authentication.passwords import (
    LANES,
    MAX_LENGTH,
    MEMORY_KIB,
    MIN_LENGTH_WITH_SECOND_FACTOR,
    PASSES,
    UNKNOWN_ADDRESS_HASH,
    find_password_problem,
    hash_password,
    is_outdated,
    is_password,
    is_short,
    min_length,
)

pytestmark = pytest.mark.real_passwords

LUIS = ("Luis Rivera", "dr.rivera@example.com")


@pytest.mark.parametrize(
    "password",
    [
        "violet tractor onion",
        "my dog likes cold tea",
        "15 plain words!",
        "x7#Kq9!vLm2$Wd4",
        "übergrößenträger",
        "ü" * 3 + "kwlzpdmtrq49",
    ],
)
def test_a_long_password_needs_no_digits_or_symbols(password: str) -> None:
    assert find_password_problem(password, LUIS) is None


@pytest.mark.parametrize("password", ["", "a", "violet tractor", "x" * 14])
def test_fourteen_characters_are_too_short(password: str) -> None:
    assert "at least 15" in (find_password_problem(password, LUIS) or "")


def test_the_length_is_counted_in_characters_not_bytes() -> None:
    assert "at least 15" in (find_password_problem("ü" * 14, LUIS) or "")


def test_at_most_128_characters_are_allowed() -> None:
    long = "violet tractor onion " * 6
    assert find_password_problem(long[:MAX_LENGTH].ljust(MAX_LENGTH, "q"), LUIS) is None
    assert "at most 128" in (find_password_problem(long + "and three more", LUIS) or "")


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "Password12345678!",
        "P@ssw0rdP@ssw0rd1",
        "correct horse battery staple",
        "Summer2026Summer2026",
        "letmeinletmein1234",
        "welcome to the portal",
        "mypasswordispassword",
    ],
)
def test_common_passwords_are_refused_with_any_digits_around_them(password: str) -> None:
    assert "This password is too common" in (find_password_problem(password, LUIS) or "")


@pytest.mark.parametrize(
    "password",
    [
        "123456789012345",
        "qwertyuiopasdfghjkl",
        "abcabcabcabcabcabc",
        "1111122222333334",
        "zyxwvutsrqponmlkj",
        "november november",
        "hunter2 hunter2 hunter2",
        "the the the the the",
    ],
)
def test_patterns_are_refused(password: str) -> None:
    assert re.match(
        "This (pattern is easy to guess|password is too common)", find_password_problem(password, LUIS) or ""
    )


@pytest.mark.parametrize(
    "password", ["dr.rivera@example.com", "LuisRivera1234567", "rivera-luis-rivera", "Dr.Rivera-example-2026"]
)
def test_the_owners_name_and_email_address_are_refused(password: str) -> None:
    assert "too similar to your name" in (find_password_problem(password, LUIS) or "")


@pytest.mark.parametrize(
    "password",
    [
        "HillCountryTherapy1",
        "hill country therapy!",
        "1234567893 1234567893",
        "providerportal2026",
        "portal-1234567893",
    ],
)
def test_the_practice_the_npi_and_the_portals_name_are_refused(password: str) -> None:
    personal = (*LUIS, "Hill Country Therapy", "1234567893")
    assert "NPI or clinic" in (find_password_problem(password, personal) or "")


@pytest.mark.parametrize(
    "password", ["Luis1978", "rivera77", "password1", "12345678", "qwertyui", "violet77", "Therapy2026!"]
)
def test_easy_passwords_are_refused_with_a_second_factor_too(password: str) -> None:
    problem = find_password_problem(password, (*LUIS, "Hill Country Therapy"), least=MIN_LENGTH_WITH_SECOND_FACTOR)
    assert problem is not None
    assert "at least" not in problem


@pytest.mark.parametrize("password", ["kettle42", "q9#Lm2Wd", "teal rug"])
def test_eight_characters_are_enough_with_a_second_factor(password: str) -> None:
    assert find_password_problem(password, LUIS, least=MIN_LENGTH_WITH_SECOND_FACTOR) is None


def test_a_password_that_is_slow_to_estimate_takes_under_two_seconds() -> None:
    hostile = ("4@8({[<369&#!1/|0$5+7%2" * 6)[:MAX_LENGTH]
    started = time.process_time()
    find_password_problem(hostile, LUIS)
    assert time.process_time() - started < 2


def test_only_the_first_25_characters_are_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def estimate(password: str, **_: object) -> dict[str, object]:
        seen.append(password)
        return {"guesses": 1e12, "sequence": []}

    monkeypatch.setattr("zxcvbn.zxcvbn", estimate)
    assert find_password_problem("violet tractor onion under the lantern of the copper river", LUIS) is None
    assert [len(estimated) for estimated in seen] == [25]


def test_every_refusal_says_what_to_do() -> None:
    for password in ("short", "x" * 200, "passwordpassword", "abcabcabcabcabcabc", "rivera-luis-rivera"):
        problem = find_password_problem(password, LUIS) or ""
        assert problem.startswith(("Use at", "This"))
        assert any(word in problem for word in ("Use at", "Choose"))


def test_a_hash_matches_only_its_password() -> None:
    stored = hash_password("violet tractor onion")
    assert is_password("violet tractor onion", stored)
    assert not is_password("violet tractor onioN", stored)
    assert not is_password("", stored)


def test_two_encodings_of_one_character_are_the_same_password() -> None:
    assert is_password("caf\u0065\u0301 at the corner", hash_password("caf\u00e9 at the corner"))


def test_an_unknown_address_has_no_right_password_and_its_check_takes_as_long() -> None:
    assert not is_password("violet tractor onion", None)
    parameters = extract_parameters(UNKNOWN_ADDRESS_HASH)
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (MEMORY_KIB, PASSES, LANES)
    assert extract_parameters(hash_password("violet tractor onion")) == parameters


def test_a_hash_with_other_parameters_is_outdated_but_still_matches() -> None:
    old = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash("violet tractor onion")
    assert is_password("violet tractor onion", old)
    assert is_outdated(old)
    assert not is_outdated(hash_password("violet tractor onion"))


def test_a_password_over_the_limit_is_not_hashed_in_full() -> None:
    assert not is_password("x" * 1_000_000, hash_password("violet tractor onion"))


@pytest.mark.parametrize(
    "password", ["rivera1234567890", "rivera2026202620", "rivera!abcdefghi", "luisrivera987654321", "rivera qwertyuiop"]
)
def test_the_owners_name_with_an_easy_rest_is_too_similar(password: str) -> None:
    """The password is the owner's name and more characters. They are too many for the rule of length, but easy to
    guess."""
    assert "too similar to your name" in (find_password_problem(password, LUIS) or "")
    assert "too similar" not in (find_password_problem(password, ()) or "")


@pytest.mark.parametrize(("rest", "allowed"), [("kwqzjxv", False), ("kwqzjxvp", True)])
def test_beside_the_owners_words_a_password_needs_more_than_half_its_least_length(*, rest: str, allowed: bool) -> None:
    problem = find_password_problem(f"luis-rivera-{rest}", LUIS)
    assert (problem is None) is allowed


@pytest.mark.parametrize(("word", "allowed"), [("Li", True), ("Liu", False)])
def test_words_of_two_letters_about_the_owner_do_not_count(*, word: str, allowed: bool) -> None:
    password = f"{word}-{word}-{word}-{word}-kzq7"
    assert ("similar" not in (find_password_problem(password, (word,)) or "")) is allowed


def test_a_password_of_fourteen_characters_is_short() -> None:
    assert [is_short("x" * length) for length in (14, 15)] == [True, False]
    assert is_short("e\u0301" * 14)
    assert [min_length(second_factor=second) for second in (False, True)] == [15, 8]


@pytest.mark.parametrize(("length", "refused"), [(7, True), (8, False)])
def test_the_least_length_with_a_second_factor_is_eight(*, length: int, refused: bool) -> None:
    password = "q9#Lm2Wd"[:length]
    problem = find_password_problem(password, LUIS, least=MIN_LENGTH_WITH_SECOND_FACTOR)
    assert (problem == "Use at least 8 characters. A few unrelated words are easy to remember.") is refused


@pytest.mark.parametrize(
    ("guesses", "least", "allowed"),
    [(1e10, 15, True), (1e10 - 1, 15, False), (1e10 - 1, 8, True), (1e6, 8, True), (1e6 - 1, 8, False)],
)
def test_a_password_needs_so_many_guesses(
    monkeypatch: pytest.MonkeyPatch, *, guesses: float, least: int, allowed: bool
) -> None:
    monkeypatch.setattr("zxcvbn.zxcvbn", lambda *_, **__: {"guesses": guesses, "sequence": []})
    problem = find_password_problem("violet tractor onion", LUIS, least=least)
    assert problem == (None if allowed else "This password is too common. Choose a few unrelated words instead.")


@pytest.mark.parametrize(
    ("sequence", "reason"),
    [
        ([{"pattern": "dictionary", "dictionary_name": "user_inputs"}, {"pattern": "repeat"}], "too similar"),
        ([{"pattern": "dictionary", "dictionary_name": "english"}, {"pattern": "repeat"}], "pattern"),
        ([{"pattern": "dictionary", "dictionary_name": "english"}], "too common"),
        ([{"pattern": "bruteforce"}], "too common"),
    ],
)
def test_the_refusal_names_what_makes_the_password_easy(
    monkeypatch: pytest.MonkeyPatch, sequence: list[dict[str, str]], reason: str
) -> None:
    monkeypatch.setattr("zxcvbn.zxcvbn", lambda *_, **__: {"guesses": 1, "sequence": sequence})
    assert reason in (find_password_problem("violet tractor onion", LUIS) or "")


@pytest.mark.parametrize(
    "password",
    ["2026 the my is 2026", "ItIsThePassword1!", "I my password 2026!", "you 839 1047 5562 91", "p4$$w0rd p4$$w0rd"],
)
def test_common_words_are_found_between_other_characters(password: str) -> None:
    assert "too common" in (find_password_problem(password, LUIS) or "")


def test_a_password_of_up_to_twice_the_limit_is_hashed_as_typed() -> None:
    longest = "x" * (MAX_LENGTH * 2)
    assert is_password(longest, hash_password(longest)) is True
    assert is_password(longest + "x", hash_password(longest + "x")) is False
    assert is_password("", hash_password("")) is True
    assert is_password(longest + "x", hash_password("")) is True


def test_a_longer_word_about_the_owner_is_taken_out_first() -> None:
    assert passwords._is_personal("annabelannabel-kwqz", ("Ann Annabel",), 15) is True
    assert passwords._is_personal("annabelannabel-kwqzjxvp", ("Ann Annabel",), 15) is False
