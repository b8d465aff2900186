from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.domain.documents import Document
from chalicelib.domain.errors import Invalid, Unprocessable
from chalicelib.domain.expiring_records import LINK_LIFETIME, Secret
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.new_logins import LoginProof, NewLoginForm, Submission
from chalicelib.services.accounts.setup_links import LinkExpired, SetupLinks
from chalicelib.services.authentication.password_login import login_counters
from chalicelib.services.authentication.passwords import is_password
from chalicelib.services.authentication.second_factor import second_factor_counters
from chalicelib.services.transaction import Change, Claim
from tests.support.accounts import make_new_logins
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeIds
from tests.support.provider_fixtures import OTHER_PROVIDER, PRACTICE, PROVIDER, a_document, only_doing

PASSWORD = "violet tractor onion"
NEW = replace(PROVIDER, email=None, password_hash=None)
NAMELESS = replace(NEW, npi=None, credential=None)
DOCUMENT = a_document()
EMAIL = "dr.rivera@example.com"
FORM = NewLoginForm(password=PASSWORD, credential="MD", confirmed=True)


class Desk:
    """A provider and the service for setup and reset links, with the links that the portal emailed to the provider."""

    def __init__(self, provider: Provider = NEW) -> None:
        self.store = FakeStore()
        self.ids = FakeIds()
        self.setup_links = SetupLinks(self.store, self.ids)
        self.new_logins = make_new_logins(self.store, self.ids)
        people = (provider, OTHER_PROVIDER)
        self.store.commit(Change(at=START, practices=(PRACTICE,), providers=people, documents=(DOCUMENT,)))

    def link(self, number: int = 1, **changes: object) -> str:
        """Return the token of the link in the provider's email with this number. `changes` replace fields of the
        email."""
        return self.setup_links.create_token(an_email(f"dlv_{number}", **changes), START)

    @property
    def provider(self) -> Provider:
        provider = self.store.provider(PROVIDER.id)
        assert provider is not None
        return provider

    def correct_address(self) -> None:
        moved = replace(DOCUMENT, version=2, access=2)
        self.store.commit(Change(at=START, documents=(moved,)))

    def emails(self) -> list[tuple[str, str]]:
        return [(delivery.type, delivery.recipient) for delivery in self.store.every(Delivery, "deliveries")]


def an_email(delivery_id: str, **changes: object) -> Delivery:
    delivery = Delivery(
        id=delivery_id,
        version=1,
        practice_id=PRACTICE.id,
        document_id=DOCUMENT.id,
        event_id="evt_1",
        channel=Channel.EMAIL,
        type="setup",
        recipient=EMAIL,
        created_at=START,
        provider_id=PROVIDER.id,
    )
    return replace(delivery, **changes)  # type: ignore[arg-type]  # - a test's shorthand


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def owner() -> Desk:
    """Return a provider who already has an account, with the service for links and the emailed links."""
    return Desk(PROVIDER)


# The link


def test_only_a_hash_of_the_token_is_stored(desk: Desk) -> None:
    token = desk.link()
    rows = desk.store.tables["secrets"]
    assert len(rows) == 1
    assert token not in str([row.record for row in rows.values()])


def test_a_link_works_for_89_minutes_and_59_seconds(desk: Desk) -> None:
    link = desk.setup_links.open(desk.link(), START + timedelta(minutes=89, seconds=59))
    assert (link.is_setup, link.provider.id, link.document) == (True, PROVIDER.id, DOCUMENT)


def test_a_link_is_refused_after_90_minutes_even_if_its_row_still_exists(desk: Desk) -> None:
    token = desk.link()
    with pytest.raises(LinkExpired) as dead:
        desk.setup_links.open(token, START + LINK_LIFETIME)
    assert dead.value.document_id == DOCUMENT.id
    with pytest.raises(LinkExpired):
        desk.new_logins.choose(token, FORM, Submission(now=START + LINK_LIFETIME))
    assert len(desk.store.every(Secret, "secrets")) == 1


def test_the_transaction_refuses_a_link_that_has_just_expired(desk: Desk) -> None:
    token, late = desk.link(), START + LINK_LIFETIME
    link = desk.setup_links.open(token, START)
    before = desk.store.commits
    with pytest.raises(Exception, match="secret"):
        desk.store.commit(desk.new_logins._change(link, FORM, LoginProof(password_hash="hash"), Submission(now=late)))
    assert desk.store.commits == before


def test_opening_a_link_does_not_use_it_up(desk: Desk) -> None:
    token = desk.link()
    for _ in range(5):
        desk.setup_links.open(token, START)
    assert desk.new_logins.choose(token, FORM, Submission(now=START)).session


def test_a_link_sets_a_password_only_once(desk: Desk) -> None:
    token = desk.link()
    desk.new_logins.choose(token, FORM, Submission(now=START))
    with pytest.raises(LinkExpired):
        desk.new_logins.choose(token, replace(FORM, password="another violet onion"), Submission(now=START))
    assert is_password(PASSWORD, desk.provider.password_hash)


@pytest.mark.parametrize("password", ["Hill Country Therapy 7", "1234567893-1234567893", "luis rivera rivera"])
def test_a_first_password_about_its_owner_or_the_practice_is_refused_and_the_link_still_works(
    desk: Desk, password: str
) -> None:
    token = desk.link()
    with pytest.raises(Invalid) as refused:
        desk.new_logins.choose(token, replace(FORM, password=password), Submission(now=START))
    assert [error.field for error in refused.value.errors] == ["password"]
    assert "NPI or clinic" in refused.value.errors[0].message
    assert desk.new_logins.choose(token, FORM, Submission(now=START)).session


def test_of_two_tabs_that_use_a_link_at_the_same_time_one_wins(desk: Desk) -> None:
    token = desk.link()
    rival = replace(FORM, password="the other tab's onion")
    desk.store.before_commit = only_doing(lambda: desk.new_logins.choose(token, rival, Submission(now=START)))
    with pytest.raises(LinkExpired):
        desk.new_logins.choose(token, FORM, Submission(now=START))
    assert is_password(rival.password, desk.provider.password_hash)


def test_a_newer_email_leaves_older_links_alone(desk: Desk) -> None:
    older = desk.link(1)
    newer = desk.link(2)
    assert desk.setup_links.open(older, START).is_setup
    assert desk.setup_links.open(newer, START).is_setup


@pytest.mark.parametrize("used", [0, 1, 2])
def test_any_used_link_voids_the_others(desk: Desk, used: int) -> None:
    tokens = [desk.link(number) for number in (1, 2, 3)]
    desk.new_logins.choose(tokens[used], FORM, Submission(now=START))
    for token in tokens:
        with pytest.raises(LinkExpired):
            desk.setup_links.open(token, START)
    assert (desk.provider.link, desk.provider.earlier_links) == (None, ())


def test_an_older_reset_link_works_until_another_one_is_used(owner: Desk) -> None:
    older, newer = owner.link(1, type="reset"), owner.link(2, type="reset")
    assert owner.setup_links.open(older, START)
    owner.new_logins.choose(newer, FORM, Submission(now=START))
    latest = owner.link(3, type="reset")
    with pytest.raises(LinkExpired):
        owner.setup_links.open(older, START)
    assert owner.setup_links.open(latest, START)


def test_ten_links_work_and_of_eleven_the_oldest_does_not(desk: Desk) -> None:
    tokens = [desk.link(number) for number in range(1, 11)]
    assert all(desk.setup_links.open(token, START) for token in tokens)
    desk.link(11)
    with pytest.raises(LinkExpired):
        desk.setup_links.open(tokens[0], START)
    assert desk.setup_links.open(tokens[1], START)


def test_both_links_of_a_repeated_delivery_work_until_one_is_used(desk: Desk) -> None:
    first, second = desk.link(), desk.link()
    assert desk.setup_links.open(first, START)
    desk.new_logins.choose(second, FORM, Submission(now=START))
    with pytest.raises(LinkExpired):
        desk.setup_links.open(first, START)


def test_a_corrected_address_invalidates_the_link(desk: Desk) -> None:
    token = desk.link()
    desk.correct_address()
    with pytest.raises(LinkExpired):
        desk.setup_links.open(token, START)


@pytest.mark.parametrize("token", ["", "nonsense"])
def test_an_unknown_token_opens_nothing(desk: Desk, token: str) -> None:
    with pytest.raises(LinkExpired) as dead:
        desk.setup_links.open(token, START)
    assert dead.value.document_id is None


# Which links are sent


def test_no_link_goes_to_an_address_that_was_corrected(desk: Desk) -> None:
    desk.correct_address()
    with pytest.raises(Unprocessable):
        desk.link()


def test_no_setup_link_is_sent_to_an_account(owner: Desk) -> None:
    with pytest.raises(Unprocessable):
        owner.link(type="setup")


def test_no_reset_link_goes_to_an_address_that_is_not_the_username(owner: Desk) -> None:
    with pytest.raises(Unprocessable):
        owner.link(type="reset", recipient="frontdesk@example.com")


def test_a_setup_link_expires_when_the_account_is_set_up_with_another_link(desk: Desk) -> None:
    token = desk.link()
    made = replace(desk.provider, version=3, email=EMAIL, password_hash="(made)")
    desk.store.commit(Change(at=START, providers=(made,)))
    with pytest.raises(LinkExpired):
        desk.setup_links.open(token, START)


# Setup


def test_setup_creates_the_account_in_one_transaction(desk: Desk) -> None:
    token, before = desk.link(), desk.store.commits
    desk.new_logins.choose(token, replace(FORM, credential=" DO "), Submission(now=START))
    assert desk.store.commits == before + 1
    made = desk.provider
    assert (made.email, made.credential, made.npi) == (EMAIL, "DO", "1234567893")
    assert (made.account_since, made.link, made.session_generation) == (START, None, 2)
    assert desk.store.claims([f"email#{EMAIL}"]) == {f"email#{EMAIL}": PROVIDER.id}
    assert desk.emails() == [("password_changed", EMAIL)]


def test_an_npi_from_the_clinic_cannot_be_changed(desk: Desk) -> None:
    desk.new_logins.choose(desk.link(), replace(FORM, npi="1000000004"), Submission(now=START))
    assert desk.provider.npi == "1234567893"


def test_a_provider_may_enter_an_npi_that_the_clinic_left_out() -> None:
    desk = Desk(NAMELESS)
    desk.new_logins.choose(desk.link(), replace(FORM, npi="1234567893"), Submission(now=START))
    assert desk.provider.npi == "1234567893"
    assert desk.provider.npi_self_stated


def test_an_npi_may_be_left_out() -> None:
    desk = Desk(NAMELESS)
    desk.new_logins.choose(desk.link(), FORM, Submission(now=START))
    assert desk.provider.npi is None


def test_an_npi_is_not_exclusive(desk: Desk) -> None:
    """NPIs are public. A practice that states a provider's NPI for another person must not keep the provider out."""
    other = replace(NEW, id="prv_other", version=1)
    desk.store.commit(Change(at=START, providers=(other,), claims=(Claim(key="npi#1234567893", owner=other.id),)))
    desk.new_logins.choose(desk.link(), FORM, Submission(now=START))
    assert (desk.provider.npi, desk.provider.npi_self_stated) == ("1234567893", False)
    assert desk.store.provider(other.id) == other


def test_the_username_is_the_first_proven_address(desk: Desk) -> None:
    desk.new_logins.choose(desk.link(), FORM, Submission(now=START))
    assert desk.provider.emails == desk.provider.proven_emails == (EMAIL,)


def test_setup_is_refused_if_another_person_has_just_taken_the_address(desk: Desk) -> None:
    token = desk.link()
    taken = Claim(key=f"email#{EMAIL}", owner=OTHER_PROVIDER.id)
    desk.store.before_commit = lambda: desk.store.commit(Change(at=START, claims=(taken,)))
    with pytest.raises(Invalid, match="another person's account") as refused:
        desk.new_logins.choose(token, FORM, Submission(now=START))
    assert refused.value.code == "address-taken"
    assert not desk.provider.has_account


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"password": "short"}, ["password"]),
        ({"password": "luis rivera, luis rivera"}, ["password"]),
        ({"credential": ""}, ["credential"]),
        ({"credential": "M" * 41}, ["credential"]),
        ({"credential": "MD\nBcc: all"}, ["credential"]),
        ({"confirmed": False}, ["confirmed"]),
        ({"npi": "1234567890"}, ["npi"]),
        ({"npi": "12345", "password": "x", "confirmed": False}, ["npi", "confirmed", "password"]),
    ],
)
def test_wrong_fields_are_named_and_nothing_is_written(changes: dict[str, str], fields: list[str]) -> None:
    desk = Desk(NAMELESS)
    token, before = desk.link(), desk.store.commits
    with pytest.raises(Invalid) as refused:
        desk.new_logins.choose(token, replace(FORM, **changes), Submission(now=START))  # type: ignore[arg-type]  # - a test's shorthand
    assert [error.field for error in refused.value.errors] == fields
    assert desk.store.commits == before


def test_setup_reads_a_concurrently_changed_provider_again(desk: Desk) -> None:
    token = desk.link()
    noted = replace(desk.provider, version=3, setup_mailed_at=START)
    desk.store.before_commit = lambda: desk.store.commit(Change(at=START, providers=(noted,)))
    desk.new_logins.choose(token, FORM, Submission(now=START))
    assert desk.provider.setup_mailed_at == START
    assert desk.provider.has_account


# A forgotten password


def test_a_reset_changes_the_password_and_nothing_else(owner: Desk) -> None:
    token = owner.link(type="reset")
    owner.new_logins.choose(token, NewLoginForm(password=PASSWORD), Submission(now=START))
    changed = owner.provider
    assert is_password(PASSWORD, changed.password_hash)
    expected = replace(PROVIDER, version=3, session_generation=2, password_hash=changed.password_hash)
    assert changed == expected
    assert owner.emails() == [("password_changed", EMAIL)]


def test_a_reset_clears_the_counters_of_failed_logins(owner: Desk) -> None:
    failures = (*login_counters(EMAIL, PROVIDER.id, START), *second_factor_counters(PROVIDER.id, START))
    owner.store.commit(Change(at=START, secrets=failures))
    owner.new_logins.choose(owner.link(type="reset"), NewLoginForm(password=PASSWORD), Submission(now=START))
    assert [owner.store.secret(counter.key) for counter in failures] == [None] * len(failures)


def test_a_reset_link_outlives_a_corrected_document(owner: Desk) -> None:
    token = owner.link(type="reset")
    owner.correct_address()
    document: Document | None = owner.setup_links.open(token, START).document
    assert document is not None


def test_no_reset_link_goes_to_an_additional_address_and_none_from_there_works(owner: Desk) -> None:
    """An earlier release could send a reset link to an address that is not the username, so such links may exist."""
    second = "luis@clinic.example"
    both = replace(owner.provider, version=2, emails=(EMAIL, second))
    owner.store.commit(Change(at=START, providers=(both,)))
    with pytest.raises(Unprocessable):
        owner.link(type="reset", recipient=second)
    token = owner.link(type="reset")
    (row,) = owner.store.every(Secret, "secrets")
    owner.store.commit(Change(at=START, secrets=(replace(row, version=row.version + 1, email=second),)))
    with pytest.raises(LinkExpired):
        owner.setup_links.open(token, START)
