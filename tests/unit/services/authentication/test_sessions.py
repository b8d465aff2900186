import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest

from chalicelib.domain.account_events import UNKNOWN, AccountEventType, Origin
from chalicelib.domain.expiring_records import Secret
from chalicelib.domain.providers import Provider
from chalicelib.domain.second_factors import Authenticator
from chalicelib.domain.session_keys import key_id
from chalicelib.services.authentication.sessions import AUDIENCE, Sessions, login_event, switched_practices, time_left
from chalicelib.services.transaction import Change
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeIds, FakeKeys
from tests.support.provider_fixtures import PROVIDER, a_document, a_store

ISSUER = "https://portal.test"
DOCUMENT = a_document()


class Login:
    """A provider who has just logged in: the session's row and cookie, and the service for sessions."""

    def __init__(self) -> None:
        self.store: FakeStore = a_store(DOCUMENT)
        self.keys = FakeKeys()
        self.sessions = Sessions(self.store, self.keys, FakeIds(), issuer=ISSUER)
        self.row, self.cookie = self.sessions.start(PROVIDER, START)
        self.store.commit(Change(at=START, secrets=(self.row,)))

    def is_live(self, after: timedelta = timedelta(), cookie: str | None = None) -> bool:
        return self.sessions.visit(cookie or self.cookie, START + after) is not None

    def forge(
        self,
        claims: Mapping[str, object] | None = None,
        *,
        key: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        real = jwt.decode(self.cookie, options={"verify_signature": False})
        signed_with = key or FakeKeys().session_key()
        named = dict(headers) if headers is not None else {"kid": key_id(FakeKeys().session_key())}
        return jwt.encode({**real, **(claims or {})}, signed_with, "HS256", headers=named)


@pytest.fixture
def login() -> Login:
    return Login()


def test_one_read_returns_session_provider_and_document(login: Login) -> None:
    visit = login.sessions.visit(login.cookie, START, DOCUMENT.id)
    assert visit is not None
    assert (visit.session, visit.provider, visit.document) == (login.row, PROVIDER, DOCUMENT)


def test_the_row_stores_only_a_hash_of_the_cookies_token(login: Login) -> None:
    token = jwt.decode(login.cookie, options={"verify_signature": False})["sid"]
    assert token not in repr(login.row)


def test_a_session_ends_after_fifteen_idle_minutes(login: Login) -> None:
    assert login.is_live(timedelta(minutes=14, seconds=59))
    assert not login.is_live(timedelta(minutes=15))


def test_a_session_in_use_lasts_for_twelve_hours_at_most(login: Login) -> None:
    for minutes in range(0, 12 * 60, 10):
        row = login.store.secret(login.row.key)
        assert row is not None
        login.sessions.touch(row, START + timedelta(minutes=minutes))
    assert login.is_live(timedelta(hours=11, minutes=59))
    assert not login.is_live(timedelta(hours=12))


def test_a_session_is_touched_at_most_once_a_minute(login: Login) -> None:
    before = login.store.commits
    login.sessions.touch(login.row, START + timedelta(seconds=59))
    assert login.store.commits == before
    login.sessions.touch(login.row, START + timedelta(seconds=60))
    assert login.store.commits == before + 1


def test_a_late_touch_does_not_restore_an_ended_session(login: Login) -> None:
    login.sessions.end(login.row, START, UNKNOWN)
    login.sessions.touch(login.row, START + timedelta(minutes=2))
    assert login.store.secret(login.row.key) is None


def test_logging_out_ends_the_session(login: Login) -> None:
    login.sessions.end(login.row, START, UNKNOWN)
    assert not login.is_live()


def test_a_new_session_generation_of_the_account_ends_the_session(login: Login) -> None:
    change_provider(login, session_generation=2)
    assert not login.is_live()


def test_an_account_without_password_has_no_sessions(login: Login) -> None:
    change_provider(login, password_hash=None)
    assert not login.is_live()


def change_provider(login: Login, **changes: object) -> None:
    changed: Provider = replace(PROVIDER, version=2, **changes)  # type: ignore[arg-type]  # - a test's shorthand
    login.store.commit(Change(at=START, providers=(changed,)))


def test_a_row_of_another_kind_opens_nothing(login: Login) -> None:
    other: Secret = replace(login.row, version=2, kind=login.row.kind.CODE)
    login.store.commit(Change(at=START, secrets=(other,)))
    assert not login.is_live()


def test_a_cookie_for_another_provider_opens_nothing(login: Login) -> None:
    assert not login.is_live(cookie=login.forge({"sub": "prv_2"}))


def test_an_exact_copy_of_the_cookie_opens_the_session(login: Login) -> None:
    assert login.is_live(cookie=login.forge())


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"iss": "https://elsewhere.test"},
        {"exp": "soon"},
        {"sid": 7},
        {"sub": ""},
        {"exp": int(START.timestamp())},
    ],
)
def test_wrong_claims_open_nothing(login: Login, claims: dict[str, object]) -> None:
    assert not login.is_live(cookie=login.forge(claims))


def test_a_token_without_expiry_opens_nothing(login: Login) -> None:
    claims = jwt.decode(login.cookie, options={"verify_signature": False})
    del claims["exp"]
    key = FakeKeys().session_key()
    assert not login.is_live(cookie=jwt.encode(claims, key, "HS256", headers={"kid": key_id(key)}))


KEY = FakeKeys().session_key()
OTHER_KEY = b"another key, just as long as the first one is"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"kid": "another"},
        {"kid": ""},
        {"kid": key_id(OTHER_KEY)},
        {"kid": key_id(KEY).upper()},
        {"kid": f"{key_id(KEY)} "},
        {"kid": f"../{key_id(KEY)}"},
        {"kid": "' OR 1=1 --"},
        {"kid": "/dev/null"},
        {"kid": KEY.decode()},
    ],
)
def test_another_key_id_opens_nothing(login: Login, headers: dict[str, str]) -> None:
    assert not login.is_live(cookie=login.forge(headers=headers))


@pytest.mark.parametrize("kid", [None, 7, ["a"], {"a": 1}, True])
def test_a_key_id_that_is_not_text_opens_nothing(login: Login, kid: object) -> None:
    head = base64.urlsafe_b64encode(json.dumps({"typ": "JWT", "alg": "HS256", "kid": kid}).encode())
    signed = head.rstrip(b"=") + b"." + login.cookie.split(".")[1].encode()
    seal = base64.urlsafe_b64encode(hmac.digest(KEY, signed, "sha256")).rstrip(b"=")
    assert not login.is_live(cookie=f"{signed.decode()}.{seal.decode()}")


def test_a_key_in_the_header_is_ignored(login: Login) -> None:
    """A session cookie is a JWT. An attacker could offer a key in its headers `jwk`, `jku` and `x5u`."""
    made_up = base64.urlsafe_b64encode(OTHER_KEY).decode()
    named = {"kid": key_id(KEY), "jwk": {"kty": "oct", "k": made_up}, "jku": "https://elsewhere.test/keys"}
    assert not login.is_live(cookie=login.forge(key=OTHER_KEY, headers=named))  # type: ignore[arg-type]  # - not text
    named["kid"] = key_id(OTHER_KEY)
    assert not login.is_live(cookie=login.forge(key=OTHER_KEY, headers=named))  # type: ignore[arg-type]  # - not text


def test_sessions_survive_one_key_rotation_and_end_with_the_second(login: Login) -> None:
    login.keys.rotate("a second key, long enough to sign with HS256")
    row, after = login.sessions.start(PROVIDER, START)
    login.store.commit(Change(at=START, secrets=(row,)))
    assert login.is_live()
    assert login.is_live(cookie=after)
    assert jwt.get_unverified_header(after)["kid"] != jwt.get_unverified_header(login.cookie)["kid"]
    login.keys.rotate("a third key, long enough to sign with HS256")
    assert not login.is_live()
    assert login.is_live(cookie=after)


def test_a_key_id_and_a_signature_of_different_keys_open_nothing(login: Login) -> None:
    login.keys.rotate(OTHER_KEY.decode())
    assert login.is_live(cookie=login.forge(key=OTHER_KEY, headers={"kid": key_id(OTHER_KEY)}))
    assert not login.is_live(cookie=login.forge(key=OTHER_KEY, headers={"kid": key_id(KEY)}))
    assert not login.is_live(cookie=login.forge(key=KEY, headers={"kid": key_id(OTHER_KEY)}))


def test_another_key_opens_nothing(login: Login) -> None:
    assert not login.is_live(cookie=login.forge(key=b"a key that somebody else made up, long enough"))


@pytest.mark.parametrize("algorithm", ["none", "None", "HS512"])
def test_another_algorithm_opens_nothing(login: Login, algorithm: str) -> None:
    head, body, signature = login.cookie.split(".")
    named = json.loads(base64.urlsafe_b64decode(head + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**named, "alg": algorithm}).encode()).decode().rstrip("=")
    assert not login.is_live(cookie=f"{changed}.{body}.")
    assert not login.is_live(cookie=f"{changed}.{body}.{signature}")
    if algorithm == "HS512":
        claims = jwt.decode(login.cookie, options={"verify_signature": False})
        key = FakeKeys().session_key() * 2
        assert not login.is_live(cookie=jwt.encode(claims, key, algorithm, headers={"kid": key_id(key)}))


@pytest.mark.parametrize("cookie", ["x", "a.b.c", "..", "é", "x" * 5000])
def test_nonsense_opens_nothing(login: Login, cookie: str) -> None:
    assert login.sessions.visit(cookie, START) is None


def test_no_cookie_costs_no_read(login: Login) -> None:
    assert login.sessions.read("", START) is None
    assert jwt.decode(login.cookie, options={"verify_signature": False})["aud"] == AUDIENCE


def test_a_renewed_session_has_a_new_token_and_ends_when_the_old_one_would(login: Login) -> None:
    later = START + timedelta(minutes=5)
    row, cookie = login.sessions.renew(replace(login.row, version=4), later, "passkey", session_generation=3)
    assert row.key != login.row.key
    assert (row.version, row.last_seen_at, row.authenticated_at) == (1, later, later)
    assert (row.method, row.session_generation) == ("passkey", 3)
    assert (row.expires_at, row.created_at, row.provider_id) == (
        login.row.expires_at,
        login.row.created_at,
        PROVIDER.id,
    )
    claims = login.sessions.read(cookie, later)
    assert claims is not None
    assert (claims.key, claims.provider_id) == (row.key, PROVIDER.id)


def test_a_session_renewed_without_authentication_keeps_what_was_known(login: Login) -> None:
    row, _ = login.sessions.renew(login.row, START + timedelta(minutes=5))
    assert (row.authenticated_at, row.method, row.session_generation) == (START, "account password", 1)


def test_a_started_session_knows_when_and_how_its_owner_was_authenticated(login: Login) -> None:
    owner = replace(PROVIDER, session_generation=5)
    row, _ = login.sessions.start(owner, START, "passkey")
    assert (row.created_at, row.last_seen_at, row.authenticated_at) == (START, START, START)
    assert (row.method, row.session_generation, row.provider_id, row.version) == ("passkey", 5, PROVIDER.id, 1)
    assert row.expires_at == START + timedelta(hours=12)
    event = login_event(owner, row, UNKNOWN)
    assert (event.provider_id, event.method, event.at) == (PROVIDER.id, "passkey", START)


def test_a_touch_stores_the_time_and_nothing_else(login: Login) -> None:
    at = START + timedelta(minutes=3)
    login.sessions.touch(login.row, at)
    assert login.store.secret(login.row.key) == replace(login.row, version=2, last_seen_at=at)


@pytest.mark.parametrize(
    ("seen", "now", "left"),
    [
        (0, timedelta(seconds=59), timedelta(minutes=14, seconds=1)),
        (0, timedelta(seconds=60), timedelta(minutes=15)),
        (0, timedelta(minutes=10), timedelta(minutes=15)),
        (None, timedelta(seconds=30), timedelta(minutes=14, seconds=30)),
        (710, timedelta(hours=11, minutes=50), timedelta(minutes=10)),
    ],
)
def test_the_time_left_is_that_of_a_session_that_is_in_use_now(
    login: Login, seen: int | None, now: timedelta, left: timedelta
) -> None:
    at = None if seen is None else START + timedelta(minutes=seen)
    assert time_left(replace(login.row, last_seen_at=at), START + now) == left


def test_a_session_that_ended_by_idleness_alone_can_still_be_recognized(login: Login) -> None:
    idle, over = START + timedelta(hours=1), START + timedelta(hours=12)
    assert login.sessions.visit_even_if_idle(login.cookie, idle, DOCUMENT.id) is not None
    assert login.sessions.visit_even_if_idle(login.cookie, over, DOCUMENT.id) is None
    change_provider(login, session_generation=2)
    assert login.sessions.visit_even_if_idle(login.cookie, idle, DOCUMENT.id) is None
    assert login.sessions.visit_even_if_idle("", idle, DOCUMENT.id) is None


def test_a_session_that_was_never_seen_is_idle_after_its_start(login: Login) -> None:
    login.store.commit(Change(at=START, secrets=(replace(login.row, version=2, last_seen_at=None),)))
    assert login.is_live(timedelta(minutes=14, seconds=59))
    assert not login.is_live(timedelta(minutes=15))


def test_a_cookie_of_up_to_2048_characters_is_read(login: Login) -> None:
    padding = "x" * 1100
    longest = login.forge({"padding": padding})
    while len(longest) < 2048:
        padding += "x"
        longest = login.forge({"padding": padding})
    assert (len(longest) == 2048) is (login.sessions.read(longest, START) is not None)
    assert login.sessions.read(login.forge({"padding": padding + "xxx"}), START) is None


def test_the_cookie_expires_with_the_session(login: Login) -> None:
    claims = jwt.decode(login.cookie, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 12 * 3600
    assert login.sessions.read(login.cookie, START + timedelta(hours=12, seconds=-1)) is not None
    assert login.sessions.read(login.cookie, START + timedelta(hours=12)) is None


def test_logging_out_is_an_event_of_the_account(login: Login) -> None:
    login.sessions.end(login.row, START, Origin(address="198.51.100.7"))
    (event,) = login.store.account_events(PROVIDER.id, limit=9, before=None).items
    assert (event.type, event.origin.address) == (AccountEventType.LOGGED_OUT, "198.51.100.7")


def test_the_cookie_names_the_practices_only_while_their_switches_matter(login: Login) -> None:
    practices = tuple(f"prc_{number}" for number in range(30))
    owner = replace(PROVIDER, practices=practices)
    claims = login.sessions.read(login.sessions.start(owner, START)[1], START)
    assert claims is not None
    assert claims.practices == practices[:20]
    renewed = login.sessions.renew(login.row, START, practices=switched_practices(owner))[1]
    again = login.sessions.read(renewed, START)
    assert again is not None
    assert again.practices == practices[:20]
    secured = replace(owner, authenticator=Authenticator(secret="s", since=START))
    without = login.sessions.read(login.sessions.start(secured, START)[1], START)
    assert without is not None
    assert without.practices == ()


@pytest.mark.parametrize("practices", [None, "prc_1", [1, None], {"prc_1": 1}])
def test_odd_practices_in_a_cookie_do_no_harm(login: Login, practices: object) -> None:
    assert login.is_live(cookie=login.forge({"practices": practices}))


def test_a_touch_counts_from_the_last_touch(login: Login) -> None:
    seen = replace(login.row, last_seen_at=START + timedelta(minutes=5))
    before = login.store.commits
    login.sessions.touch(seen, START + timedelta(minutes=5, seconds=59))
    assert login.store.commits == before
    login.sessions.touch(replace(login.row, last_seen_at=None), START + timedelta(seconds=59))
    assert login.store.commits == before
