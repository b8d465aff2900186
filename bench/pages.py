"""Every page, and every file and answer behind one: how many AWS calls wait for one another.

Each is asked for with no row and no switch kept from before. The key of the sessions alone is kept, as a
function does for five minutes.
"""

import html
import re
from collections.abc import Callable
from email.message import EmailMessage
from functools import partial

import httpx
from chalice.test import Client, HTTPResponse

from app import app
from bench.calls import counted, forget, line
from chalicelib.services.review import CONSENT_VERSION
from tests.integration.emr import Emr
from tests.portal import Browser
from tests.stack import Stack, wait_until
from tests.unit.pdf import samples

ADDRESS, PASSWORD = "bench@example.com", "velvet harbour quartz lantern"
MOST_IN_SEQUENCE = 3
OK, SEE_OTHER, GONE, UNPROCESSABLE = 200, 303, 410, 422


def run(stack: Stack) -> None:
    """Prints a line per answer."""
    print(f"AWS calls of every page (GET: at most {MOST_IN_SEQUENCE} in sequence) and of what is sent (POST)")
    emr = Emr(stack, stack.practice())
    for pages in (anyone, setting_up, by_hand, with_account):
        pages(emr)
    print("AWS calls of what the EMR asks")
    software(emr)
    print()


def show(name: str, send: Callable[[], HTTPResponse], status: int = OK) -> None:
    forget()
    print(f"  {name:<48} {line(counted(send, status))}")


# Who asks


def anyone(_emr: Emr) -> None:
    stranger = Browser()
    for path in ("/login", "/forgot-password", "/verify", "/verify/certificates"):
        show(f"GET {path}", partial(stranger.get, path))
    show("GET /verify/checked", partial(stranger.get, uploaded_by(stranger.get("/verify"))))
    show("GET /documents, not logged in", partial(stranger.get, "/documents"), SEE_OTHER)


def setting_up(emr: Emr) -> None:
    """By the link of a document that is there, that is recalled while another waits, and by a dead one."""
    document_id = sent(emr, "setup@example.com")
    browser = by_setup_link(emr, "setup@example.com")
    show("GET /setup", partial(browser.get, "/setup"))
    sent(emr, "setup@example.com")
    emr.recalls(document_id)
    show("GET /setup, its document recalled", partial(browser.get, "/setup"))
    emr.recalls(sent(emr, "dead@example.com"))
    show("GET /setup, dead", partial(by_setup_link(emr, "dead@example.com").get, "/setup"), GONE)


def by_hand(emr: Emr) -> None:
    address, reader = "hand@example.com", Browser()
    document_id = sent(emr, address)
    door = f"/by-hand/{document_id}"
    show("GET /by-hand/{id}", partial(reader.get, door))
    reader.post(f"{door}/code")
    code = mailed(emr, address, r"Your code: (\d{6})\b")
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    show("POST /by-hand/{id}, a wrong code", partial(reader.post, door, code=wrong), UNPROCESSABLE)
    show("POST /by-hand/{id}, the code", partial(reader.post, door, code=code), SEE_OTHER)
    show("GET /by-hand/{id}/document", partial(reader.get, f"{door}/document"))
    show("GET /by-hand/{id}/document, again", partial(reader.get, f"{door}/document"))
    show("GET /by-hand/{id}/original.pdf", partial(reader.get, f"{door}/original.pdf"), SEE_OTHER)
    place = uploaded_by(reader.get(f"{door}/document"))
    show("GET /by-hand/{id}/uploaded", partial(reader.get, place))


def with_account(emr: Emr) -> None:
    first, second, third, fourth = (sent(emr, ADDRESS) for _ in range(4))
    browser = logged_in(emr)
    show("GET /documents", partial(browser.get, "/documents"))
    show("GET /documents, again", partial(browser.get, "/documents"))
    review = f"/documents/{first}"
    show("GET /documents/{id}", partial(browser.get, review))
    show("GET /documents/{id}, again", partial(browser.get, review))
    show("GET /documents/{id}/text, as first view", partial(browser.get, f"/documents/{second}/text"))
    as_first = partial(browser.get, f"/documents/{third}/original.pdf")
    show("GET /documents/{id}/original.pdf, as first view", as_first, SEE_OTHER)
    drawn = {"signature": "typed", "typed_name": "Ben Chmark"}
    show("POST /documents/{id}/signature", partial(browser.post, f"{review}/signature", drawn))
    signing = {
        "typed_name": "Ben Chmark",
        "read_statement": "yes",
        "pages_shown": "1",
        "consent": CONSENT_VERSION,
    }
    show("POST /documents/{id}/approve", partial(browser.post, f"{review}/approve", signing), SEE_OTHER)
    declining = {"reason": "change_the_plan", "decline_note": "Twice a week, please."}
    decline = partial(browser.post, f"/documents/{fourth}/decline", declining)
    show("POST /documents/{id}/decline", decline, SEE_OTHER)
    show("GET /documents/{id}, not logged in", partial(Browser().get, review))
    show("GET /documents/{id}, decided", partial(browser.get, review))
    wait_until(lambda: emr.document(first)["signed_pdf"], 60, "the sealed file")
    show("GET /documents/{id}/signed.pdf", partial(browser.get, f"{review}/signed.pdf"), SEE_OTHER)
    for path in ("/documents/past", "/account", "/account/activity", "/account/authenticator"):
        show(f"GET {path}", partial(browser.get, path))
    show("POST /documents/past, searched", partial(browser.post, "/documents/past", q="Byron"))


def software(emr: Emr) -> None:
    document_id = sent(emr, "emr@example.com")
    for path in (
        "/v1/documents?report=unsigned",
        f"/v1/documents/{document_id}",
        f"/v1/documents/{document_id}/events",
        "/v1/deliveries",
        "/v1/practice",
    ):
        show(f"GET {path.replace(document_id, '{id}')}", partial(asked, emr, path))
    original = f"/v1/documents/{document_id}/original.pdf"
    show("GET /v1/documents/{id}/original.pdf", partial(asked, emr, original), SEE_OTHER)
    show("POST /v1/events, document.sent", emr.prepared(), 202)


# Steps on the way


def asked(emr: Emr, path: str) -> HTTPResponse:
    return Client(app).http.get(path, headers={"authorization": f"Bearer {emr.practice.api_key}"})


def sent(emr: Emr, address: str) -> str:
    """A document for this provider, its pages rendered and its mails gone."""
    provider = {"first_name": "Ben", "last_name": "Chmark", "credential": "MD", "email": address}
    document_id = emr.sends(provider=provider)
    emr.stack.wait_for_mail(address)
    emr.stack.outbox_drained()
    return document_id


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


def by_setup_link(emr: Emr, address: str) -> Browser:
    browser = Browser()
    token = mailed(emr, address, r"/setup/([\w-]+)")
    browser.get(f"/setup/{token}")
    return browser


def logged_in(emr: Emr) -> Browser:
    """Sets the account up by the mailed link and logs in, through the function in this process."""
    browser = by_setup_link(emr, ADDRESS)
    browser.post("/setup", credential="MD", confirmed="yes", password=PASSWORD)
    show("POST /login/password", partial(browser.log_in, ADDRESS, PASSWORD), SEE_OTHER)
    return browser


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
