"""Test a required second factor on the deployed portal, where every function has its own AWS role."""

from collections.abc import Iterator

import pyotp
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewClinic
from tests.support.browser.people import someone
from tests.support.browser.stand_ins import Clinic
from tests.support.browser.visitor import Visitor
from tests.support.stack import Stack

ASKED = "Protect your account first"
PATIENT = "Ada Byron"


@pytest.fixture
def portal_asks(stack: Stack) -> Iterator[None]:
    """Require a second factor of all providers (the installation's switch), until the test ends.

    Functions cache the switches of a practice for 30 seconds, so the test needs a practice that was not read before."""
    ssm, name = stack.client("ssm"), f"{stack.outputs['SwitchPrefix']}/second-factor"
    before = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value="on", Overwrite=True)
    yield
    ssm.put_parameter(Name=name, Value=before, Overwrite=True)


def require(stack: Stack, clinic: Clinic, *, on: bool) -> None:
    """Switch on or off that a practice requires a second factor of its providers.

    Call this function before a document is sent, because functions cache the setting for 30 seconds."""
    asked = {"action": "set_switch", "practice_id": clinic.practice.id, "second_factor": on}
    assert stack.invoke_admin(asked) == {"id": clinic.practice.id, "second_factor": on}


def signed_up(visitor: Visitor, clinic: Clinic) -> str:
    """Send a document to a new provider, set up the account and log in. Return the path of the document's page."""
    person = someone()
    document_id = clinic.send(person)
    visitor.sign_up(person)
    return f"/documents/{document_id}"


def is_led_to_enrolment(visitor: Visitor, path: str) -> None:
    visitor.open(path)
    expect(visitor.page.get_by_role("heading", name=ASKED)).to_be_visible()
    assert PATIENT not in visitor.page.content()


def opens(visitor: Visitor, path: str) -> None:
    visitor.open(path)
    expect(visitor.page).to_have_url(f"{visitor.portal_url}{path}")
    expect(visitor.page.get_by_role("heading", name=PATIENT)).to_be_visible()


def set_app_up(visitor: Visitor) -> None:
    """Set up an authenticator app on the page that requires a second factor. The document's page follows."""
    page = visitor.page
    page.get_by_role("link", name="Set up an app").click()
    app = pyotp.TOTP(page.locator(".key").inner_text().replace(" ", ""))
    page.get_by_label("Code", exact=True).fill(app.now())
    page.get_by_role("button", name="Turn on").click()
    page.get_by_role("link", name="I've saved them").click()


def test_a_practice_requires_a_second_factor_of_its_providers_only(
    stack: Stack, own_clinic: Clinic, cedar: Clinic, phone: Visitor, other_phone: Visitor
) -> None:
    require(stack, own_clinic, on=True)
    path = signed_up(phone, own_clinic)
    is_led_to_enrolment(phone, "/documents")
    is_led_to_enrolment(phone, path)
    assert own_clinic.resource(path.split("/")[-1])["viewed_at"] is None
    set_app_up(phone)
    expect(phone.page).to_have_url(f"{phone.portal_url}{path}")
    expect(phone.page.get_by_role("heading", name=PATIENT)).to_be_visible()

    others = signed_up(other_phone, cedar)
    opens(other_phone, others)


@pytest.mark.usefixtures("portal_asks")
def test_the_portal_requires_a_second_factor_unless_a_practice_opts_out(
    stack: Stack, own_clinic: Clinic, new_clinic: NewClinic, phone: Visitor, other_phone: Visitor
) -> None:
    path = signed_up(phone, own_clinic)
    is_led_to_enrolment(phone, path)

    exempt = new_clinic("Willow Rehab")
    require(stack, exempt, on=False)
    others = signed_up(other_phone, exempt)
    opens(other_phone, others)
