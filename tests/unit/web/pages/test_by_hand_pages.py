import re
from dataclasses import replace
from urllib.parse import quote

import pytest
from chalice.test import HTTPResponse

from chalicelib import bootstrap
from chalicelib.domain.documents import Document, ReturnedMethod
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.review.hand_codes import create_code
from chalicelib.services.transaction import Change
from tests.support.fakes import START, FakeInspector
from tests.support.portal import Browser, Portal, header, set_cookies, text
from tests.support.provider_fixtures import a_delivery, a_document, a_store

ID = "doc_abcdef123456"
DOOR = f"/by-hand/{ID}"
KEY = f"uploads/scans/{ID}/scn_1"


@pytest.fixture
def portal() -> Portal:
    portal = Portal(a_store(a_document()))
    portal.files.put(KEY, b"%PDF a scan", "application/pdf")
    portal.inspector = FakeInspector({"sha256": "5ca4", "media_type": "application/pdf", "pages": 1})
    bootstrap.install(portal)
    return portal


def stored(portal: Portal) -> Document:
    document = portal.store.document(ID)
    assert document is not None
    return document


def a_code(portal: Portal) -> str:
    return create_code(portal.store, stored(portal), a_delivery(stored(portal)), portal.time.now(), portal.ids)


def inside(portal: Portal) -> Browser:
    browser = Browser()
    browser.post(DOOR, code=a_code(portal))
    return browser


def strip_variable_parts(response: HTTPResponse) -> str:
    """Return a page without the document's id and without random parts, so that a test can compare two pages."""
    shown = re.sub(f"{ID}|doc_unknown", "(id)", response.body.decode())
    return re.sub(r'name="csrf" value="[^"]+"', "token", shown)


@pytest.mark.usefixtures("portal")
def test_the_code_form_is_the_same_for_every_id() -> None:
    browser = Browser()
    known, unknown = browser.get(DOOR), browser.get("/by-hand/doc_unknown")
    assert strip_variable_parts(known) == strip_variable_parts(unknown)


ONLINE = "Prefer to sign online?"


@pytest.mark.parametrize("on", [True, False])
def test_signing_online_is_offered_only_if_it_is_possible(portal: Portal, *, on: bool) -> None:
    portal.switches.set_electronic_signature("prc_1", on=on)
    browser = Browser()
    account = "Have an account, or want one?"
    assert (account in text(browser.get(DOOR))) is on
    assert (account in text(browser.get(f"{DOOR}?asked=yes"))) is on
    assert (account in text(browser.post(DOOR, code="000000"))) is on
    document = inside(portal).get(f"{DOOR}/document")
    assert "This page stays open for 60 minutes." in text(document)
    assert (ONLINE in text(document)) is on


def test_requesting_a_code_responds_the_same_for_every_id(portal: Portal) -> None:
    browser = Browser()
    known, unknown = browser.post(f"{DOOR}/code"), browser.post("/by-hand/doc_unknown/code")
    assert header(known, "Location") == f"{DOOR}?asked=yes"
    assert header(unknown, "Location") == "/by-hand/doc_unknown?asked=yes"
    assert [message.type for message in portal.mails()] == ["code"]
    assert "Check your email" in text(browser.get(f"{DOOR}?asked=yes"))


def test_a_wrong_code_gets_the_same_error_for_every_id(portal: Portal) -> None:
    a_code(portal)
    browser = Browser()
    known, unknown = browser.post(DOOR, code="999999"), browser.post("/by-hand/doc_unknown", code="999999")
    assert known.status_code == unknown.status_code == 422
    assert strip_variable_parts(known) == strip_variable_parts(unknown)
    assert "__Host-by-hand" not in browser.cookies


def test_the_code_opens_the_document(portal: Portal) -> None:
    browser = Browser()
    answer = browser.post(DOOR, code=a_code(portal))
    assert (answer.status_code, header(answer, "Location")) == (303, f"{DOOR}/document")
    cookie = next(text for text in set_cookies(answer) if text.startswith("__Host-by-hand="))
    assert cookie.endswith("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600")
    page = browser.get(f"{DOOR}/document")
    for shown in ("Ada Byron", "Print", "Download", "Sign and date", "(512) 555-0188", "The signed document"):
        assert shown in text(page)
    assert page.body.count(b"<img") == 3
    assert stored(portal).viewed_at == START


def test_without_the_code_every_path_leads_to_the_code_form(portal: Portal) -> None:
    for path in ("document", "original.pdf", "uploaded"):
        answer = Browser().get(f"{DOOR}/{path}")
        assert (answer.status_code, header(answer, "Location")) == (303, DOOR)
    answer = Browser().post(f"{DOOR}/signed", key=KEY, signer_name="Luis Rivera")
    assert (answer.status_code, header(answer, "Location")) == (303, DOOR)
    assert stored(portal).status is Status.PENDING


def test_a_page_fetched_in_advance_is_neither_a_view_nor_a_transmission(portal: Portal) -> None:
    browser = inside(portal)
    for path in (f"{DOOR}/document", f"{DOOR}/original.pdf"):
        assert browser.get(path, **{"sec-purpose": "prefetch"}).status_code == 425
    assert (stored(portal).viewed_at, stored(portal).transmitted_at) == (None, None)
    assert browser.get(f"{DOOR}/document").status_code == 200
    assert stored(portal).viewed_at is not None


@pytest.mark.parametrize("form", ["", "/code"])
def test_a_scanner_that_follows_the_link_and_sends_empty_forms_opens_nothing(portal: Portal, form: str) -> None:
    scanner = portal.browser()
    for path in (DOOR, f"{DOOR}/document", f"{DOOR}/original.pdf", f"/documents/{stored(portal).id}"):
        scanner.get(path)
    scanner.post(f"{DOOR}{form}")
    assert (stored(portal).viewed_at, stored(portal).transmitted_at) == (None, None)


def test_a_visit_ends_after_an_hour(portal: Portal) -> None:
    browser = inside(portal)
    portal.time.pass_time(minutes=60)
    assert header(browser.get(f"{DOOR}/document"), "Location") == DOOR


def test_a_visit_does_not_open_another_document(portal: Portal) -> None:
    portal.store.commit(Change(at=START, documents=(a_document(id="doc_other"),)))
    answer = inside(portal).get("/by-hand/doc_other/document")
    assert header(answer, "Location") == "/by-hand/doc_other"


def test_the_pdf_can_be_printed_and_downloaded(portal: Portal) -> None:
    browser = inside(portal)
    shown = header(browser.get(f"{DOOR}/original.pdf"), "Location")
    kept = header(browser.get(f"{DOOR}/original.pdf?download=yes"), "Location")
    assert "as=inline" in shown
    assert "as=attachment" in kept
    assert "file_name=plan-of-care-123456.pdf" in kept


def test_the_upload_form_posts_to_the_bucket_with_the_file_last(portal: Portal) -> None:
    page = inside(portal).get(f"{DOOR}/document").body.decode()
    form = re.search(r'<form[^>]*action="https://files.test"[^>]*multipart/form-data.*?</form>', page, re.DOTALL)
    assert form
    names = re.findall(r'name="([^"]+)"', form[0])
    assert names[-1] == "file"
    assert "key" in names
    assert "csrf" not in names, "the bucket would refuse a field that its policy does not name"
    assert "https://files.test" in header(inside(portal).get(f"{DOOR}/document"), "Content-Security-Policy")


def test_the_signed_scan_is_confirmed_and_recorded(portal: Portal) -> None:
    browser = inside(portal)
    page = browser.get(f"{DOOR}/uploaded?bucket=b&key={KEY}&etag=e")
    assert 'name="signer_name" type="text" value="Luis Rivera"' in page.body.decode()
    assert 'name="sha256" value="5ca4"' in page.body.decode()
    replaced = browser.post(f"{DOOR}/signed", key=KEY, signer_name="Luis Rivera", sha256="beef")
    assert (replaced.status_code, stored(portal).status) == (422, Status.PENDING)
    answer = browser.post(f"{DOOR}/signed", key=KEY, signer_name="Luis Rivera", sha256="5ca4")
    assert (answer.status_code, header(answer, "Location")) == (303, f"{DOOR}/document")
    document = stored(portal)
    assert (document.status, document.outcome) == (Status.APPROVED, Outcome.BY_HAND)
    assert portal.store.events(ID)[-1].actor == "by_hand:prv_1"
    thanks = browser.get(f"{DOOR}/document")
    assert "Thank you. The signed copy has arrived." in text(thanks)
    assert b"multipart/form-data" not in thanks.body


def test_it_works_with_electronic_signature_off(portal: Portal) -> None:
    portal.switches.set_electronic_signature("prc_1", on=False)
    browser = inside(portal)
    browser.post(f"{DOOR}/signed", key=KEY, signer_name="Luis Rivera")
    assert stored(portal).outcome is Outcome.BY_HAND


def test_an_unknown_upload_key_is_not_confirmed(portal: Portal) -> None:
    browser = inside(portal)
    portal.files.put("uploads/scans/doc_other/scn_1", b"a scan", "application/pdf")
    answer = browser.get(f"{DOOR}/uploaded?key=uploads/scans/doc_other/scn_1")
    assert header(answer, "Location") == f"{DOOR}/document"


@pytest.mark.parametrize("name", ["scn_2", "Jo-Doe", "Jo Doe", "", "../doc_other/scn_1"])
def test_the_page_repeats_only_the_key_of_an_existing_upload(portal: Portal, name: str) -> None:
    answer = inside(portal).get(f"{DOOR}/uploaded?key=uploads/scans/{ID}/{quote(name)}")
    assert header(answer, "Location") == f"{DOOR}/document"


def test_an_unusable_file_is_refused_next_to_the_upload(portal: Portal) -> None:
    refusal = {"code": "not_a_scan", "detail": "A signed scan has to be a PDF, JPEG or PNG file."}
    portal.inspector = FakeInspector({"refused": refusal})
    browser = inside(portal)
    answer = browser.post(f"{DOOR}/signed", key=KEY, signer_name="Luis Rivera")
    assert answer.status_code == 422
    assert "A signed scan has to be a PDF, JPEG or PNG file." in text(answer)
    assert "We couldn't accept your scan" in text(answer)
    assert b"multipart/form-data" in answer.body


def test_a_file_that_is_no_scan_is_refused_before_anybody_confirms_it(portal: Portal) -> None:
    refusal = {"code": "not_a_scan", "detail": "A signed scan has to be a PDF, JPEG or PNG file."}
    portal.inspector = FakeInspector({"refused": refusal})
    browser = inside(portal)
    for answer in (browser.get(f"{DOOR}/uploaded?key={KEY}"), browser.post(f"{DOOR}/signed", key=KEY, signer_name="")):
        assert answer.status_code == 422
        assert "A signed scan has to be a PDF, JPEG or PNG file." in text(answer)
        assert "Yes, this is the signed document" not in text(answer)
        assert b"multipart/form-data" in answer.body


@pytest.mark.parametrize(
    ("media_type", "pages", "count"),
    [
        ("image/jpeg", 1, "Your file has 1 page."),
        ("application/pdf", 2, "The pages can't be shown right now. Your file has 2 pages."),
    ],
)
def test_the_upload_is_shown_before_it_is_confirmed(portal: Portal, media_type: str, pages: int, count: str) -> None:
    portal.inspector = FakeInspector({"sha256": "5ca4", "media_type": media_type, "pages": pages})
    page = inside(portal).get(f"{DOOR}/uploaded?key={KEY}")
    assert count in text(page)
    pictures = re.findall(r'<img class="scan__page" src="([^"]+)" alt="Page 1 of your upload">', page.body.decode())
    assert len(pictures) == (0 if media_type == "application/pdf" else 1)
    assert all(KEY in picture for picture in pictures)


def test_a_missing_name_is_requested_without_a_new_upload(portal: Portal) -> None:
    answer = inside(portal).post(f"{DOOR}/signed", key=KEY, signer_name="")
    assert answer.status_code == 422
    assert "Enter the name of the person who signed." in text(answer)
    assert f'name="key" value="{KEY}"' in answer.body.decode()


def test_a_form_without_a_name_shows_no_other_file_of_the_bucket(portal: Portal) -> None:
    other = "signed/doc_other/signed.pdf"
    portal.files.put(other, b"the file of another patient", "image/png")
    portal.inspector = FakeInspector({"sha256": "5ca4", "media_type": "image/png", "pages": 1})
    answer = inside(portal).post(f"{DOOR}/signed", key=other, signer_name="")
    assert (answer.status_code, portal.inspector.asked) == (422, [])
    assert "Choose the file again." in text(answer)
    assert other not in answer.body.decode()


def test_a_decision_during_the_visit_is_explained(portal: Portal) -> None:
    browser = inside(portal)
    returned = stored(portal).mark_returned(ReturnedMethod.FAX, START)
    assert returned is not None
    portal.store.commit(Change(at=START, documents=(replace(returned, version=returned.version + 1),)))
    answer = browser.post(f"{DOOR}/signed", key=KEY, signer_name="Luis Rivera")
    assert answer.status_code == 409
    assert "Your scan was not recorded" in text(answer)
    assert "The clinic already has this document back" in text(answer)


def test_a_recall_ends_the_visit(portal: Portal) -> None:
    browser = inside(portal)
    recalled = stored(portal).recall(None, START)
    assert recalled is not None
    portal.store.commit(Change(at=START, documents=(replace(recalled, version=recalled.version + 1),)))
    assert header(browser.get(f"{DOOR}/document"), "Location") == DOOR
