"""What is asked of the web function, one after the other: how many AWS calls wait for one another.

Each with no row and no switch kept from before. The key of the sessions alone is kept, as a function does for
five minutes.
"""

import html
import re
from collections.abc import Callable
from email.message import EmailMessage
from functools import partial

import httpx
from chalice.test import Client, HTTPResponse

from app import app
from bench.calls import counted, forget, in_sequence, line, warm
from chalicelib.services.review.review import CONSENT_VERSION
from chalicelib.web.routes import ROUTES
from tests.support.integration.emr_client import Emr
from tests.support.pdf import sample_pdfs as samples
from tests.support.portal import Browser
from tests.support.stack import Stack, wait_until

ADDRESS, PASSWORD = "bench@example.com", "velvet harbour quartz lantern"
MOST_IN_SEQUENCE = 3
"""Of a page. What is sent by a form may take more, and so may what the EMR asks."""

OK, ACCEPTED, SEE_OTHER, NOT_FOUND, GONE, UNPROCESSABLE = 200, 202, 303, 404, 410, 422

Send = Callable[[], HTTPResponse]


def run(stack: Stack) -> None:
    """Prints a line for each answer, and the routes that it asked for none."""
    print(f"AWS calls (a page: at most {MOST_IN_SEQUENCE} in sequence)")
    Browser().get("/login")
    warm()
    asked = Asked(Emr(stack, stack.practice()))
    for part in (asked.by_anyone, asked.by_link, asked.by_hand, asked.with_account, asked.by_the_emr):
        part()
    left = {(method, each.path) for each in ROUTES for method in each.methods} - asked.routes
    print(f"  Not asked: {', '.join(f'{method} {path}' for method, path in sorted(left))}")
    print()


class Asked:
    """Asks, and remembers for which routes."""

    def __init__(self, emr: Emr) -> None:
        self.emr = emr
        self.routes: set[tuple[str, str]] = set()

    def show(self, method: str, route: str, send: Send, status: int = OK, *, note: str = "") -> None:
        forget()
        calls = counted(send, status)
        is_page = method == "GET" and not route.startswith("/v1/")
        over = "  OVER" if is_page and in_sequence(calls) > MOST_IN_SEQUENCE else ""
        print(f"  {method:<4} {route + (f', {note}' if note else ''):<52} {line(calls)}{over}")
        self.routes.add((method, route))

    def by_anyone(self) -> None:
        stranger = Browser()
        for path in ("/login", "/forgot-password", "/verify", "/verify/certificates"):
            self.show("GET", path, partial(stranger.get, path))
        self.show("GET", "/", partial(stranger.get, "/"), SEE_OTHER)
        self.show("GET", "/verify/checked", partial(stranger.get, uploaded_by(stranger.get("/verify"))))
        self.show("GET", "/problems/{code}", partial(stranger.get, "/problems/not-found"))
        self.show("GET", "/documents", partial(stranger.get, "/documents"), SEE_OTHER, note="not logged in")

    def by_link(self) -> None:
        """Of a document that is there, that is recalled while another waits, and a dead one."""
        address, other = "setup@example.com", "dead@example.com"
        document_id = sent(self.emr, address)
        browser, path = Browser(), setup_path(self.emr, address)
        self.show("GET", "/setup/{token}", partial(browser.get, path), SEE_OTHER)
        self.show("GET", "/setup", partial(browser.get, "/setup"))
        sent(self.emr, address)
        self.emr.recalls(document_id)
        self.show("GET", "/setup", partial(browser.get, "/setup"), note="its document recalled")
        self.emr.recalls(sent(self.emr, other))
        browser.get(setup_path(self.emr, other))
        self.show("GET", "/setup", partial(browser.get, "/setup"), GONE, note="dead")

    def by_hand(self) -> None:
        address, reader = "hand@example.com", Browser()
        document_id = sent(self.emr, address)
        door, route = f"/by-hand/{document_id}", "/by-hand/{document_id}"
        self.show("GET", route, partial(reader.get, door))
        self.show("POST", f"{route}/code", partial(reader.post, f"{door}/code"), SEE_OTHER)
        code = mailed(self.emr, address, r"Your code: (\d{6})\b")
        wrong = f"{(int(code) + 1) % 1_000_000:06}"
        self.show("POST", route, partial(reader.post, door, code=wrong), UNPROCESSABLE, note="a wrong code")
        self.show("POST", route, partial(reader.post, door, code=code), SEE_OTHER)
        document = partial(reader.get, f"{door}/document")
        self.show("GET", f"{route}/document", document)
        self.show("GET", f"{route}/document", document, note="again")
        self.show("GET", f"{route}/original.pdf", partial(reader.get, f"{door}/original.pdf"), SEE_OTHER)
        self.show("GET", f"{route}/uploaded", partial(reader.get, uploaded_by(document())))

    def with_account(self) -> None:
        first, second, third = (sent(self.emr, ADDRESS) for _ in range(3))
        browser, route = Browser(), "/documents/{document_id}"
        browser.get(setup_path(self.emr, ADDRESS))
        chosen = {"credential": "MD", "confirmed": "yes", "password": PASSWORD}
        self.show("POST", "/setup", partial(browser.post, "/setup", chosen), SEE_OTHER)
        self.show("POST", "/login/password", partial(browser.log_in, ADDRESS, PASSWORD), SEE_OTHER)
        self.show("GET", "/documents", partial(browser.get, "/documents"))

        review = partial(browser.get, f"/documents/{first}")
        self.show("GET", route, partial(Browser().get, f"/documents/{first}"), note="not logged in")
        self.show("GET", route, review)
        self.show("GET", route, review, note="again")
        self.show("GET", f"{route}/text", partial(browser.get, f"/documents/{first}/text"))
        original = partial(browser.get, f"/documents/{second}/original.pdf")
        self.show("GET", f"{route}/original.pdf", original, SEE_OTHER, note="as first view")
        drawn = {"signature": "typed", "typed_name": "Ben Chmark"}
        preview = partial(browser.post, f"/documents/{first}/signature", drawn)
        self.show("POST", f"{route}/signature", preview)
        signing = {**drawn, "read_statement": "yes", "pages_shown": "1", "consent": CONSENT_VERSION}
        approve = partial(browser.post, f"/documents/{first}/approve", signing)
        self.show("POST", f"{route}/approve", approve, SEE_OTHER)
        declining = {"reason": "change_the_plan", "decline_note": "Twice a week, please."}
        decline = partial(browser.post, f"/documents/{third}/decline", declining)
        self.show("POST", f"{route}/decline", decline, SEE_OTHER)
        self.show("GET", route, review, note="decided")
        wait_until(lambda: self.emr.document(first)["signed_pdf"], 60, "the sealed file")
        signed = partial(browser.get, f"/documents/{first}/signed.pdf")
        self.show("GET", f"{route}/signed.pdf", signed, SEE_OTHER)
        certificate = partial(browser.get, f"/documents/{first}/certificate.pdf")
        self.show("GET", f"{route}/certificate.pdf", certificate, NOT_FOUND)

        for path in (
            "/documents/past",
            "/account",
            "/account/activity",
            "/account/authenticator",
            "/account/second-factor",
        ):
            self.show("GET", path, partial(browser.get, path))
        self.show("POST", "/documents/past", partial(browser.post, "/documents/past", q="Byron"))
        self.show("POST", "/logout", partial(browser.post, "/logout"), SEE_OTHER)

    def by_the_emr(self) -> None:
        document_id = sent(self.emr, "emr@example.com")
        for route in (
            "/v1/documents",
            "/v1/documents/{document_id}",
            "/v1/documents/{document_id}/events",
            "/v1/deliveries",
            "/v1/practice",
        ):
            self.show("GET", route, partial(self._get, route.format(document_id=document_id)))
        original = "/v1/documents/{document_id}/original.pdf"
        self.show("GET", original, partial(self._get, original.format(document_id=document_id)), SEE_OTHER)
        self.show("POST", "/v1/events", self.emr.prepared(), ACCEPTED, note="document.sent")

    def _get(self, path: str) -> HTTPResponse:
        return Client(app).http.get(path, headers={"authorization": f"Bearer {self.emr.practice.api_key}"})


# Steps on the way


def sent(emr: Emr, address: str) -> str:
    """A document for this provider, its pages rendered and its mails gone."""
    provider = {"first_name": "Ben", "last_name": "Chmark", "credential": "MD", "email": address}
    document_id = emr.sends(provider=provider)
    emr.stack.wait_for_mail(address)
    emr.stack.outbox_drained()
    return document_id


def setup_path(emr: Emr, address: str) -> str:
    return mailed(emr, address, r"(/setup/[\w-]+)")


def mailed(emr: Emr, address: str, pattern: str) -> str:
    """What the pattern's group finds in the mails to this address, the newest first."""
    found: list[str] = []

    def look() -> bool:
        texts = [plain_text(mail) for mail in reversed(emr.stack.mail(address))]
        found.extend(each for text in texts for each in re.findall(pattern, text))
        return bool(found)

    wait_until(look, 60, f"a mail with {pattern}")
    return found[0]


def plain_text(mail: EmailMessage) -> str:
    """Decoded: quoted-printable breaks a long link."""
    body = mail.get_body(("plain",))
    return str(body.get_content()) if body else ""


def uploaded_by(page: HTTPResponse) -> str:
    """Uploads a file as the form of this page does; the path that the bucket sends the browser to."""
    shown = page.body.decode()
    (action,) = re.findall(r'action="(http[^"]+)"', shown)
    (form,) = re.findall(rf'<form[^>]*action="{re.escape(action)}".*?</form>', shown, re.DOTALL)
    hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
    fields = {name: html.unescape(value) for name, value in hidden}
    file = {"file": ("x.pdf", samples.blank_pdf(), "application/pdf")}
    place = httpx.post(html.unescape(action), data=fields, files=file, timeout=60).headers["location"]
    return str(place[place.index("/", len("https://")) :])
