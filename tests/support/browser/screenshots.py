"""The command `make screenshots`: pictures of every page in every state, at the width of a phone and of a desktop.

The pictures go to `build/screenshots/`."""

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page

from infrastructure.progress import Progress
from infrastructure.repository import ROOT
from tests.support.browser.browsers import running_chromium
from tests.support.browser.memory_server import MemoryPortal, running_memory_portal
from tests.support.browser.people import Person, someone
from tests.support.browser.stand_ins import Clinic, Mailbox, running_clinic, running_mailbox
from tests.support.browser.states import STATES
from tests.support.browser.states.scene import Scene
from tests.support.browser.visitor import DESK, PHONE, Visitor
from tests.support.stack import Stack, package_once, running_stack

FOLDER = ROOT / "build" / "screenshots"
SIZES = {"390x844": PHONE["viewport"], "1280x800": DESK["viewport"]}
MILLISECONDS_TO_SETTLE = 30_000
# At another window size, the browser may choose another file for an image. A broken image is not retried.
LOAD_ALL_PICTURES = """
() => Promise.allSettled(Array.from(document.images, (image) => {
  image.loading = "eager";
  return image.decode();
}))
"""


def shoot(page: Page, name: str) -> None:
    """Save pictures of the page under this name, at each window size. If the page is higher, also save the whole
    page."""
    for size, viewport in SIZES.items():
        page.set_viewport_size(viewport)
        page.evaluate(LOAD_ALL_PICTURES)
        page.wait_for_load_state("networkidle", timeout=MILLISECONDS_TO_SETTLE)
        page.screenshot(path=FOLDER / f"{name}-{size}.png")
        height = page.evaluate("document.documentElement.scrollHeight")
        if height > viewport["height"]:
            # The window becomes as high as the page, so that the sticky bar does not cover the middle.
            page.set_viewport_size({"width": viewport["width"], "height": height})
            page.screenshot(path=FOLDER / f"{name}-{size}-whole.png")


@contextlib.contextmanager
def fresh_page(browser: Browser) -> Iterator[Page]:
    """Yield an empty browser page of a phone's size, without cookies."""
    context = browser.new_context(viewport=PHONE["viewport"])
    try:
        yield context.new_page()
    finally:
        context.close()


def shoot_portal(browser: Browser, memory: MemoryPortal) -> None:
    """Save pictures of the portal's pages in every state that the folder `states` defines."""
    for name, reach in STATES.items():
        memory.reset()
        with fresh_page(browser) as page:
            reach(Scene(memory, page))
            shoot(page, f"portal-{name}")


def shoot_stand_ins(browser: Browser, clinic: Clinic, mailbox: Mailbox, stack: Stack) -> None:
    """Save pictures of the sample clinic, with documents in every status, and of the mailbox with each kind of
    email."""
    with fresh_page(browser) as page:
        for name, path in (("send", "/send"), ("unsigned-empty", "/documents/reports/unsigned")):
            shoot_at(page, f"clinic-{name}", f"{clinic.url}{path}")
        shoot_at(page, "mailbox-empty", mailbox.url)
        person = someone()
        signed, declined, pending = (clinic.send(person) for _ in range(3))
        clinic.send(person, delivery="fax")
        decide(browser, stack, mailbox, person, signed=signed, declined=declined)
        clinic.wait_for(signed, lambda resource: bool(resource.get("signed_pdf")))
        clinic.wait_for(declined, lambda resource: resource["status"] == "declined")
        shoot_clinic(page, clinic, documents={"signed": signed, "declined": declined, "pending": pending})
        shoot_mailbox(page, mailbox, person)


def decide(browser: Browser, stack: Stack, mailbox: Mailbox, person: Person, *, signed: str, declined: str) -> None:
    """Act as the provider before the pictures: set up an account, sign one document and decline another.

    `signed` and `declined` are the ids of these documents."""
    context = browser.new_context(**PHONE)
    provider = Visitor(context, stack.portal_url, mailbox)
    provider.sign_up(person)
    provider.open(f"/documents/{signed}")
    provider.read_and_sign(person, "Please start with the stairs.")
    provider.open(f"/documents/{declined}")
    provider.wait_for_pages()
    provider.decline("Request changes to the plan", "Twice a week is enough.")
    provider.open(f"/by-hand/{signed}")
    provider.page.get_by_role("button", name="Email me a code", exact=True).click()
    mailbox.wait_for_text(person.email, "Your code:")
    context.close()


def shoot_clinic(page: Page, clinic: Clinic, *, documents: dict[str, str]) -> None:
    """Save pictures of every page of the sample clinic. `documents` maps a status to the id of a document."""
    patient = clinic.received(documents["signed"])["patient_external_id"]
    pages = {
        "home": "/",
        "patients": "/patients",
        "account": f"/patients/{patient}",
        "unsigned": "/documents/reports/unsigned",
        "customize": "/admin/practice/emr/customize",
        "deliveries": "/deliveries?status=all",
        "events": f"/documents/{documents['signed']}/events",
    } | {f"document-{name}": f"/documents/{document_id}" for name, document_id in documents.items()}
    for name, path in pages.items():
        shoot_at(page, f"clinic-{name}", f"{clinic.url}{path}")


def shoot_mailbox(page: Page, mailbox: Mailbox, person: Person) -> None:
    """Save pictures of this person's mailbox and fax machine, and of one email of each kind."""
    shoot_at(page, "mailbox-inbox", f"{mailbox.url}/inbox?to={person.email}")
    shoot_at(page, "mailbox-fax", f"{mailbox.url}/fax?to={person.fax.replace('+', '%2B')}")
    mails = {mail["subject"]: mail["id"] for mail in mailbox.mails(person.email)}
    for number, mail_id in enumerate(mails.values(), start=1):
        shoot_at(page, f"mailbox-message-{number}", f"{mailbox.url}/messages/{mail_id}")
        shoot_at(page, f"mail-{number}", f"{mailbox.url}/messages/{mail_id}/html")


def shoot_at(page: Page, name: str, address: str) -> None:
    page.goto(address)
    shoot(page, name)


def main() -> int:
    """Make all screenshots, and return the exit status of `make screenshots`."""
    progress = Progress(time.time())
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with running_chromium() as browser:
        progress.say(f"{len(STATES)} states of the portal")
        with running_memory_portal() as memory:
            shoot_portal(browser, memory)
        package = package_once(progress)
        with tempfile.TemporaryDirectory() as folder, running_stack(package, "screenshots") as stack:
            progress.say("The clinic and the mailbox")
            data = Path(folder)
            with (
                running_mailbox(stack, data / "mailbox") as mailbox,
                running_clinic(stack, mailbox, data / "clinic") as clinic,
            ):
                shoot_stand_ins(browser, clinic, mailbox, stack)
    progress.say(f"{len(list(FOLDER.iterdir()))} pictures are in {FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
