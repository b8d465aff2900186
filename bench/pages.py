"""The AWS calls behind every kind of response of the web function, and how many of them wait for one another.

Before each request, the function's caches are cleared. Only the session key stays cached, as it does in production for
five minutes."""

import html
import re
from collections.abc import Callable
from email.message import EmailMessage
from functools import partial

import httpx
from chalice.test import Client, HTTPResponse

from app import app
from bench.calls import count_calls, forget, in_sequence, summarize, warm
from chalicelib.services.review.decisions import CONSENT_VERSION
from chalicelib.web.routes import ROUTES
from tests.support.integration.emr_client import Emr
from tests.support.pdf import sample_pdfs as samples
from tests.support.portal import Browser
from tests.support.stack import Stack, wait_until

ADDRESS, PASSWORD = "bench@example.com", "velvet harbour quartz lantern"
LIMIT_IN_SEQUENCE = 3
"""The limit for a page. A submitted form and a request of the EMR may take more."""

OK, ACCEPTED, SEE_OTHER, NOT_FOUND, GONE, UNPROCESSABLE = 200, 202, 303, 404, 410, 422

Send = Callable[[], HTTPResponse]


def run(stack: Stack) -> None:
    """Print the AWS calls behind each response, and the routes (method and path) that were not measured."""
    print(f"AWS calls (a page: at most {LIMIT_IN_SEQUENCE} in sequence)")
    Browser().get("/login")
    warm()
    requests = Requests(Emr(stack, stack.practice()))
    requests.by_anyone()
    requests.by_link()
    requests.by_hand()
    requests.with_account()
    requests.by_the_emr()
    left = {(method, route.path) for route in ROUTES for method in route.methods} - requests.routes
    print(f"  Not measured: {', '.join(f'{method} {path}' for method, path in sorted(left))}")
    print()


class Requests:
    """The requests whose AWS calls are measured, and a record (`routes`) of the routes measured so far."""

    def __init__(self, emr: Emr) -> None:
        self.emr = emr
        self.routes: set[tuple[str, str]] = set()

    def show(self, method: str, route: str, send: Send, status: int = OK, *, note: str = "") -> None:
        """Send one request, and print its AWS calls. `send` sends the request, and `note` describes a special case.

        End the benchmark if the response has another status than `status`."""
        forget()
        calls = count_calls(send, status)
        is_page = method == "GET" and not route.startswith("/v1/")
        over = "  OVER" if is_page and in_sequence(calls) > LIMIT_IN_SEQUENCE else ""
        print(f"  {method:<4} {route + (f', {note}' if note else ''):<52} {summarize(calls)}{over}")
        self.routes.add((method, route))

    def by_anyone(self) -> None:
        stranger = Browser()
        for path in ("/login", "/fax", "/forgot-password", "/verify", "/verify/certificates"):
            self.show("GET", path, partial(stranger.get, path))
        self.show("GET", "/", partial(stranger.get, "/"), SEE_OTHER)
        self.show("GET", "/verify/checked", partial(stranger.get, upload_through(stranger.get("/verify"))))
        wrong_code = partial(stranger.post, "/fax", code="AAAA-AAAA-AAAA")
        self.show("POST", "/fax", wrong_code, UNPROCESSABLE, note="wrong code")
        self.show("GET", "/problems/{code}", partial(stranger.get, "/problems/not-found"))
        self.show("GET", "/documents", partial(stranger.get, "/documents"), SEE_OTHER, note="not logged in")

    def by_link(self) -> None:
        """Measure the page of a setup link in three states: valid, with its document recalled, and expired.

        In the second state, the link opens another pending document."""
        address, other = "setup@example.com", "expired@example.com"
        document_id = send_document(self.emr, address)
        browser, path = Browser(), setup_path(self.emr, address)
        self.show("GET", "/setup/{token}", partial(browser.get, path), SEE_OTHER)
        self.show("GET", "/setup", partial(browser.get, "/setup"))
        send_document(self.emr, address)
        self.emr.recalls(document_id)
        self.show("GET", "/setup", partial(browser.get, "/setup"), note="its document recalled")
        self.emr.recalls(send_document(self.emr, other))
        browser.get(setup_path(self.emr, other))
        self.show("GET", "/setup", partial(browser.get, "/setup"), GONE, note="expired")

    def by_hand(self) -> None:
        address, reader = "hand@example.com", Browser()
        document_id = send_document(self.emr, address)
        landing, route = f"/by-hand/{document_id}", "/by-hand/{document_id}"
        self.show("GET", route, partial(reader.get, landing))
        self.show("POST", f"{route}/code", partial(reader.post, f"{landing}/code"), SEE_OTHER)
        code = find_in_email(self.emr, address, r"Your code: (\d{6})\b")
        wrong = f"{(int(code) + 1) % 1_000_000:06}"
        self.show("POST", route, partial(reader.post, landing, code=wrong), UNPROCESSABLE, note="wrong code")
        self.show("POST", route, partial(reader.post, landing, code=code), SEE_OTHER)
        document = partial(reader.get, f"{landing}/document")
        self.show("GET", f"{route}/document", document)
        self.show("GET", f"{route}/document", document, note="again")
        self.show("GET", f"{route}/original.pdf", partial(reader.get, f"{landing}/original.pdf"), SEE_OTHER)
        self.show("GET", f"{route}/uploaded", partial(reader.get, upload_through(document())))

    def with_account(self) -> None:
        """Measure the pages that a provider with an account uses, from the setup of the account to the logout."""
        documents = [send_document(self.emr, ADDRESS) for _ in range(3)]
        browser = Browser()
        browser.get(setup_path(self.emr, ADDRESS))
        form = {"credential": "MD", "confirmed": "yes", "password": PASSWORD}
        self.show("POST", "/setup", partial(browser.post, "/setup", form), SEE_OTHER)
        self.show("POST", "/login/password", partial(browser.log_in, ADDRESS, PASSWORD), SEE_OTHER)
        self.show("GET", "/documents", partial(browser.get, "/documents"))
        self._review(browser, *documents)
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

    def _review(self, browser: Browser, first: str, second: str, third: str) -> None:
        """Measure the pages of three documents. The provider approves the first, downloads the second, declines the
        third."""
        route = "/documents/{document_id}"
        review = partial(browser.get, f"/documents/{first}")
        self.show("GET", route, partial(Browser().get, f"/documents/{first}"), note="not logged in")
        self.show("GET", route, review)
        self.show("GET", route, review, note="again")
        self.show("GET", f"{route}/text", partial(browser.get, f"/documents/{first}/text"))
        original = partial(browser.get, f"/documents/{second}/original.pdf")
        self.show("GET", f"{route}/original.pdf", original, SEE_OTHER, note="as the first view")
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

    def by_the_emr(self) -> None:
        document_id = send_document(self.emr, "emr@example.com")
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


# Steps between the measured requests


def send_document(emr: Emr, address: str) -> str:
    """Send a document to a provider at this email address, wait for its page images and emails, and return its id."""
    provider = {"first_name": "Ben", "last_name": "Chmark", "credential": "MD", "email": address}
    document_id = emr.sends(provider=provider)
    emr.stack.wait_for_mail(address)
    emr.stack.outbox_drained()
    return document_id


def setup_path(emr: Emr, address: str) -> str:
    """Return the path of the newest setup link that was emailed to this address."""
    return find_in_email(emr, address, r"(/setup/[\w-]+)")


def find_in_email(emr: Emr, address: str, pattern: str) -> str:
    """Wait for an email to this address that contains the regular expression `pattern`.

    Return the text that the pattern's group matches in the newest such email."""

    def matches() -> list[str]:
        texts = [plain_text(email) for email in reversed(emr.stack.mail(address))]
        return [match for text in texts for match in re.findall(pattern, text)]

    wait_until(matches, 60, f"an email with {pattern}")
    return matches()[0]


def plain_text(email: EmailMessage) -> str:
    """Return the text of an email, decoded, because its encoding (quoted-printable) breaks long links."""
    body = email.get_body(("plain",))
    return str(body.get_content()) if body else ""


def upload_through(page: HTTPResponse) -> str:
    """Upload a PDF with the upload form in a page's HTML. Return the path to which the bucket then redirects the
    browser."""
    content = page.body.decode()
    (action,) = re.findall(r'action="(http[^"]+)"', content)
    (form,) = re.findall(rf'<form[^>]*action="{re.escape(action)}".*?</form>', content, re.DOTALL)
    hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
    fields = {name: html.unescape(value) for name, value in hidden}
    file = {"file": ("x.pdf", samples.blank_pdf(), "application/pdf")}
    location = httpx.post(html.unescape(action), data=fields, files=file, timeout=60).headers["location"]
    return str(location[location.index("/", len("https://")) :])
