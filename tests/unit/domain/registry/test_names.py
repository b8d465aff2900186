import pytest

from chalicelib.domain.registry.entries import PersonName
from chalicelib.domain.registry.names import is_same_name, may_be_same_person

LUIS = PersonName(first="LUIS", middle="ALBERTO", last="RIVERA JR.")
MARGARET = (
    PersonName(first="MARGARET", middle="ROSE", last="O'NEILL-SANTOS"),
    PersonName(first="PEGGY", middle="", last="O'NEILL"),
)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("Luis", "Rivera"),
        ("luís", "RIVERA, Jr"),
        ("Luis A.", "Rivera"),
        ("Luis Alberto", "Rivera"),
        ("Luis  A", "Rivera Junior"),
    ],
)
def test_a_name_is_the_same_whatever_its_spelling(first: str, last: str) -> None:
    assert is_same_name(first, last, LUIS) is True


@pytest.mark.parametrize(
    ("first", "last"),
    [("Alberto", "Rivera"), ("L", "Rivera"), ("Luis B", "Rivera"), ("Luis", "Rivera Sr"), ("Luis", "Riveras")],
)
def test_a_name_that_only_resembles_the_registered_one_is_not_the_same(first: str, last: str) -> None:
    assert is_same_name(first, last, LUIS) is False


def test_a_missing_middle_name_in_the_registry_does_not_matter() -> None:
    assert is_same_name("Peggy", "Oneill", MARGARET[1]) is True


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("Luis", "Rivera"),
        ("L.", "Rivera, MD"),
        ("Alberto", "Rivera-Gomez"),
        ("L. A.", "Rivera Sr."),
        ("Alb", "De Rivera"),
    ],
)
def test_an_initial_a_middle_name_or_half_a_last_name_may_be_the_same_person(first: str, last: str) -> None:
    assert may_be_same_person(first, last, (LUIS,)) is True


@pytest.mark.parametrize(
    ("first", "last"),
    [("Maggie", "Santos"), ("Peggy", "O'Neill Santos"), ("Rose", "ONeill"), ("Meg", "oneill"), ("Marga", "Santos")],
)
def test_a_nickname_or_a_former_last_name_may_be_the_same_person(first: str, last: str) -> None:
    assert may_be_same_person(first, last, MARGARET) is True


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("Luisa", "Gomez"),
        ("Maria", "Rivera"),
        ("Al Lu", "Riverton"),
        ("Al", "Rivera"),
        ("Luis", "Jr"),
        ("", "Rivera"),
        ("Luis", ""),
    ],
)
def test_another_first_or_last_name_is_another_person(first: str, last: str) -> None:
    assert may_be_same_person(first, last, (LUIS,)) is False


@pytest.mark.parametrize(
    ("typed", "registered"),
    [
        ("Jenny", "JENNIFER"),
        ("Danny", "DANIEL"),
        ("Kathy", "KATHLEEN"),
        ("Vicky", "VICTORIA"),
        ("Judy", "JUDITH"),
        ("Angie", "ANGELA"),
        ("Robbie", "ROBERT"),
        ("Charley", "CHARLENE"),
        ("Toni", "TONYA"),
        ("RANDALL", "RANDY"),
        ("Cindy", "CYNTHIA"),
    ],
)
def test_a_pet_form_may_be_the_same_person(typed: str, registered: str) -> None:
    assert may_be_same_person(typed, "Cruz", (PersonName(first=registered, middle="", last="CRUZ"),)) is True


@pytest.mark.parametrize(
    ("typed", "registered"), [("Amy", "AMOS"), ("Danny", "DENNIS"), ("Kathy", "KATRINA"), ("Eddy", "EDNA")]
)
def test_another_name_with_the_ending_of_a_pet_form_is_another_person(typed: str, registered: str) -> None:
    assert may_be_same_person(typed, "Cruz", (PersonName(first=registered, middle="", last="CRUZ"),)) is False


def test_two_last_names_with_the_same_particle_are_different() -> None:
    registered = (PersonName(first="ANA", middle="", last="DE LA CRUZ"),)
    assert may_be_same_person("Ana", "de la Fuente", registered) is False
    assert may_be_same_person("Ana", "Cruz", registered) is True
    assert may_be_same_person("Ana", "Delacruz", registered) is True


@pytest.mark.parametrize("addition", ["PhD", "RN", "MD", "PA-C", "Jr.", "2nd"])
def test_two_last_names_with_the_same_degree_or_suffix_are_different(addition: str) -> None:
    registered = (PersonName(first="ANA", middle="", last=f"CRUZ {addition.upper()}"),)
    assert may_be_same_person("Ana", f"Lopez, {addition}", registered) is False
    assert may_be_same_person("Ana", f"Cruz, {addition}", registered) is True


def test_a_last_name_that_is_only_a_particle_counts_as_a_whole() -> None:
    assert may_be_same_person("Ana", "Do", (PersonName(first="ANA", middle="", last="DO"),)) is True


def test_a_person_without_names_in_the_registry_is_nobody() -> None:
    assert may_be_same_person("Ana", "Cruz", ()) is False
