"""Test the provider's row after a person has chosen a password with an emailed setup or reset link."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.expiring_records import SecretKind, new_secret
from chalicelib.services.accounts.new_logins import LoginProof, NewLoginForm, with_login
from chalicelib.services.accounts.setup_links import ValidLink
from tests.support.fakes import START
from tests.support.provider_fixtures import PROVIDER

NEW = replace(PROVIDER, email=None, password_hash=None, npi=None, link="dlv_1", version=4, session_generation=6)
FORM = NewLoginForm(password="violet tractor onion", credential="MD")
PROOF = LoginProof(password_hash="hash")


def link(kind: SecretKind, email: str | None = "a@b.org") -> ValidLink:
    secret = new_secret(kind, "t", START, timedelta(minutes=90), email=email)
    return ValidLink(secret=secret, provider=NEW, document=None)


@pytest.mark.parametrize("kind", [SecretKind.SETUP, SecretKind.RESET])
@pytest.mark.parametrize("short", [True, False])
def test_a_new_password_ends_the_link_and_all_sessions(kind: SecretKind, *, short: bool) -> None:
    made = with_login(link(kind), FORM, LoginProof(password_hash="hash", is_short=short), START)
    assert (made.version, made.password_hash, made.link) == (5, "hash", None)
    assert (made.session_generation, made.short_password) == (7, short)


@pytest.mark.parametrize(
    ("stated", "typed", "npi", "self_stated"),
    [
        (None, "", None, False),
        (None, "1234567893", "1234567893", True),
        ("1245319599", "", "1245319599", False),
        ("1245319599", "1234567893", "1245319599", False),
    ],
)
def test_a_setup_link_creates_the_account_at_its_address(
    *, stated: str | None, typed: str, npi: str | None, self_stated: bool
) -> None:
    form = NewLoginForm(password="violet tractor onion", credential=" MD ", npi=typed, confirmed=True)
    setup = replace(link(SecretKind.SETUP), provider=replace(NEW, npi=stated))
    made = with_login(setup, form, PROOF, START)
    assert (made.email, made.emails, made.account_since) == ("a@b.org", ("a@b.org",), START)
    assert (made.npi, made.npi_self_stated, made.credential) == (npi, self_stated, "MD")
    reset = with_login(replace(setup, secret=link(SecretKind.RESET).secret), form, PROOF, START)
    assert (reset.email, reset.account_since, reset.npi) == (None, NEW.account_since, stated)
