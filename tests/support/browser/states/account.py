"""Functions that bring a browser to the account and activity pages, the login's second step, and the end of a session.

Each function shows the page in one state, for tests of accessibility and for screenshots."""

from datetime import timedelta

from chalicelib.domain.account_events import AccountEventType, Origin, account_event
from chalicelib.domain.providers import Provider
from chalicelib.domain.second_factors import Authenticator, Passkey
from chalicelib.services.transaction import Change
from tests.support.browser.people import PASSWORD
from tests.support.browser.states.scene import NOTE, REVIEW, Scene, state, with_password
from tests.support.fakes import START
from tests.support.provider_fixtures import PROVIDER

PHONE = Passkey(
    id="cGhvbmU",
    public_key="a2V5",
    count=1,
    name="My phone",
    created_at=START - timedelta(days=90),
    last_used_at=START - timedelta(days=1),
)
KEY = Passkey(id="a2V5cw", public_key="a2V5", count=0, name="Key on my key ring", created_at=START)
APP = Authenticator(secret="JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", since=START - timedelta(days=30))
HOME = Origin(
    "198.51.100.7", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Mobile/15E148 Safari/604.1"
)
ELSEWHERE = Origin("2001:db8:85a3:8d3:1319:8a2e:370:7348", "Mozilla/5.0 (Windows NT 10.0) Firefox/132.0")


@state
def account(scene: Scene) -> None:
    with_password(scene)
    scene.log_in()
    scene.open("/account")


@state
def account_with_passkeys_and_an_app(scene: Scene) -> None:
    with_factors(scene)
    scene.log_in()
    scene.open("/account")


@state
def account_long_after_the_login(scene: Scene) -> None:
    with_factors(scene)
    scene.log_in()
    for minutes in (14, 2):
        scene.memory.portal.time.pass_time(minutes=minutes)
        scene.open("/account")


@state
def account_with_a_wrong_password(scene: Scene) -> None:
    account(scene)
    scene.page.get_by_label("Current password").fill("not the password")
    scene.page.get_by_label("New password", exact=True).fill("copper lantern river")
    scene.press("Change password")


@state
def account_after_a_change(scene: Scene) -> None:
    account(scene)
    scene.open("/account?done=password")


@state
def account_with_more_addresses(scene: Scene) -> None:
    with_password(scene)
    scene.provider(
        emails=("dr.rivera@example.com", "luis@clinic.example", "a.very.long.name.of.a.mailbox@hospital.example")
    )
    scene.log_in()
    scene.open("/account?done=email-added")


@state
def account_with_a_refused_address(scene: Scene) -> None:
    account(scene)
    scene.page.get_by_label("Add an email address").fill("luis")
    scene.press("Email me a code")


@state
def account_with_chosen_reminders(scene: Scene) -> None:
    account_with_more_addresses(scene)
    scene.page.get_by_label("Time of day").select_option("9 to 10 AM")
    for day in ("Monday", "Wednesday"):
        scene.page.get_by_label(day).uncheck()
    scene.press("Save")


@state
def account_with_refused_reminders(scene: Scene) -> None:
    account(scene)
    for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"):
        scene.page.get_by_label(day).uncheck()
    scene.press("Save")


@state
def account_with_a_fax_number_to_confirm(scene: Scene) -> None:
    account(scene)
    scene.page.get_by_label("Fax number", exact=True).fill("512 555 0148")
    scene.page.locator("#fax").get_by_role("button", name="Continue").click()
    scene.page.get_by_text("Check every digit").wait_for()


@state
def account_with_a_fax_number(scene: Scene) -> None:
    account_with_a_fax_number_to_confirm(scene)
    scene.press("Yes, use this number")


@state
def account_with_a_refused_fax_number(scene: Scene) -> None:
    account(scene)
    scene.page.get_by_label("Fax number", exact=True).fill("555-0148")
    scene.page.locator("#fax").get_by_role("button", name="Continue").click()
    scene.page.get_by_text("Enter a fax number with its area code").first.wait_for()


@state
def address_code(scene: Scene) -> None:
    account(scene)
    scene.page.get_by_label("Add an email address").fill("luis.rivera@hillcountryclinic.example")
    scene.press("Email me a code")


@state
def address_code_that_is_wrong(scene: Scene) -> None:
    address_code(scene)
    scene.page.get_by_label("Code", exact=True).fill("000000")
    scene.press("Add this address")


@state
def authenticator_app(scene: Scene) -> None:
    account(scene)
    scene.open("/account/authenticator")


@state
def authenticator_app_with_a_wrong_code(scene: Scene) -> None:
    authenticator_app(scene)
    scene.page.get_by_label("Code", exact=True).fill("000000")
    scene.press("Turn on")


@state
def recovery_codes(scene: Scene) -> None:
    account_with_passkeys_and_an_app(scene)
    scene.press("Get new codes")


@state
def login_second_step(scene: Scene) -> None:
    with_factors(scene)
    scene.open("/login")
    scene.page.locator("#email").fill("dr.rivera@example.com")
    scene.page.locator("#password").fill(PASSWORD)
    scene.press("Log in")


@state
def login_second_step_with_a_wrong_code(scene: Scene) -> None:
    login_second_step(scene)
    scene.page.get_by_label("Code", exact=True).fill("000000")
    scene.press("Log in")


@state
def activity(scene: Scene) -> None:
    with_password(scene)
    _record_events(scene)
    scene.log_in()
    scene.open("/account/activity")


@state
def activity_older(scene: Scene) -> None:
    activity(scene)
    scene.page.get_by_role("link", name="Older entries").click()
    scene.page.wait_for_load_state()


@state
def activity_with_nothing_in_it(scene: Scene) -> None:
    with_password(scene)
    scene.log_in()
    scene.open("/account/activity")


@state
def session_about_to_end(scene: Scene) -> None:
    scene.page.clock.install()
    scene.put()
    scene.log_in()
    scene.open("/documents")
    scene.page.clock.fast_forward("13:30")
    scene.page.get_by_role("alertdialog").wait_for()


@state
def document_landing_after_session_expiry(scene: Scene) -> None:
    scene.put()
    scene.log_in()
    scene.open(REVIEW)
    scene.page.locator("#note").fill(NOTE)
    scene.memory.portal.time.pass_time(minutes=15)
    scene.page.locator("#approve").evaluate("form => form.submit()")
    scene.page.get_by_text("What you wrote was saved").wait_for()


@state
def review_with_a_restored_draft(scene: Scene) -> None:
    with_password(scene)
    document_landing_after_session_expiry(scene)
    scene.page.locator("#email").fill("dr.rivera@example.com")
    scene.page.locator("#password").fill(PASSWORD)
    scene.press("Log in")
    scene.page.get_by_text("Not submitted yet").wait_for()


# Parts


def with_factors(scene: Scene) -> Provider:
    """Give the provider two passkeys, an authenticator app and ten recovery codes (one of them used). Return the
    provider."""
    with_password(scene)
    return scene.provider(passkeys=(PHONE, KEY), authenticator=APP, recovery=("hash",) * 9)


def _record_events(scene: Scene) -> None:
    """Store an account event (such as a login) of every type, enough to fill two pages of the account's activity."""
    store = scene.memory.portal.store
    kinds = [*AccountEventType, *[AccountEventType.LOGGED_IN, AccountEventType.LOGGED_OUT] * 8]
    for number, type in enumerate(kinds):
        at = START - timedelta(hours=11 * number)
        origin = ELSEWHERE if type.value.startswith("wrong") else HOME
        entry = account_event(
            PROVIDER.id,
            type,
            at,
            origin,
            unique=str(number),
            tries=40,
            method="account password and authenticator code",
        )
        store.commit(Change(at=START, account_events=(entry,)))
