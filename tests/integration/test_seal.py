"""Test the deployed functions from a provider's signature to a sealed file that anyone can verify."""

import base64
import html
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from standardwebhooks import Webhook

from chalicelib.pdf.signing import certificate_chain as chain
from chalicelib.pdf.signing import verification
from chalicelib.services.pdf_jobs.sandboxed_rendering import find_picture_fault
from chalicelib.services.review.review import CONSENT_VERSION
from tests.support.pdf import attacks, sealing_key
from tests.support.pdf import sample_pdfs as samples
from tests.support.stack import SamplePractice, Stack, wait_until

PASSWORD = "a sentence that nobody else thought of"


class Clinic:
    """The EMR of a clinic, which sends documents and fetches the signed PDFs."""

    def __init__(self, stack: Stack, practice: SamplePractice) -> None:
        self.stack = stack
        self.practice = practice
        letters = uuid4().hex[:10].translate(str.maketrans("0123456789", "ghijklmnop"))
        self.address = f"dr.{letters}@example.com"

    def send(self, pdf: bytes) -> str:
        body = json.dumps({"type": "document.sent", "timestamp": "2026-11-22T19:00:00Z", "data": self._data(pdf)})
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

    def _data(self, pdf: bytes) -> dict[str, Any]:
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
        wait_until(lambda: self.document(document_id)["signed_pdf"], 60, "the sealed file")
        place = self.get(f"/v1/documents/{document_id}/signed.pdf").headers["location"]
        return httpx.get(place).content


class Physician:
    """A physician who sets up an account with the emailed link, and signs."""

    def __init__(self, stack: Stack, address: str) -> None:
        self.http = stack.browser()
        self.name = f"Luis {address[3:13].title()}"
        self._set_up(stack, address)

    def _set_up(self, stack: Stack, address: str) -> None:
        mails = stack.wait_for_mail(address, 2, 120)
        texts = [str(mail.get_body(("plain",)).get_content()) for mail in mails]  # type: ignore[union-attr]  # - every email of the portal has a text part
        (path,) = {found for text in texts for found in re.findall(r"/setup/[\w~.-]+", text)}
        self.http.get(path)
        self.post("/setup", at="/setup", password=PASSWORD, credential="MD", npi="", confirmed="yes")
        self.post("/login/password", at="/login", email=address, password=PASSWORD, next="/documents")

    def post(self, path: str, *, at: str, **fields: str) -> httpx.Response:
        page = self.http.get(at)
        (token, *_) = re.findall(r'name="csrf" value="([^"]+)"', page.text)
        answer = self.http.post(path, data={"csrf": token, **fields})
        wrong = re.findall(r'Error: </span>([^<]+)|class="alert__text">(.{0,600})', answer.text, re.DOTALL)
        assert answer.status_code == 303, wrong
        return answer

    def sign(self, document_id: str) -> None:
        where = f"/documents/{document_id}"
        wait_until(lambda: "data-approve" in self.http.get(where).text, 60, "the pages of the document")
        self.post(
            f"{where}/approve",
            at=where,
            typed_name=self.name,
            read_statement="yes",
            pages_shown="1",
            consent=CONSENT_VERSION,
        )

    def decline(self, document_id: str) -> None:
        where = f"/documents/{document_id}"
        self.post(f"{where}/decline", at=where, reason="change_the_plan", decline_note="Twice a week, please.")


@pytest.fixture
def clinic(stack: Stack) -> Clinic:
    return Clinic(stack, stack.practice())


@pytest.fixture
def physician(stack: Stack) -> Iterator[Callable[[Clinic], Physician]]:
    made: list[Physician] = []

    def meet(clinic: Clinic) -> Physician:
        made.append(Physician(stack, clinic.address))
        return made[-1]

    yield meet
    for item in made:
        item.http.close()


def published(stack: Stack) -> set[str]:
    found = stack.client("s3").get_object(Bucket=stack.outputs["Bucket"], Key="certificates/published.pem")
    return {chain.fingerprint(item) for item in chain.read_pem(found["Body"].read())}


def accepted(data: bytes, folder: Path) -> None:
    """Assert that two independent readers, qpdf and pdfsig, accept the sealed file."""
    file = folder / "sealed.pdf"
    file.write_bytes(data)
    subprocess.run(["qpdf", "--check", file], check=True, capture_output=True)
    seen = subprocess.run(["pdfsig", file], check=False, capture_output=True, text=True).stdout
    assert "Signature is Valid" in seen, seen
    assert "Total document signed" in seen


def test_a_signed_document_is_sealed_with_the_kms_key(
    clinic: Clinic, physician: Callable[[Clinic], Physician], stack: Stack, tmp_path: Path
) -> None:
    document_id = clinic.send(samples.plan_of_care())
    physician(clinic).sign(document_id)
    data = clinic.sealed(document_id)

    accepted(data, tmp_path)
    finding = verification.verify(data, published(stack))
    assert finding.verdict == "intact"
    assert finding.seal is not None
    assert finding.seal.document_id == document_id
    assert finding.seal.reason.startswith("Signed electronically by Luis")
    assert ", MD" in finding.seal.reason
    assert clinic.document(document_id)["sealing"] == "sealed"


def test_a_declined_document_is_sealed_too(
    clinic: Clinic, physician: Callable[[Clinic], Physician], stack: Stack, tmp_path: Path
) -> None:
    document_id = clinic.send(samples.plan_of_care())
    physician(clinic).decline(document_id)
    data = clinic.sealed(document_id)

    accepted(data, tmp_path)
    finding = verification.verify(data, published(stack))
    assert (finding.verdict, finding.seal and finding.seal.reason.split()[0]) == ("intact", "Declined")


def read_text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def checked_at_verify(stack: Stack, pdf: bytes, *, read: Callable[[str], str] = read_text) -> str:
    """Upload a PDF at `/verify` as a browser does, and return the page with the result, converted by `read`.

    The browser sends the form to the bucket and follows the redirect."""
    with stack.browser() as http:
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


def test_anyone_can_verify_a_sealed_file(
    clinic: Clinic, physician: Callable[[Clinic], Physician], stack: Stack
) -> None:
    document_id = clinic.send(samples.plan_of_care())
    physician(clinic).decline(document_id)
    data = clinic.sealed(document_id)

    page = checked_at_verify(stack, data)
    assert "Genuine and unchanged" in page
    assert document_id in page
    assert "Ada" not in page
    assert "Byron" not in page
    assert "Not what was sealed" in checked_at_verify(stack, data.replace(b"/MediaBox", b"/MediaBux"))
    assert "No seal in this file" in checked_at_verify(stack, samples.plan_of_care())
    left = stack.client("s3").list_object_versions(Bucket=stack.outputs["Bucket"], Prefix="uploads/verify/")
    assert (left.get("Versions", []), left.get("DeleteMarkers", [])) == ([], [])
    pem = stack.http.get("/verify/certificates").content
    assert {chain.fingerprint(item) for item in chain.read_pem(pem)} == published(stack)


@pytest.mark.parametrize("attack", [attacks.later_signature, attacks.filled_field, attacks.shadow, attacks.overwritten])
def test_something_added_to_a_sealed_file_is_not_genuine(
    attack: Callable[[bytes], bytes], clinic: Clinic, physician: Callable[[Clinic], Physician], stack: Stack
) -> None:
    document_id = clinic.send(samples.plan_of_care())
    physician(clinic).decline(document_id)
    sealed = clinic.sealed(document_id)

    page = checked_at_verify(stack, attack(sealed), read=str)
    assert "Signed by us, and something was added" in page
    (place,) = re.findall(r'href="(http[^"]+signed[^"]+)"', page)
    assert httpx.get(html.unescape(place)).content == sealed


def test_layers_by_usage_are_sealed_as_the_signer_saw_them(
    clinic: Clinic, physician: Callable[[Clinic], Physician], stack: Stack
) -> None:
    document_id = clinic.send(sealing_key.sign_as_another(attacks.layers_by_usage()))
    physician(clinic).decline(document_id)
    sealed = clinic.sealed(document_id)
    assert b"/OCG" not in sealed
    assert find_picture_fault(attacks.layers_by_usage(), sealed, None, ()) == ""
    assert "Genuine and unchanged" in checked_at_verify(stack, sealed)
