"""Test the events of an account (logins, changes): which are recorded, who sees them, and how many calls they need."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.account_events import RETENTION, AccountEvent, AccountEventType, account_event, is_logged
from chalicelib.domain.timestamps import epoch_seconds
from chalicelib.services.transaction import Change
from tests.support.accounts import EMAIL, PASSWORD, app_with, give_account, logged_in, portal_with_account
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, text
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, a_document

NEW = "copper lantern river"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)


class Phone(Browser):
    """A simulated browser on a phone, which sends a User-Agent header."""

    def _headers(self, others: dict[str, str]) -> dict[str, str]:
        return {**super()._headers(others), "user-agent": IPHONE}


@pytest.fixture(autouse=True)
def portal() -> Portal:
    return portal_with_account()


@pytest.fixture
def phone(portal: Portal) -> Phone:
    made = Phone()
    made.log_in(EMAIL, PASSWORD)
    portal.time.pass_time(seconds=1)
    return made


def trail(portal: Portal, provider_id: str = PROVIDER.id) -> list[AccountEvent]:
    """Return all stored events of the account, such as logins, oldest first."""
    page = portal.store.account_events(provider_id, limit=1000, before=None)
    return list(reversed(page.items))


def event_types(portal: Portal) -> list[str]:
    return [event.type.value for event in trail(portal)]


# Recorded events


@pytest.mark.usefixtures("phone")
def test_a_login_is_recorded_with_time_address_device_and_method(portal: Portal) -> None:
    (entry,) = trail(portal)
    assert (entry.type, entry.at, entry.method) == (AccountEventType.LOGGED_IN, START, "account password")
    assert (entry.origin.device, entry.origin.address) == (IPHONE, "127.0.0.1")


def test_a_wrong_password_is_recorded_before_and_after_a_login(portal: Portal, phone: Phone) -> None:
    portal.browser().log_in(EMAIL, "wrong")
    portal.time.pass_time(seconds=1)
    phone.post("/account/password", password="wrong", new_password=NEW)
    assert event_types(portal) == ["logged_in", "wrong_password", "wrong_password"]


def test_every_change_is_recorded_with_its_origin(portal: Portal, phone: Phone) -> None:
    page = phone.get("/account/authenticator").body.decode()
    app = app_with(page)
    phone.post("/account/authenticator", code=app.at(portal.time.now()))
    for path in ("recovery-codes", "authenticator/remove"):
        portal.time.pass_time(seconds=1)
        phone.post(f"/account/{path}")
    phone.post("/account/password", password=PASSWORD, new_password=NEW)
    portal.time.pass_time(seconds=1)
    phone.post("/account/log-out-everywhere")
    changes = ["authenticator_added", "recovery_codes_made", "authenticator_removed", "password_changed"]
    assert sorted(event_types(portal)[1:-1]) == sorted(changes)
    assert event_types(portal)[-1] == "logged_out_everywhere"
    assert {event.origin.device for event in trail(portal)} == {IPHONE}


def test_the_second_step_of_a_login_is_recorded_and_so_is_a_wrong_code(portal: Portal, phone: Phone) -> None:
    page = phone.get("/account/authenticator").body.decode()
    codes = phone.post("/account/authenticator", code=app_with(page).at(portal.time.now()))
    recovery = re.findall(r"<code>([A-Z2-7-]+)</code>", codes.body.decode())[0]
    portal.time.pass_time(seconds=1)
    stranger = portal.browser()
    stranger.log_in(EMAIL, PASSWORD)
    stranger.post("/login/second", code="000000")
    portal.time.pass_time(seconds=1)
    stranger.post("/login/second", code=recovery)
    assert event_types(portal)[2:] == ["wrong_second_factor", "logged_in"]
    assert trail(portal)[-1].method == "account password and recovery code"
    shown = text(phone.get("/account/activity")) + text(stranger.get("/account/activity"))
    assert "Logged in with the password and a recovery code" in shown
    assert "Correct password, but a wrong code" in shown


def test_a_passkey_that_fails_verification_records_no_event_and_writes_no_row(portal: Portal, phone: Phone) -> None:
    page = phone.get("/account/authenticator").body.decode()
    phone.post("/account/authenticator", code=app_with(page).at(portal.time.now()))
    stranger, before = portal.browser(), event_types(portal)
    stranger.log_in(EMAIL, PASSWORD)
    commits = portal.fake_store.commits
    for _ in range(3):
        assert stranger.post("/login/second", passkey="{}").status_code == 401
    assert event_types(portal) == before
    assert portal.fake_store.commits == commits


def test_logging_out_is_recorded(portal: Portal, phone: Phone) -> None:
    phone.post("/logout")
    assert event_types(portal) == ["logged_in", "logged_out"]


def test_a_password_reset_by_link_is_recorded(portal: Portal) -> None:
    other = Phone()
    other.post("/forgot-password", email=EMAIL)
    portal.work()
    reset = next(delivery for delivery in portal.mails() if delivery.type == "reset")
    other.get(f"/setup/{portal.token(reset)}")
    other.post("/setup", password=NEW)
    entry = trail(portal)[-1]
    assert (entry.type, entry.origin.device) == (AccountEventType.PASSWORD_RESET, IPHONE)


def test_an_action_of_support_is_recorded_as_support(portal: Portal, phone: Phone) -> None:
    assert portal.admin_actions.run({"action": "end_sessions", "email": EMAIL}) == {"id": PROVIDER.id}
    assert phone.get("/documents").status_code == 303
    assert event_types(portal) == ["logged_in", "sessions_ended"]
    phone.log_in(EMAIL, PASSWORD)
    assert "Logged out everywhere by support" in text(phone.get("/account/activity"))


def test_support_gets_an_error_if_there_is_no_account_to_log_out(portal: Portal) -> None:
    answer = portal.admin_actions.run({"action": "end_sessions", "email": "nobody@example.com"})
    assert [error["field"] for error in answer["error"]["errors"]] == ["email"]


def test_an_unknown_address_records_no_event_and_needs_as_many_writes(portal: Portal) -> None:
    rows = []
    for email in (EMAIL, "nobody@example.com"):
        before = {name: len(table) for name, table in portal.fake_store.tables.items()}
        commits = portal.fake_store.commits
        portal.browser().log_in(email, "wrong")
        grown = sum(len(table) for table in portal.fake_store.tables.values()) - sum(before.values())
        rows.append((grown, portal.fake_store.commits - commits))
    # The source is counted once for both.
    assert rows[0] == (rows[1][0] + 1, rows[1][1])
    assert event_types(portal) == ["wrong_password"]
    assert {row.provider_id for row in portal.fake_store.tables["account_events"].values()} == {PROVIDER.id}


def test_endless_guesses_do_not_fill_the_trail() -> None:
    written = [tries for tries in range(1, 10_001) if is_logged(tries)]
    assert written[:20] == list(range(1, 21))
    assert written[20:] == [40, 80, 160, 320, 640, 1280, 2560, 5120]


def test_an_account_event_expires_after_six_years_and_a_documents_event_never(portal: Portal, phone: Phone) -> None:
    phone.get(f"/documents/{a_document().id}")
    tables = portal.fake_store.tables
    (entry,) = tables["account_events"].values()
    assert entry.ttl == epoch_seconds(START + RETENTION)
    for event in tables["events"].values():
        assert set(event.attribute_values) == {"document_id", "sequence", "record"}
    assert timedelta(days=6 * 365) < RETENTION < timedelta(days=6 * 367)


# The activity page


def test_the_owner_sees_the_events_newest_first_in_plain_words(portal: Portal, phone: Phone) -> None:
    portal.browser().log_in(EMAIL, "wrong")
    shown = text(phone.get("/account/activity"))
    wrong, right = shown.index("Wrong password entered"), shown.index("Logged in with the password")
    assert wrong < right
    assert "Safari on iPhone, 127.0.0.1" in shown
    assert "Nov 22, 2026, 7:00 PM UTC" in shown
    assert "Unknown device" in shown
    assert "View activity" in text(phone.get("/account"))


def test_the_owner_learns_which_practices_see_the_address_and_device(portal: Portal, phone: Phone) -> None:
    assert "No practice has sent you a document yet" in text(phone.get("/account/activity"))
    ids = [portal.practices.create(name, {}, START).practice.id for name in ("Juniper", "Cedar <b>", "Birch")]
    owner = portal.store.provider(PROVIDER.id)
    assert owner is not None
    sent = replace(owner, version=owner.version + 1, practices=tuple(ids[:2]))
    portal.store.commit(Change(at=START, providers=(sent,)))
    shown = text(phone.get("/account/activity"))
    assert "Practices that have sent you documents: Cedar <b>, Juniper." in shown
    assert "Birch" not in shown


def test_nobody_sees_another_accounts_events(portal: Portal, phone: Phone) -> None:
    give_account(portal, replace(OTHER_PROVIDER, email="jane@example.com"))
    stranger = portal.browser()
    stranger.log_in("jane@example.com", PASSWORD)
    entries(portal, 60)
    cursor = older(phone.get("/account/activity").body.decode())
    for path in ("/account/activity", f"/account/activity?after={cursor}"):
        assert "iPhone" not in text(stranger.get(path))
    assert Browser().get("/account/activity").status_code == 303


def test_every_event_is_on_exactly_one_page_of_25(portal: Portal, phone: Phone) -> None:
    entries(portal, 60)
    page, seen, pages = phone.get("/account/activity").body.decode(), 0, 0
    while page:
        seen, pages = seen + page.count('class="trail__entry'), pages + 1
        cursor = older(page) if pages < 9 else None
        page = phone.get(f"/account/activity?after={cursor}").body.decode() if cursor else ""
    assert (seen, pages) == (61, 3)


@pytest.mark.parametrize("cursor", ["x", "MTIz", "bm9ucw", "MjAyNi0xMS0yMlQxOTowMDowMC4wMDBaI2RvY19hfGRvY19h"])
def test_an_invented_cursor_is_refused(phone: Phone, cursor: str) -> None:
    assert phone.get(f"/account/activity?after={cursor}").status_code == 400


def test_an_account_without_events_shows_a_message(portal: Portal) -> None:
    assert "No activity yet." in text(logged_in(portal).get("/account/activity"))


def test_every_event_type_has_a_text(portal: Portal, phone: Phone) -> None:
    for number, type in enumerate(AccountEventType):
        entry = account_event(
            PROVIDER.id, type, START, trail(portal)[0].origin, unique=str(number), tries=40, method="passkey"
        )
        portal.store.commit(Change(at=START, account_events=(entry,)))
    shown = text(phone.get("/account/activity"))
    assert "_" not in shown
    assert "Wrong password entered, 40 times in a row" in shown


# Helpers


def entries(portal: Portal, count: int) -> None:
    for number in range(count):
        at = START + timedelta(minutes=number)
        entry = account_event(
            PROVIDER.id, AccountEventType.WRONG_PASSWORD, at, trail(portal)[0].origin, unique=str(number)
        )
        portal.store.commit(Change(at=at, account_events=(entry,)))


def older(page: str) -> str | None:
    match = re.search(r'href="/account/activity\?after=([A-Za-z0-9_-]+)"', page)
    return match[1] if match else None


def test_the_page_needs_one_read_besides_the_session_for_any_number_of_events(
    portal: Portal, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries(portal, 60)
    asked: list[str] = []
    for name in ("visit", "account_events", "secrets", "commit", "events", "claims"):
        real = getattr(portal.fake_store, name)

        def noted(*args: object, _real: Any = real, _name: str = name, **named: object) -> object:
            asked.append(_name)
            return _real(*args, **named)

        monkeypatch.setattr(portal.fake_store, name, noted)
    assert phone.get("/account/activity").status_code == 200
    assert asked == ["visit", "account_events"]
