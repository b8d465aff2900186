"""Test the rule (DESIGN section 2a) that says which documents an account may open, for all combinations of its
cases."""

from dataclasses import replace
from itertools import product

import pytest

from chalicelib.domain.documents import Document, Grant, GrantKind
from chalicelib.domain.providers import Provider, npi_key, separation_key, with_name, without_typed_name
from chalicelib.domain.visibility import may_hold, names_person, opens_to
from tests.support.provider_fixtures import PROVIDER, a_document, handed_over

NPI, OTHER_NPI = "1234567893", "1245319599"
FIRST, SECOND, FOREIGN = "dr.rivera@example.com", "luis@example.org", "stranger@example.net"

NAMES = {
    "the same name": ("Luis", "Rivera"),
    "another spelling": ("LUÍS", "Ri-vera, Jr."),
    "the same last name": ("Ann", "Rivera"),
    "another name": ("Jane", "Okafor"),
}
GRANTS = {
    "no grant": None,
    "the fax's code": Grant(kind=GrantKind.FAX_CODE, provider_id=PROVIDER.id, email=FIRST),
    "the fax's code, by a former owner": Grant(kind=GrantKind.FAX_CODE, provider_id=PROVIDER.id, email=FOREIGN),
    "the fax's code, by another account": Grant(kind=GrantKind.FAX_CODE, provider_id="prv_9", email=FIRST),
    "handed over": None,
}
ADDRESSED: dict[str, dict[str, tuple[str, ...]]] = {
    "by nobody": {},
    "by this practice": {"prc_1": (SECOND,)},
    "by this practice, at an address that is not proven": {"prc_1": (FOREIGN,)},
    "by another practice": {"prc_2": (FIRST, SECOND)},
}


def account(npi: str | None, addressed: str, *, self_stated: bool = False) -> Provider:
    return replace(
        PROVIDER, npi=npi, npi_self_stated=self_stated, emails=(FIRST, SECOND), addressed_by=ADDRESSED[addressed]
    )


def a_document_to(name: str, npi: str | None, email: str | None, grant: str) -> Document:
    first_name, last_name = NAMES[name]
    document = a_document(granted=GRANTS[grant])
    addressee = replace(document.addressee, first_name=first_name, last_name=last_name, npi=npi, email=email)
    if grant == "handed over":
        return handed_over(replace(document, provider_id="prv_9"), addressee, to=PROVIDER.id)
    return replace(document, addressee=addressee)


def is_expected(own: str | None, name: str, npi: str | None, email: str | None, grant: str, addressed: str) -> bool:
    """Return True if DESIGN section 2a lets the account see the document.

    The rule is written here a second time, independently of the code."""
    at_address = email in (FIRST, SECOND)
    if own and npi:
        has_name = at_address or name != "another name"
        names = own == npi and has_name
    else:
        names = name in ("the same name", "another spelling")
    if grant == "handed over":
        return names and at_address
    return names and (at_address or addressed == "by this practice" or grant == "the fax's code")


@pytest.mark.parametrize("grant", GRANTS)
@pytest.mark.parametrize("addressed", ADDRESSED)
def test_a_document_opens_to_an_account_only_by_the_rule(addressed: str, grant: str) -> None:
    npis, emails = (None, NPI, OTHER_NPI), (None, FIRST, SECOND, FOREIGN)
    for own, name, npi, email in product((None, NPI), NAMES, npis, emails):
        document = a_document_to(name, npi, email, grant)
        expected = is_expected(own, name, npi, email, grant, addressed)
        assert opens_to(account(own, addressed), document) is expected, (own, name, npi, email)


@pytest.mark.parametrize("grant", GRANTS)
def test_a_person_without_an_account_sees_nothing(grant: str) -> None:
    nobody = replace(account(NPI, "by this practice"), password_hash=None)
    assert not opens_to(nobody, a_document_to("the same name", NPI, FIRST, grant))


def test_a_document_in_another_persons_lists_does_not_open() -> None:
    document = replace(a_document(), provider_id="prv_9")
    assert may_hold(account(NPI, "by nobody"), document)
    assert not opens_to(account(NPI, "by nobody"), document)


def test_an_account_from_before_has_its_username_as_its_only_proven_address() -> None:
    old = replace(PROVIDER, emails=())
    assert old.proven_emails == (FIRST,)
    assert opens_to(old, a_document())
    assert not opens_to(old, a_document_to("the same name", NPI, SECOND, "no grant"))


def test_an_npi_that_the_owner_typed_never_replaces_the_name() -> None:
    for name, opens in (("the same last name", True), ("another name", False)):
        document = a_document_to(name, NPI, FIRST, "no grant")
        assert opens_to(account(NPI, "by nobody", self_stated=True), document) is opens


@pytest.mark.parametrize(
    ("own", "other", "same"),
    [
        ("O'Brien", "OBrien", True),
        ("O'Brien", "O\u02bcBrien", True),
        ("Smith-Jones", "Smith Jones", True),
        ("Smith-Jones", "SmithJones", True),
        ("Søndergård", "Sondergard", True),
        ("Rivera", "Rivera Jr.", True),
        ("Rivera, III", "Rivera", True),
        ("Rivera Sr", "Rivera, Senior", True),
        ("Müller", "Mueller", True),
        ("Müller", "Muller", True),
        ("Mueller", "Muller", False),
        ("Sørensen", "Soerensen", True),
        ("Åberg", "Aaberg", True),
        ("Weiß", "Weiss", True),
        ("Łukasz", "Lukasz", True),
        ("Dela Cruz", "de la Cruz", True),
        ("McDonald", "Mc Donald", True),
        ("Rivera", "Rivera, MD", True),
        ("Rivera", "Rivera M.D.", True),
        ("Rivera", "Rivera, Jr., PA-C", True),
        ("Rivera Sr., MD", "Rivera Jr., DO", False),
        ("MD", "PA", False),
        ("Michael", "Michal", False),
        ("Rivera Jr.", "Rivera Sr.", False),
        ("Rivera", "Riveras", False),
        ("Rivera", "Rivera Lopez", False),
        ("Jr", "", False),
    ],
)
def test_names_may_differ_in_accents_spaces_hyphens_and_suffixes_only(own: str, other: str, *, same: bool) -> None:
    person = replace(PROVIDER, last_name=own)
    addressee = replace(a_document().addressee, last_name=other, npi=None)
    assert names_person(person, addressee, at_address=True) is same
    assert names_person(person, addressee, at_address=False) is same


def test_a_corrected_name_and_the_names_before_name_the_person() -> None:
    married = with_name(replace(PROVIDER, npi=None), "Luis", "Kim")
    twice = with_name(married, "Luis", "Kim-Lee")
    for person, names in ((married, ("Rivera", "Kim")), (twice, ("Rivera", "Kim", "Kim Lee"))):
        for last_name in names:
            addressee = replace(a_document().addressee, last_name=last_name, npi=None)
            assert names_person(person, addressee, at_address=True)
    assert twice.former_names == (("Luis", "Kim"), ("Luis", "Rivera"))


def test_a_name_that_the_owner_typed_names_nobody() -> None:
    """Otherwise the reader of a shared mailbox could take a colleague's name and read the colleague's documents."""
    renamed = with_name(replace(PROVIDER, npi=None), "Jane", "Okafor", self_stated=True)
    again = with_name(renamed, "Jane", "Kim", self_stated=True)
    confirmed = with_name(again, "Jane", "Kim")
    okafor, kim, before = (
        replace(a_document().addressee, first_name=first, last_name=last, npi=None)
        for first, last in (("Jane", "Okafor"), ("Jane", "Kim"), ("Luis", "Rivera"))
    )
    for person in (renamed, again):
        assert names_person(person, before, at_address=True)
        assert not names_person(person, okafor, at_address=True)
        assert not names_person(person, kim, at_address=True)
    assert names_person(confirmed, kim, at_address=True)
    assert names_person(confirmed, before, at_address=True)
    assert not names_person(confirmed, okafor, at_address=True)


@pytest.mark.parametrize("first_name", ["Anna", ""])
def test_a_separated_person_stays_another_person_after_the_provider_got_the_same_last_name(first_name: str) -> None:
    """Luis Rivera marries Anna Kim, who shares his mailbox. A clinic had typed his NPI for her."""
    anna = replace(a_document().addressee, first_name=first_name, last_name="Kim", npi=NPI)
    separated = replace(PROVIDER, npi=NPI, other_people=(separation_key(PROVIDER, anna),))
    married = with_name(separated, "Luis", "Kim")
    for person in (separated, married):
        assert not names_person(person, anna, at_address=True)
        assert not names_person(person, anna, at_address=False)
    assert names_person(married, replace(anna, first_name="Luis"), at_address=True)


@pytest.mark.parametrize(
    ("stored", "first_name", "last_name"),
    [
        ("muller", "Anna", "Müller"),
        ("muller", "Anna", "Mueller"),
        ("kimmd", "Anna", "Kim MD"),
        ("annarivera", "Anna", "Rivera MD"),
        ("annmuellerrivera", "Ann", "Müller Rivera"),
    ],
)
def test_a_separated_person_is_known_by_every_spelling(stored: str, first_name: str, last_name: str) -> None:
    other = replace(a_document().addressee, first_name=first_name, last_name=last_name, npi=NPI)
    for last in (PROVIDER.last_name, "Kim"):
        person = replace(PROVIDER, npi=NPI, last_name=last, other_people=(f"{NPI}|{stored}",))
        assert not names_person(person, other, at_address=True)
    elsewhere = replace(PROVIDER, npi=NPI, other_people=(f"{OTHER_NPI}|{stored}",))
    assert names_person(elsewhere, other, at_address=True)


def test_an_npi_that_was_wrong_separates_everybody_but_the_provider() -> None:
    person = replace(PROVIDER, npi=NPI, other_people=(npi_key(NPI),))
    addressee = replace(a_document().addressee, npi=NPI)
    assert names_person(person, addressee, at_address=True)
    assert not names_person(person, replace(addressee, first_name="Ann"), at_address=True)


def test_without_the_typed_name_a_row_has_the_newest_name_that_a_clinic_or_support_gave() -> None:
    corrected = with_name(PROVIDER, "Luis", "Kim")
    assert without_typed_name(corrected) == corrected
    typed = with_name(corrected, "Jane", "Okafor", self_stated=True)
    assert without_typed_name(typed) == replace(corrected, saved_signature=None)
