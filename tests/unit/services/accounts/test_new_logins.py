"""Test the choice of a passkey or password with an emailed link, and the session that a setup starts."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from chalicelib.domain.account_events import AccountEvent, Origin
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.errors import Invalid
from chalicelib.domain.expiring_records import SESSION_LIFETIME, Secret, SecretKind, new_secret
from chalicelib.domain.providers import Provider
from chalicelib.services.accounts.new_logins import NewLogin, NewLoginForm, Submission
from chalicelib.services.accounts.setup_links import LinkExpired
from chalicelib.services.authentication.passkey_options import PasskeyOptions
from chalicelib.services.authentication.passwords import is_password
from chalicelib.services.authentication.sessions import Sessions, is_live
from chalicelib.services.transaction import Change
from tests.support.accounts import PASSWORD, PORTAL_URL, make_new_logins
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeIds, FakeKeys
from tests.support.provider_fixtures import OTHER_PROVIDER, PRACTICE, PROVIDER, a_delivery, a_document
from tests.support.soft_passkey import SoftPasskey

EMAIL = "dr.rivera@example.com"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile/15E148 Safari/604.1"
NEW = replace(PROVIDER, email=None, password_hash=None)
FORM = NewLoginForm(credential="MD", confirmed=True, password=PASSWORD)
FROM_PHONE = Submission(now=START, origin=Origin("192.0.2.7", IPHONE))


@dataclass
class Person:
    """A provider with an emailed link and a phone that can make a passkey."""

    store: FakeStore
    ids: FakeIds
    passkey: SoftPasskey

    @property
    def row(self) -> Provider:
        provider = self.store.provider(PROVIDER.id)
        assert provider is not None
        return provider

    def link(self, type: str = "setup") -> str:
        about = None if type == "reset" else a_document().id
        email = a_delivery(a_document(), id=f"dlv_{type}", type=type, document_id=about, provider_id=PROVIDER.id)
        return make_new_logins(self.store, self.ids)._setup_links.create_token(email, START)

    def options(self, subject: Provider = NEW) -> str:
        options = PasskeyOptions(FakeKeys(), self.ids, portal_url=PORTAL_URL)
        return options.for_enrolment(replace(subject, email=EMAIL), START)

    def by_passkey(self, **changes: object) -> NewLoginForm:
        response = self.passkey.register(self.options())
        return replace(FORM, password="", passkey=response, **changes)  # type: ignore[arg-type]  # - a test's shorthand

    def choose(self, token: str, form: NewLoginForm, submission: Submission = FROM_PHONE) -> NewLogin:
        return make_new_logins(self.store, self.ids).choose(token, form, submission)

    def is_logged_in(self, cookie: str | None) -> bool:
        visit = Sessions(self.store, FakeKeys(), self.ids, issuer=PORTAL_URL).visit(cookie or "", START)
        return visit is not None and is_live(visit, START)

    def sessions(self) -> list[Secret]:
        return [row for row in self.store.every(Secret, "secrets") if row.kind is SecretKind.SESSION]

    def events(self) -> tuple[AccountEvent, ...]:
        return self.store.every(AccountEvent, "account_events")


@pytest.fixture
def person() -> Person:
    store = FakeStore()
    store.commit(Change(at=START, practices=(PRACTICE,), providers=(NEW, OTHER_PROVIDER), documents=(a_document(),)))
    return Person(store, FakeIds(), SoftPasskey(PORTAL_URL))


def test_a_setup_with_a_passkey_creates_an_account_that_has_only_the_passkey(person: Person) -> None:
    chosen = person.choose(person.link(), person.by_passkey())
    (passkey,) = person.row.passkeys
    assert (passkey.id, passkey.name, passkey.created_at) == (person.passkey.id, "Safari on iPhone", START)
    assert (person.row.email, person.row.credential, person.row.short_password) == (EMAIL, "MD", False)
    assert person.row.has_account
    assert not is_password("", person.row.password_hash)
    assert person.is_logged_in(chosen.session)
    assert [(event.type, event.method) for event in person.events()] == [
        ("passkey_set", None),
        ("logged_in", "passkey"),
    ]
    assert [mail.type for mail in person.store.every(Delivery, "deliveries")] == ["password_changed"]


def test_a_setup_with_a_password_logs_its_owner_in(person: Person) -> None:
    chosen = person.choose(person.link(), FORM)
    assert person.is_logged_in(chosen.session)
    (session,) = person.sessions()
    assert (session.method, session.authenticated_at) == ("account password", START)
    assert session.expires_at == START + SESSION_LIFETIME
    assert [event.type for event in person.events()] == ["password_set", "logged_in"]
    assert person.row.passkeys == ()
    assert all(event.origin == FROM_PHONE.origin for event in person.events())


def test_a_setup_ends_the_session_that_the_browser_had_with_another_account(person: Person) -> None:
    theirs = new_secret(SecretKind.SESSION, "theirs", START, timedelta(hours=1), provider_id=OTHER_PROVIDER.id)
    person.store.commit(Change(at=START, secrets=(theirs,)))
    person.choose(person.link(), FORM, replace(FROM_PHONE, previous_session=theirs))
    assert [session.provider_id for session in person.sessions()] == [PROVIDER.id]


def test_a_reset_logs_nobody_in_and_takes_no_passkey(person: Person) -> None:
    person.choose(person.link(), FORM)
    used = person.sessions()
    chosen = person.choose(person.link("reset"), replace(person.by_passkey(), password="copper lantern river"))
    assert chosen.session is None
    assert person.sessions() == used
    assert person.row.passkeys == ()
    assert is_password("copper lantern river", person.row.password_hash)
    with pytest.raises(Invalid) as refused:
        person.choose(person.link("reset"), person.by_passkey())
    assert [error.field for error in refused.value.errors] == ["password"]


@pytest.mark.parametrize("changes", [{"confirmed": False}, {"credential": ""}])
def test_a_passkey_does_not_replace_what_the_person_states(person: Person, changes: dict[str, object]) -> None:
    token = person.link()
    with pytest.raises(Invalid) as refused:
        person.choose(token, person.by_passkey(**changes))
    assert [error.field for error in refused.value.errors] == list(changes)
    assert person.choose(token, person.by_passkey()).session


def test_a_passkey_made_for_another_person_is_refused_and_the_link_still_works(person: Person) -> None:
    token = person.link()
    response = person.passkey.register(person.options(OTHER_PROVIDER))
    with pytest.raises(Invalid, match="Try again, or choose a password") as refused:
        person.choose(token, replace(FORM, passkey=response))
    assert [error.field for error in refused.value.errors] == ["passkey"]
    assert person.sessions() == []
    assert person.choose(token, FORM).session


def test_a_passkey_of_a_device_that_does_not_ask_for_its_owner_is_refused(person: Person) -> None:
    person.passkey.verifies_user = False
    with pytest.raises(Invalid):
        person.choose(person.link(), person.by_passkey())
    assert not person.row.has_account


def test_one_response_creates_one_passkey(person: Person) -> None:
    form = person.by_passkey()
    person.choose(person.link(), form)
    assert [row.kind for row in person.store.every(Secret, "secrets") if row.kind is SecretKind.PASSKEY] == ["passkey"]
    with pytest.raises(LinkExpired):
        person.choose("setup-token-of-nobody", form)


def test_the_challenge_names_the_person_and_the_username(person: Person) -> None:
    user = json.loads(person.options())["user"]
    assert (user["name"], user["displayName"]) == (EMAIL, "Luis Rivera")
