"""Test three ways to get a signature that says something wrong, such as a wrong signer, on the deployed portal."""

import html
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from PIL import ImageDraw
from pypdf import PdfReader, PdfWriter

from chalicelib.pdf.signing.verification import read_signatures
from chalicelib.services.labels import CONSENT_TEXTS
from chalicelib.services.review.decisions import CONSENT_VERSION
from tests.support.integration.signing import Clinic, Physician, a_physician, find_in_mail
from tests.support.pdf import sample_pdfs as samples
from tests.support.stack import Stack, wait_until
from tests.support.who_sees_what import an_npi

ORIGINAL = samples.plan_of_care()


@dataclass(frozen=True)
class Office:
    """A clinic, and a physician with an account, to whom the clinic has sent documents before."""

    clinic: Clinic
    physician: Physician
    npi: str


@pytest.fixture(scope="module")
def office(stack: Stack) -> Iterator[Office]:
    clinic, npi = Clinic(stack, stack.practice()), an_npi()
    clinic.send(ORIGINAL, npi=npi)
    with a_physician(stack, clinic.address) as physician:
        yield Office(clinic, physician, npi)


class CodeReader:
    """A person without an account who reads a mailbox, and who opens one document with the code emailed there."""

    def __init__(self, http: httpx.Client, stack: Stack, mailbox: str, document_id: str) -> None:
        self.http = http
        self.where = f"/by-hand/{document_id}"
        self.post(f"{self.where}/code", at=self.where)
        code = find_in_mail(stack, mailbox, r"Your code: (\d{6})\b")
        assert self.post(self.where, at=self.where, code=code).status_code == httpx.codes.SEE_OTHER
        wait_until(lambda: "data-upload" in self.page(), 120, "the pages of the document")
        self.confirmation = self._store(as_pictures(signed=True))

    def page(self) -> str:
        return self.http.get(f"{self.where}/document").text

    def post(self, path: str, *, at: str, **fields: str) -> httpx.Response:
        (token, *_) = re.findall(r'name="csrf" value="([^"]+)"', self.http.get(at).text)
        return self.http.post(path, data={"csrf": token, **fields})

    def upload(self, scan: bytes, signer: str) -> httpx.Response:
        """Upload a file as the scan of the signed page, and confirm it under the name of this signer.

        The page that shows the upload would refuse it already. So the form's token is that of a good scan's page, as an
        attacker would take it. Return the response to the confirmation."""
        (key,) = parse_qs(urlsplit(self._store(scan)).query)["key"]
        return self.post(f"{self.where}/signed", at=self.confirmation, key=key, signer_name=signer)

    def _store(self, scan: bytes) -> str:
        """Upload a file as a scan, and return the path of the page that shows the scan."""
        page = self.page()
        (action,) = re.findall(r'action="(http[^"]+)"', page)
        found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page)
        fields = {name: html.unescape(value) for name, value in found if name != "csrf"}
        place = httpx.post(action, data=fields, files={"file": ("scan.pdf", scan, "application/pdf")}, timeout=60)
        return "/" + place.headers["location"].split("//", 1)[1].partition("/")[2]


def saved_again(*, backwards: bool = False) -> bytes:
    """Return the unsigned original, rewritten by another program, as if it were a signed scan.

    With `backwards`, the pages are in reverse order. The portal must notice that nothing was signed."""
    writer, target = PdfWriter(), io.BytesIO()
    for page in PdfReader(io.BytesIO(ORIGINAL)).pages[:: -1 if backwards else 1]:
        writer.add_page(page)
    writer.write(target)
    return target.getvalue()


def as_pictures(*, signed: bool = False) -> bytes:
    pages = [samples.raster(ORIGINAL, page, scale=2).convert("RGB") for page in (1, 2, 3)]
    if signed:
        points = [(260, 1330), (300, 1250), (330, 1340), (380, 1270), (430, 1335), (520, 1290)]
        ImageDraw.Draw(pages[2]).line(points, fill="navy", width=4)
    target = io.BytesIO()
    pages[0].save(target, "PDF", save_all=True, append_images=pages[1:], resolution=144)
    return target.getvalue()


def certificate_text(sealed: bytes) -> str:
    """Return the text of the certificate pages at the end of a sealed PDF, which name the signer."""
    return " ".join(samples.one_line(text) for text in samples.texts(sealed)[len(samples.texts(ORIGINAL)) :])


def test_a_clinics_own_mailbox_signs_nothing_as_the_physician(office: Office, stack: Stack) -> None:
    clinic, name = office.clinic, office.physician.name
    mailbox = f"front.desk.{clinic.address}"
    document_id = clinic.send(ORIGINAL, npi=office.npi, email=mailbox)
    with stack.browser() as http:
        reader = CodeReader(http, stack, mailbox, document_id)
        for scan in (ORIGINAL, saved_again(), saved_again(backwards=True), as_pictures()):
            answer = reader.upload(scan, name)
            assert (answer.status_code, "without a signature" in answer.text) == (422, True)
        assert clinic.document(document_id)["status"] == "pending"
        assert reader.upload(as_pictures(signed=True), name).status_code == httpx.codes.SEE_OTHER
    sealed = clinic.sealed(document_id)
    assert read_signatures(sealed)[-1].reason == f"Received as signed by hand; the uploader named {name}"
    text = certificate_text(sealed)
    assert office.npi not in text.partition("Addressed to")[0]
    assert f"someone who entered the code sent to fron…@{mailbox.partition('@')[2]}, an address given by" in text
    assert find_in_mail(stack, clinic.address, rf"(?s)not from your account.*?/documents/{document_id}")


def test_pages_are_shown_only_if_the_portal_gave_them_out(office: Office) -> None:
    document_id = office.clinic.send(ORIGINAL, npi=office.npi)
    where, physician = f"/documents/{document_id}", office.physician
    form = {"typed_name": physician.name, "consent": CONSENT_VERSION}

    def approve(**fields: str) -> httpx.Response:
        (token, *_) = re.findall(r'name="csrf" value="([^"]+)"', physician.http.get("/documents").text)
        return physician.http.post(f"{where}/approve", data={"csrf": token, **form, **fields})

    unopened = approve(pages_shown="1,2,3", read_statement="yes")
    assert unopened.status_code == 422
    assert "Not signed yet" in unopened.text
    wait_until(lambda: "data-approve" in physician.http.get(where).text, 120, "the pages of the document")
    assert approve(pages_shown="1,2,3").status_code == 422
    assert office.clinic.document(document_id)["status"] == "pending"
    physician.sign(document_id)
    text = certificate_text(office.clinic.sealed(document_id))
    assert re.search(r"1 \(\d\d:\d\d:\d\d UTC\), 2 \(.{12}\), 3 \(.{12}\), as reported by the browser", text)
    assert CONSENT_TEXTS[CONSENT_VERSION] in text
    assert "proved to read email at dr." in text
