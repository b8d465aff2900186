"""The EMR of a clinic, and a physician who signs, for tests of sealed files (signed PDFs) on the deployed portal.

Also a visitor of `/verify`, the page that checks whether the portal sealed a file."""

import base64
import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
from standardwebhooks import Webhook

from chalicelib.services.review.decisions import CONSENT_VERSION
from tests.support.stack import SamplePractice, Stack, wait_until

PASSWORD = "a sentence that nobody else thought of"


class Clinic:
    """The EMR of a clinic, which sends documents to one physician and fetches the signed PDFs."""

    def __init__(self, stack: Stack, practice: SamplePractice) -> None:
        self.stack = stack
        self.practice = practice
        letters = uuid4().hex[:10].translate(str.maketrans("0123456789", "ghijklmnop"))
        self.address = f"dr.{letters}@example.com"

    def send(self, pdf: bytes, **provider: str) -> str:
        """Send a PDF as a plan of care for the physician, and return the document's id.

        `provider` replaces facts about the physician, such as the name."""
        data = self._data(pdf, provider)
        body = json.dumps({"type": "document.sent", "timestamp": "2026-11-22T19:00:00Z", "data": data})
        now, message_id = datetime.now(UTC), f"msg_{uuid4().hex}"
        headers = {
            "content-type": "application/json",
            "portal-practice": self.practice.id,
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(self.practice.webhook_secret).sign(message_id, now, body),
        }
        answer = self.stack.http.post("/v1/events", content=body.encode(), headers=headers)
        assert answer.status_code == 202, answer.text
        document_id: str = answer.json()["document_id"]
        return document_id

    def _data(self, pdf: bytes, provider: Mapping[str, str]) -> dict[str, Any]:
        return {
            "external_id": f"POC-{uuid4().hex[:10]}",
            "kind": "plan_of_care",
            "title": "Plan of Care",
            "patient": {
                "external_id": "PT-77",
                "first_name": "Ada",
                "last_name": "Byron",
                "date_of_birth": "1950-12-10",
            },
            "provider": {
                "first_name": "Luis",
                "last_name": self.address[3:13].title(),
                "credential": "MD",
                "email": self.address,
                **provider,
            },
            "delivery": "email",
            "content": {"base64": base64.b64encode(pdf).decode()},
        }

    def get(self, path: str) -> httpx.Response:
        return self.stack.http.get(path, headers={"authorization": f"Bearer {self.practice.api_key}"})

    def document(self, document_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/v1/documents/{document_id}").json()
        return found

    def sealed(self, document_id: str) -> bytes:
        wait_until(lambda: self.document(document_id)["signed_pdf"], 120, "the sealed file")
        place = self.get(f"/v1/documents/{document_id}/signed.pdf").headers["location"]
        return httpx.get(place).content

    def proof(self, document_id: str) -> bytes:
        """Return the PDF that proves that the document reached its provider. Wait until the portal has made the PDF."""
        path = f"/v1/documents/{document_id}/proof.pdf"
        wait_until(lambda: self.get(path).status_code == httpx.codes.SEE_OTHER, 120, "the proof of transmission")
        return httpx.get(self.get(path).headers["location"]).content


class Physician:
    """A physician who sets up an account with the link emailed to `address`, logs in, and signs documents."""

    def __init__(self, stack: Stack, address: str) -> None:
        self.http = stack.browser()
        self.name = f"Luis {address[3:13].title()}"
        self._set_up(stack, address)

    def _set_up(self, stack: Stack, address: str) -> None:
        self.http.get(find_in_mail(stack, address, r"/setup/[\w~.-]+"))
        self.post("/setup", at="/setup", password=PASSWORD, credential="MD", npi="", confirmed="yes")

    def post(self, path: str, *, at: str, **fields: str) -> httpx.Response:
        page = self.http.get(at)
        (token, *_) = re.findall(r'name="csrf" value="([^"]+)"', page.text)
        answer = self.http.post(path, data={"csrf": token, **fields})
        wrong = re.findall(r'Error: </span>([^<]+)|class="alert__text">(.{0,600})', answer.text, re.DOTALL)
        assert answer.status_code == 303, wrong
        return answer

    def sign(self, document_id: str) -> None:
        """Open the document, report every page as shown, as the browser's script does, and submit the approval form."""
        where = f"/documents/{document_id}"
        wait_until(lambda: "data-approve" in self.http.get(where).text, 120, "the pages of the document")
        shown = ",".join(f"{token}.3" for token in re.findall(r'data-token="([^"]+)"', self.http.get(where).text))
        form = {"typed_name": self.name, "pages_shown": shown, "consent": CONSENT_VERSION}
        self.post(f"{where}/approve", at=where, **form)

    def decline(self, document_id: str) -> None:
        where = f"/documents/{document_id}"
        self.post(f"{where}/decline", at=where, reason="change_the_plan", decline_note="Twice a week, please.")


def find_in_mail(stack: Stack, address: str, pattern: str) -> str:
    """Wait for an email to this address that contains the pattern, and return the newest matching text."""

    def matches() -> list[str]:
        texts = [mail.get_body(("plain",)) for mail in stack.mail(address)]
        return [found for text in texts if text is not None for found in re.findall(pattern, text.get_content())]

    wait_until(matches, 120, f"an email to {address} with {pattern}")
    return matches()[-1]


@contextmanager
def a_physician(stack: Stack, address: str) -> Iterator[Physician]:
    """Yield a physician who is logged in to a new account, set up with the link that was emailed to this address."""
    physician = Physician(stack, address)
    yield physician
    physician.http.close()


def read_text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def checked_at_verify(stack: Stack, pdf: bytes, *, read: Callable[[str], str] = read_text) -> str:
    """Upload a PDF at `/verify`, which checks whether the portal sealed it. Return the page with the result.

    `read` converts the page's HTML. As a browser does, the upload goes to the bucket and follows its redirect."""
    with stack.browser() as http:
        # Uploads from one address are slowed down.
        http.headers["x-forwarded-for"] = f"2001:db8:{uuid4().hex[:4]}::1"
        return read(_checked(http, pdf))


def _checked(http: httpx.Client, pdf: bytes) -> str:
    page = http.get("/verify").text
    (action,) = re.findall(r'action="(http[^"]+)"', page)
    fields = {
        name: html.unescape(value) for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page)
    }
    for _ in range(2):  # a second click must also erase all versions
        file = {"file": ("x.pdf", pdf, "application/pdf")}
        answer = httpx.post(action, data=fields, files=file, timeout=60)
        assert answer.status_code == 303, answer.text
    place = answer.headers["location"]
    shown = http.get(place[place.index("/verify/checked") :])
    assert shown.status_code == 200, shown.text
    again = http.get(place[place.index("/verify/checked") :])
    assert again.status_code == 422
    assert "it was verified already" in again.text
    return shown.text
