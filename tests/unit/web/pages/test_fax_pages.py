"""Test the page `/fax`, where the code of a fax opens a document by hand or adds it to an account."""

import re
from dataclasses import replace
from html import escape

import pytest

from chalicelib import bootstrap
from chalicelib.domain.documents import DeliveryChoice, Document
from chalicelib.pdf.fax_pages import cover_link, link_stem, page_link
from chalicelib.services.documents.recorder import Actor
from chalicelib.services.review.hand_codes import create_fax_code
from chalicelib.services.transaction import Change
from tests.support.accounts import EMAIL, PASSWORD, give_account
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import OTHER_PROVIDER, PROVIDER, a_document, a_fax, a_store

ADDRESSEE = replace(PROVIDER, id="prv_faxed", email=None, password_hash=None)
FAXED = a_document(
    provider_id=ADDRESSEE.id, addressee=replace(a_document().addressee, email=None), delivery=DeliveryChoice.FAX
)
PATIENT = re.compile(r"Ada|Byron|1950|PT-77|Plan of Care", re.IGNORECASE)


def code_of(portal: Portal, document: Document) -> str:
    """Store a fax of this document, and return the code on its cover page."""
    return create_fax_code(portal.fake_store, document, a_fax(document), portal.time.now(), portal.ids)


@pytest.fixture
def portal() -> Portal:
    made = Portal(a_store(FAXED))
    made.store.commit(Change(at=START, providers=(ADDRESSEE,)))
    give_account(made, PROVIDER)
    bootstrap.install(made)
    return made


@pytest.fixture
def code(portal: Portal) -> str:
    return code_of(portal, FAXED)


@pytest.fixture
def owner(portal: Portal) -> Browser:
    browser = portal.browser()
    assert browser.log_in(EMAIL, PASSWORD, "/fax").status_code == 303
    return browser


def accesses(portal: Portal) -> list[tuple[str, str]]:
    events = portal.fake_store.access_events(FAXED.id, limit=100, before=None).items
    return [(event.what, event.actor) for event in events][::-1]


# Without an account


def test_the_code_leads_to_the_page_for_signing_by_hand(portal: Portal, code: str) -> None:
    browser = portal.browser()
    page = browser.get("/fax")
    assert 'action="/fax"' in page.body.decode()
    assert not PATIENT.search(text(page))
    sent = browser.post("/fax", code=code)
    assert header(sent, "location") == f"/by-hand/{FAXED.id}/document"
    opened = browser.get(f"/by-hand/{FAXED.id}/document")
    assert "Ada Byron" in text(opened)
    assert 'href="/login?next=/fax"' in opened.body.decode()
    assert accesses(portal) == [("page", "by_hand:prv_faxed")]


def test_every_refused_code_gets_the_same_page(portal: Portal, code: str) -> None:
    gone = FAXED.recall(None, START)
    assert gone is not None
    portal.store.commit(Change(at=START, documents=(replace(gone, version=2),)))
    pages = []
    for typed in (code, "AAAA-AAAA-AAAA", "ABCD-EFGH", "123456", "", "<b>"):
        response = Browser({"__Host-csrf": "token"}).post("/fax", {"code": typed})
        assert response.status_code == 422
        assert f'value="{escape(typed)}"' in response.body.decode()
        pages.append(re.sub(r' value="[^"]*"', "", response.body.decode()))
    assert pages == pages[:1] * len(pages)
    assert "That code did not open a document." in pages[0]
    assert 'data-history-url="/fax"' in pages[0]


def test_a_source_that_guesses_codes_must_wait_and_is_counted_for_the_alarm(
    portal: Portal, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = portal.browser()
    statuses = [browser.post("/fax", code="AAAA-AAAA-AAAA").status_code for _ in range(40)]
    assert statuses[0] == 422
    assert statuses[-1] == 429
    assert browser.post("/fax", code=code).status_code == 429
    assert capsys.readouterr().out.count('"RefusedCredentials":[1') >= 40
    portal.time.pass_time(hours=2)
    assert browser.post("/fax", code=code).status_code == 303


def test_no_code_is_in_an_address_or_in_the_log(
    portal: Portal, code: str, owner: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    for browser, path in ((portal.browser(), "/fax"), (owner, "/fax/add")):
        response = browser.post(path, code=code)
        assert code.replace("-", "") not in header(response, "location").replace("-", "")
    assert code not in capsys.readouterr().out


# In an account


def test_login_leads_to_the_page_and_the_page_adds_the_document(portal: Portal, code: str) -> None:
    browser = portal.browser()
    assert "/login?next=/fax" in browser.get("/fax").body.decode()
    assert header(browser.log_in(EMAIL, PASSWORD, "/fax"), "location") == "/fax"
    page = browser.get("/fax")
    assert 'action="/fax/add"' in page.body.decode()
    assert "Add this document" in text(page)
    assert "Ada Byron" not in text(browser.get("/documents"))
    added = browser.post("/fax/add", code=code)
    assert header(added, "location") == f"/documents/{FAXED.id}"
    portal.time.pass_time(seconds=1)
    assert "Ada Byron" in text(browser.get("/documents"))
    assert "Ada Byron" in text(browser.get(f"/documents/{FAXED.id}"))
    # Events of one moment have no order.
    assert sorted(accesses(portal)) == [("added", f"provider:{PROVIDER.id}"), ("page", f"provider:{PROVIDER.id}")]


def test_the_added_document_is_signed_from_the_account(portal: Portal, code: str, owner: Browser) -> None:
    owner.post("/fax/add", code=code)
    form = {"typed_name": "Luis Rivera", "read_statement": "yes", "pages_shown": "1,2,3", "consent": "2026-11"}
    assert owner.post(f"/documents/{FAXED.id}/approve", form).status_code == 303
    document = portal.store.document(FAXED.id)
    assert document is not None
    assert document.decision is not None
    assert document.decision.signer.identity is not None
    assert document.decision.signer.identity.statement == (
        "Account of a person who proved to read email at another address than this document's. The owner added the "
        "document with the code on a fax to …0100, a number given by Hill Country Therapy. NPI stated by Hill Country "
        "Therapy."
    )


def test_a_document_in_the_list_is_just_opened(portal: Portal, code: str, owner: Browser) -> None:
    for _ in range(2):
        assert header(owner.post("/fax/add", code=code), "location") == f"/documents/{FAXED.id}"
    assert [what for what, _ in accesses(portal)] == ["added"]


def test_a_document_for_another_person_is_offered_by_hand(portal: Portal, owner: Browser) -> None:
    addressee = replace(FAXED.addressee, first_name="Jane", last_name="Okafor", npi=OTHER_PROVIDER.npi)
    other = replace(FAXED, id="doc_other", addressee=addressee)
    portal.store.commit(Change(at=START, documents=(other,)))
    code = code_of(portal, other)
    refused = owner.post("/fax/add", code=code)
    assert refused.status_code == 409
    assert "This document is for another person" in text(refused)
    assert "addressed to Jane Okafor" in text(refused)
    assert not PATIENT.search(text(refused))
    assert owner.get("/documents/doc_other").status_code == 404
    page = refused.body.decode()
    (action,) = re.findall(r'action="(/by-hand/[^"]+)"', page)
    (typed,) = re.findall(r'name="code" value="([^"]+)"', page)
    assert header(owner.post(action, code=typed), "location") == "/by-hand/doc_other/document"
    assert "Ada Byron" in text(owner.get("/by-hand/doc_other/document"))


def test_a_document_in_another_account_is_offered_by_hand(portal: Portal, code: str, owner: Browser) -> None:
    namesake = replace(PROVIDER, id="prv_8", email="luis@elsewhere.example")
    portal.store.commit(Change(at=START, providers=(namesake,)))
    portal.fax_documents.add(code, namesake, Actor(f"provider:{namesake.id}"), START)
    refused = owner.post("/fax/add", code=code)
    assert refused.status_code == 409
    assert "This document is in another account" in text(refused)
    assert "elsewhere" not in text(refused)
    assert owner.get(f"/documents/{FAXED.id}").status_code == 404


def test_nothing_is_added_before_a_required_second_factor(portal: Portal, code: str, owner: Browser) -> None:
    portal.switches.portal_requires = True  # type: ignore[attr-defined]  # - the fake
    assert header(owner.post("/fax/add", code=code), "location").startswith("/account/second-factor")
    document = portal.store.document(FAXED.id)
    assert document is not None
    assert document.granted is None


def test_an_ended_session_adds_nothing(portal: Portal, code: str, owner: Browser) -> None:
    portal.time.pass_time(minutes=16)
    assert header(owner.post("/fax/add", code=code), "location") == "/login?reason=ended"
    document = portal.store.document(FAXED.id)
    assert document is not None
    assert document.granted is None


@pytest.mark.parametrize("path", ["/documents", "/login"])
def test_the_lists_and_the_login_page_link_to_the_page(portal: Portal, owner: Browser, path: str) -> None:
    browser = owner if path == "/documents" else portal.browser()
    assert 'href="/fax"' in browser.get(path).body.decode()


# Not your patient?


@pytest.mark.parametrize("path", ["/fax", f"/by-hand/{FAXED.id}"])
def test_the_pages_of_the_code_lead_to_the_report(portal: Portal, path: str) -> None:
    assert 'href="/fax/report"' in portal.browser().get(path).body.decode()


def test_the_document_of_a_fax_leads_to_the_report(portal: Portal, code: str) -> None:
    browser = portal.browser()
    browser.post("/fax", code=code)
    assert 'href="/fax/report"' in browser.get(f"/by-hand/{FAXED.id}/document").body.decode()


def test_opening_the_page_of_the_report_changes_nothing(portal: Portal, code: str) -> None:
    browser = portal.browser()
    page = browser.get(f"/fax/report?code={code}")
    assert 'action="/fax/report"' in page.body.decode()
    assert code not in page.body.decode()
    assert browser.get("/fax/reported").status_code == 200
    assert portal.store.document(FAXED.id) == FAXED
    assert accesses(portal) == []


def test_a_report_shows_no_document_and_is_recorded(portal: Portal, code: str) -> None:
    browser = portal.browser()
    for _ in range(2):
        sent = browser.post("/fax/report", code=code)
        assert (sent.status_code, header(sent, "location")) == (303, "/fax/reported")
    page = browser.get("/fax/reported")
    assert "Thank you" in text(page)
    assert not PATIENT.search(text(page))
    assert FAXED.practice.name not in text(page)
    assert accesses(portal) == [("reported", "visitor")] * 2
    document = portal.store.document(FAXED.id)
    assert document is not None
    assert document.attention == "wrong_number"


def test_a_report_with_a_wrong_code_says_what_the_fax_page_says(
    portal: Portal, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    del code
    refused = portal.browser().post("/fax/report", code="AAAA-AAAA-AAAA")
    assert refused.status_code == 422
    assert "That code did not open a document." in text(refused)
    assert 'value="AAAA-AAAA-AAAA"' in refused.body.decode()
    assert 'data-history-url="/fax/report"' in refused.body.decode()
    assert "RefusedCredentials" in capsys.readouterr().out
    assert portal.store.document(FAXED.id) == FAXED


def test_a_report_needs_the_form_of_the_page(portal: Portal, code: str) -> None:
    assert Browser({"__Host-csrf": "token"}).post_raw("/fax/report", {"code": code}).status_code == 403
    assert portal.store.document(FAXED.id) == FAXED


# The QR code of a faxed page


def test_a_scanned_page_leads_to_the_page_where_the_code_opens_the_document(portal: Portal) -> None:
    stem = link_stem("https://portal.test", FAXED.id, "9f86d0" * 8)
    for number in (0, 2):
        response = portal.browser().get(page_link(stem, number).removeprefix("HTTPS://PORTAL.TEST"))
        assert (response.status_code, header(response, "location")) == (303, f"/by-hand/{FAXED.id}")


def test_a_scanned_cover_brings_its_code_in_the_part_that_browsers_do_not_send(portal: Portal) -> None:
    link = cover_link(link_stem("https://portal.test", FAXED.id, "9f86d0" * 8), "ACDE-FGHJ-KMNP")
    response = portal.browser().get(link.removeprefix("HTTPS://PORTAL.TEST"))
    assert header(response, "location") == f"/by-hand/{FAXED.id}#ACDEFGHJKMNP"


def test_a_scanned_page_that_cannot_be_read_leads_to_the_page_for_the_code(portal: Portal) -> None:
    response = portal.browser().get("/F/MFRGG.9F86D0")
    assert (response.status_code, header(response, "location")) == (303, "/fax")
