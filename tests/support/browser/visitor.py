"""The actions of a provider in a browser, such as to log in and to sign, for tests on the deployed portal."""

import re
from typing import Any

import httpx
from playwright.sync_api import BrowserContext, Error, Page, expect

from infrastructure.local.localhost_http import LocalhostTransport
from tests.support.browser.people import PASSWORD, Person
from tests.support.browser.stand_ins import Mailbox

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}

# A page that waits for a job reloads until the job is done. Jobs may queue when the whole suite runs.
MILLISECONDS_FOR_A_JOB = 30_000

SHOW_ALL_OF_EACH_PAGE = """
async () => {
  // The large image may replace the small image during decoding.
  const decoded = (image) => image.decode().catch(() => image.decode());
  const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  for (const sheet of document.querySelectorAll("[data-page]")) {
    for (const image of sheet.querySelectorAll("img")) {
      await decoded(image);
      for (const block of ["start", "end"]) {
        image.scrollIntoView({ block, behavior: "instant" });
        await painted();
      }
    }
  }
}
"""


class Visitor:
    """A provider with a browser who visits the portal's pages and reads email in the mailbox."""

    def __init__(self, context: BrowserContext, portal_url: str, mailbox: Mailbox) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.portal_url = portal_url
        self.mailbox = mailbox

    def open(self, address: str) -> None:
        """Open a whole address, such as an emailed link, or a path of the portal.

        A page that waits for a job may reload at this very moment, which aborts the navigation. It is repeated then."""
        url = address if address.startswith("http") else f"{self.portal_url}{address}"
        try:
            self.page.goto(url)
        except Error as error:
            if "ERR_ABORTED" not in error.message:
                raise
            self.page.goto(url)

    def fetch(self, path: str) -> bytes:
        """Return the bytes of the file to which a path of the portal redirects this browser, such as a PDF."""
        cookies = {item["name"]: item["value"] for item in self.context.cookies(self.portal_url)}
        sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
        with httpx.Client(transport=LocalhostTransport()) as client:
            redirect = client.get(f"{self.portal_url}{path}", headers={"cookie": sent})
            return client.get(redirect.headers["location"]).raise_for_status().content

    # Account

    def choose_password(self, password: str = PASSWORD) -> None:
        """Fill in and submit the form that sets a first or a new password, on the page behind an emailed link."""
        confirmed = self.page.get_by_role("checkbox")
        if confirmed.count():
            confirmed.check()
        self.page.locator("#password").fill(password)
        self.page.get_by_role("button", name=re.compile("Set password|Change password")).click()

    def set_up(self, link: str, password: str = PASSWORD) -> None:
        """Open the emailed setup link and choose a password. The document follows, and the provider is logged in."""
        self.open(link)
        self.choose_password(password)
        expect(self.page.get_by_role("button", name="Log out", exact=True)).to_be_visible()

    def log_in(self, person: Person, password: str = PASSWORD) -> None:
        """Fill in and submit the login form, which the page must already show."""
        self.page.locator("#email").fill(person.email)
        self.page.locator("#password").fill(password)
        self.page.get_by_role("button", name="Log in", exact=True).click()

    def sign_up(self, person: Person) -> None:
        """Set up the person's account with the setup link in the mailbox. The person is then logged in."""
        self.set_up(self.mailbox.link(person.email, "/setup/"))

    # Review

    def wait_for_pages(self) -> None:
        """Wait until the review page shows the images of all pages of the document, which a background job makes."""
        expect(self.page.locator("[data-page] img").first).to_be_visible(timeout=MILLISECONDS_FOR_A_JOB)
        expect(self.page.locator(".sheet__empty")).to_have_count(0, timeout=MILLISECONDS_FOR_A_JOB)

    def read(self) -> None:
        """Scroll through every page of the document, until the review page says that all pages were seen."""
        self.wait_for_pages()
        # The script may load after the images. The script counts a page as read only once the script runs.
        expect(self.page.locator("[data-reading]")).to_be_visible()
        self.page.evaluate(SHOW_ALL_OF_EACH_PAGE)
        expect(self.page.get_by_text("You've seen every page.")).to_be_visible()

    def approve(self, name: str, note: str = "") -> None:
        """Type the name into the signature field under the document, and approve the document."""
        self.page.get_by_label("Your signature", exact=True).fill(name)
        self.page.locator("#note").fill(note)
        self.page.get_by_role("button", name="Approve and sign", exact=True).click()

    def read_and_sign(self, person: Person, note: str = "") -> None:
        self.read()
        self.approve(person.name, note)
        expect(self.page.get_by_role("heading", name=re.compile("You signed this"))).to_be_visible()

    def decline(self, reason: str, note: str) -> None:
        self.page.get_by_text("Decline instead").click()
        self.page.get_by_label(reason).check()
        self.page.locator("#decline_note").fill(note)
        self.page.get_by_role("button", name="Decline this document", exact=True).click()
        expect(self.page.get_by_role("heading", name=re.compile("You declined this"))).to_be_visible()
