import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from chalice.test import HTTPResponse

from chalicelib.domain.documents import (
    Decision,
    Document,
    Patient,
    ReturnedMethod,
    Sealing,
    Signer,
    SigningMethod,
    StoredPdf,
)
from chalicelib.domain.status import Action, Outcome, Status
from chalicelib.services.review.decisions import CONSENT_VERSION
from chalicelib.services.transaction import Change
from chalicelib.web.http.request_parsing import make_form_token
from tests.support.accounts import logged_in, portal_with
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import OTHER_PROVIDER, a_document

SIGNED = StoredPdf(key="signed/doc_abcdef123456/ab.pdf", sha256="ab", pages=4)
REVIEW = "/documents/doc_abcdef123456"


@pytest.fixture
def portal() -> Portal:
    return portal_with()


def put(portal: Portal, **changes: Any) -> Document:
    document = a_document(**changes)
    portal.store.commit(Change(at=START, documents=(document,)))
    return document


def stored(portal: Portal) -> Document:
    document = portal.store.document("doc_abcdef123456")
    assert document is not None
    return document


def title(response: HTTPResponse) -> str:
    match = re.search(r"<title>(.*?) ·", response.body.decode())
    assert match
    return match[1]


def approve(
    browser: Browser, *, typed_name: str = "Luis Rivera", pages_shown: str = "1,2,3", note: str = "Looks right."
) -> HTTPResponse:
    path = f"{REVIEW}/approve"
    return browser.post(path, typed_name=typed_name, pages_shown=pages_shown, note=note, consent=CONSENT_VERSION)


# Lists


def test_pending_lists_documents_and_counts_them_in_the_title(portal: Portal) -> None:
    put(portal)
    page = logged_in(portal).get("/documents")
    assert title(page) == "1 pending"
    for shown in (
        "Ada Byron",
        "Plan of Care, initial evaluation",
        "Hill Country Therapy",
        "Sent Nov 20, 2026",
        "Due Dec 20, 2026",
        "3 pages",
        "Due in 28 days",
        "Review",
    ):
        assert shown in text(page)
    assert f'href="{REVIEW}"' in page.body.decode()


def test_past_due_depends_on_the_date_at_the_practice(portal: Portal) -> None:
    put(portal, due_on=START.date())
    browser = logged_in(portal)
    assert "Due today" in text(browser.get("/documents"))
    portal.time.pass_time(hours=11)
    browser = logged_in(portal)
    assert portal.time.now().date() > START.date(), "it is the next day in UTC, and not yet in Chicago"
    portal.time.pass_time(minutes=-1)
    assert "Due today" in text(browser.get("/documents"))
    portal.time.pass_time(minutes=2)
    assert "Past due (certification due Nov 22)" in text(logged_in(portal).get("/documents"))


def test_an_empty_pending_list_says_so(portal: Portal) -> None:
    page = logged_in(portal).get("/documents")
    assert title(page) == "Nothing pending"
    assert "You're all caught up" in text(page)


def test_a_cursor_leads_to_the_next_page_of_pending(portal: Portal) -> None:
    for number in range(27):
        put(portal, id=f"doc_{number:02}")
    browser = logged_in(portal)
    first = browser.get("/documents")
    assert title(first) == "27 pending"
    following = re.search(r'href="(/documents\?after=[^"]+)"', first.body.decode())
    assert following
    second = browser.get(following[1])
    assert (first.body.count(b'<li class="entry'), second.body.count(b'<li class="entry')) == (25, 2)
    assert title(second) == "27 pending"
    elsewhere = browser.get(following[1].replace("/documents?", "/documents/past?"))
    assert elsewhere.status_code == 400, "a cursor is good for its own list alone"


def test_past_shows_outcome_note_date_and_signed_pdf(portal: Portal) -> None:
    put(portal)
    browser = logged_in(portal)
    approve(browser)
    signed = replace(stored(portal), version=4, signed=SIGNED, sealing=Sealing.SEALED)
    portal.store.commit(Change(at=START, documents=(signed,)))
    page = browser.get("/documents/past")
    for shown in ("Signed", "Looks right.", "Nov 22, 2026, 1:00 PM CST", "Ada Byron", "Signed PDF"):
        assert shown in text(page)
    assert f"{REVIEW}/signed.pdf" in page.body.decode()


# Review


def test_review_shows_the_pages_and_the_facts(portal: Portal) -> None:
    put(portal, supersedes="POC-0990", message="Frequency lowered.")
    page = logged_in(portal).get(REVIEW)
    body = page.body.decode()
    for shown in (
        "Ada Byron",
        "DOB 12/10/1950",
        "Sam Lee, PT, DPT",
        "(512) 555-0177",
        "Nov 20, 2026 to Feb 17, 2027",
        "This replaces an earlier version",
        "Frequency lowered.",
        "I have read all 3 pages.",
    ):
        assert shown in text(page)
    assert body.count("<img") == 3
    assert "https://files.test/pages/doc_abcdef123456/1-750?seconds=600" in body
    assert 'width="1224" height="1584"' in body
    assert 'value="Luis Rivera"' in body
    assert header(page, "Refresh") == ""


def test_a_very_long_page_is_shown_in_slices_from_top_to_bottom(portal: Portal) -> None:
    put(portal, sliced_pages=((2, 3),))
    body = logged_in(portal).get(REVIEW).body.decode()
    assert body.count("<img") == 5
    places = [body.index(f"/doc_abcdef123456/{name}?") for name in ("1-1500", "2-750", "2-750-2", "2-750-3", "3-750")]
    assert places == sorted(places)
    assert "/doc_abcdef123456/2-1500-3?" in body
    assert body.count('width="1224" height="528"') == 3
    assert body.count('alt="Page 2 of 3') == 1
    assert body.count("data-page=") == 3


def test_a_page_with_a_missing_font_says_so_and_links_to_the_pdf(portal: Portal) -> None:
    put(portal, undrawn_pages=(2,))
    page = logged_in(portal).get(REVIEW)
    note = "Some text on this page may be missing or look different, because its font isn't in the PDF."
    assert text(page).count(note) == 1
    at = page.body.decode().index("sheet__undrawn")
    assert page.body.decode().index('id="page-2"') < at < page.body.decode().index('id="page-3"')
    assert f'href="{REVIEW}/original.pdf"' in page.body.decode()[at : at + 400]


def test_the_first_review_is_recorded_as_viewed(portal: Portal) -> None:
    put(portal)
    browser = logged_in(portal)
    browser.get(REVIEW)
    browser.get(REVIEW)
    assert stored(portal).viewed_at == START
    events = portal.store.events("doc_abcdef123456")
    assert [event.type for event in events] == ["document.viewed", "document.transmitted"]
    assert {event.actor for event in events} == {"provider:prv_1"}


PREFETCHES = [
    {"sec-purpose": "prefetch"},
    {"sec-purpose": "prefetch;prerender"},
    {"sec-purpose": "prefetch;anonymous-client-ip"},
    {"Sec-Purpose": "Prerender"},
    {"purpose": "prefetch"},
    {"x-purpose": "preview"},
    {"x-moz": "prefetch"},
]


@pytest.mark.parametrize("headers", PREFETCHES)
@pytest.mark.parametrize("path", [REVIEW, f"{REVIEW}/original.pdf"])
def test_a_page_fetched_in_advance_is_neither_a_view_nor_a_transmission(
    portal: Portal, headers: dict[str, str], path: str
) -> None:
    put(portal)
    browser = logged_in(portal)
    commits = portal.fake_store.commits
    early = browser.get(path, **headers)
    assert (early.status_code, early.body, header(early, "cache-control")) == (425, b"", "no-store")
    assert portal.fake_store.commits == commits
    browser.get(path, **{"sec-purpose": "", "sec-fetch-mode": "navigate"})
    assert [event.type for event in portal.store.events("doc_abcdef123456")] == [
        "document.viewed",
        "document.transmitted",
    ]


def test_a_page_that_anybody_may_open_can_be_fetched_in_advance(portal: Portal) -> None:
    assert portal.browser().get("/login", **{"sec-purpose": "prefetch"}).status_code == 200


def test_a_page_waits_for_its_page_images(portal: Portal) -> None:
    put(portal, pages_ready=1, sent_at=START)
    page = logged_in(portal).get(REVIEW)
    assert header(page, "Refresh") == "3"
    assert "The pages are being prepared" in text(page)
    assert page.body.count(b"<img") == 1
    assert b"<textarea" not in page.body, "a page that reloads itself would lose what is typed"


def test_numbers_of_pages_without_their_tokens_sign_nothing(portal: Portal) -> None:
    put(portal)
    browser = logged_in(portal)
    browser.get(REVIEW)
    token = make_form_token(browser.cookies["__Host-csrf"], "pad")
    forged = {"csrf": token, "typed_name": "Luis Rivera", "pages_shown": "1,2,3", "consent": CONSENT_VERSION}
    assert browser.post_raw(f"{REVIEW}/approve", forged, None).status_code == 422
    assert stored(portal).status is Status.PENDING


def test_without_page_images_nothing_can_be_signed_on_the_screen(portal: Portal) -> None:
    put(portal, pages_ready=None, sent_at=START - timedelta(minutes=11))
    browser = logged_in(portal)
    page = browser.get(REVIEW)
    assert header(page, "Refresh") == ""
    assert "Some pages can't be shown here" in text(page)
    assert "Approve and sign" not in text(page)
    browser.post(f"{REVIEW}/approve", typed_name="Luis Rivera", read_statement="yes", consent=CONSENT_VERSION)
    assert stored(portal).status is Status.PENDING


def test_text_from_people_is_escaped(portal: Portal) -> None:
    name = "<script>alert(1)</script>"
    put(
        portal,
        title=name,
        message=name,
        patient=Patient(external_id="x", first_name=name, last_name="B", date_of_birth=START.date()),
    )
    browser = logged_in(portal)
    for path in (REVIEW, "/documents"):
        assert b"<script>alert" not in browser.get(path).body


# Deciding


def test_approval_leads_to_the_decision_and_the_next_document(portal: Portal) -> None:
    put(portal)
    put(portal, id="doc_next", patient=replace(a_document().patient, first_name="Grace"))
    browser = logged_in(portal)
    answer = approve(browser)
    assert (answer.status_code, header(answer, "Location")) == (303, REVIEW)
    page = browser.get(REVIEW)
    assert "You signed this plan of care" in text(page)
    assert "Looks right." in text(page)
    assert 'href="/documents/doc_next"' in page.body.decode()
    decision = stored(portal).decision
    assert decision is not None
    assert decision.pages_shown == (1, 2, 3)
    assert len(decision.pages_shown_at) == 3
    assert decision.signer.authentication == "account password, entered Nov 22, 2026, 7:00 PM UTC"


def test_after_the_last_document_the_provider_is_caught_up(portal: Portal) -> None:
    put(portal)
    browser = logged_in(portal)
    approve(browser)
    assert "You're all caught up" in text(browser.get(REVIEW))


def test_a_refused_approval_keeps_all_fields(portal: Portal) -> None:
    put(portal)
    browser = logged_in(portal)
    answer = browser.post(f"{REVIEW}/approve", typed_name="Jane Okafor", note="A <long> note", pages_shown="2,9")
    body = answer.body.decode()
    assert answer.status_code == 422
    assert "Type your own name to sign: Luis Rivera." in text(answer)
    assert "Please read every page, then tick that you have." in text(answer)
    assert 'value="Jane Okafor"' in body
    assert "A &lt;long&gt; note</textarea>" in body
    assert re.search(r'name="pages_shown" value="2\.[^",]+"', body)
    assert "https://files.test" in header(answer, "Content-Security-Policy"), "the pages still show"
    assert stored(portal).status is Status.PENDING


def test_a_refused_decline_shows_the_error_and_keeps_the_reason(portal: Portal) -> None:
    put(portal)
    browser = logged_in(portal)
    answer = browser.post(f"{REVIEW}/decline", reason="change_the_plan", decline_note="")
    assert answer.status_code == 422
    assert "Tell the clinic what should change." in text(answer)
    assert re.search(r'value="change_the_plan" required checked', answer.body.decode())
    answer = browser.post(f"{REVIEW}/decline", reason="change_the_plan", decline_note="Twice a week")
    assert answer.status_code == 303
    page = browser.get(REVIEW)
    assert "You declined this plan of care" in text(page)
    assert "Request changes to the plan" in text(page)
    assert "Twice a week" in text(page)


def test_a_recall_during_the_review_is_explained_and_returns_the_note(portal: Portal) -> None:
    document = put(portal)
    browser = logged_in(portal)
    recalled = document.recall("Sent in error", START)
    assert recalled is not None
    portal.store.commit(Change(at=START, documents=(replace(recalled, version=2),)))
    answer = approve(browser)
    assert answer.status_code == 409
    for shown in ("Your response was not recorded", "has been recalled", "Looks right.", "Sent in error"):
        assert shown in text(answer)


def test_a_replaced_document_says_so(portal: Portal) -> None:
    put(portal, status=Status.RECALLED, recalled_at=START, superseded_by="POC-1002")
    assert "Replaced by a newer version" in text(logged_in(portal).get(REVIEW))


def test_a_decline_that_the_clinic_read_on_a_copy_is_not_called_the_providers_own_act(portal: Portal) -> None:
    signer = Signer(name="Luis Rivera", credential="MD", npi=None, method=SigningMethod.BY_HAND, authentication="p")
    decision = Decision(action=Action.DECLINE, signer=signer, decided_at=START, note="Two visits are enough")
    put(portal, status=Status.DECLINED, outcome=Outcome.DECLINED, decision=decision)
    page = text(logged_in(portal).get(REVIEW))
    assert "Recorded as declined" in page
    assert "Note of the clinic" in page
    assert "You declined" not in page
    assert "PDF with decline" not in page


def test_a_document_returned_on_paper_says_so(portal: Portal) -> None:
    put(
        portal, status=Status.RETURNED, outcome=Outcome.BY_HAND, returned_at=START, returned_method=ReturnedMethod.PAPER
    )
    assert "has this plan of care back on paper" in text(logged_in(portal).get(REVIEW))


def test_with_electronic_signature_off_only_signing_by_hand_and_declining_are_offered(portal: Portal) -> None:
    put(portal)
    portal.switches.set_electronic_signature("prc_1", on=False)
    browser = logged_in(portal)
    page = browser.get(REVIEW)
    assert b"/approve" not in page.body
    assert "Sign it on paper" in text(page)
    assert 'href="/by-hand/doc_abcdef123456?paper=yes"' in page.body.decode()
    answer = approve(browser)
    assert answer.status_code == 409
    assert "has switched electronic signatures off, so nothing was signed" in text(answer)
    assert stored(portal).status is Status.PENDING
    assert browser.post(f"{REVIEW}/decline", reason="not_my_patient").status_code == 303


def test_a_document_for_another_provider_is_not_found(portal: Portal) -> None:
    put(portal, provider_id=OTHER_PROVIDER.id)
    browser = logged_in(portal)
    assert browser.get(REVIEW).status_code == 404
    assert browser.get(f"{REVIEW}/original.pdf").status_code == 404
    assert approve(browser).status_code == 404
    assert stored(portal).status is Status.PENDING


# Files


def test_the_file_name_of_the_original_does_not_name_the_patient(portal: Portal) -> None:
    put(portal)
    answer = logged_in(portal).get(f"{REVIEW}/original.pdf")
    assert answer.status_code == 303
    assert "originals/prc_1/0123.pdf" in header(answer, "Location")
    assert "file_name=plan-of-care-123456.pdf" in header(answer, "Location")
    assert stored(portal).viewed_at == START


def test_a_recalled_original_cannot_be_opened(portal: Portal) -> None:
    put(portal, status=Status.RECALLED, recalled_at=START)
    assert logged_in(portal).get(f"{REVIEW}/original.pdf").status_code == 410


def test_the_signed_pdf_opens_once_it_exists(portal: Portal) -> None:
    put(portal, status=Status.APPROVED, outcome=Outcome.APPROVED, sealing=Sealing.SEALED, signed=SIGNED)
    answer = logged_in(portal).get(f"{REVIEW}/signed.pdf")
    assert answer.status_code == 303
    assert SIGNED.key in header(answer, "Location")


def test_a_separate_certificate_is_offered_if_there_is_one(portal: Portal) -> None:
    sealed = {"status": Status.APPROVED, "outcome": Outcome.APPROVED, "sealing": Sealing.SEALED}
    apart = replace(SIGNED, key="signed/doc_abcdef123456/cc.pdf", sha256="cc", level="B-T")
    put(portal, **sealed, signed=apart, certificate=apart)
    browser = logged_in(portal)
    shown = browser.get(REVIEW).body.decode()
    assert "certificate.pdf" in shown
    assert "Sealed, with a trusted timestamp" in shown
    assert "PAdES" not in shown
    assert apart.key in header(browser.get(f"{REVIEW}/certificate.pdf"), "Location")


def test_there_is_no_separate_certificate_if_the_signed_pdf_contains_it(portal: Portal) -> None:
    put(portal, status=Status.APPROVED, outcome=Outcome.APPROVED, sealing=Sealing.SEALED, signed=SIGNED)
    browser = logged_in(portal)
    assert browser.get(f"{REVIEW}/certificate.pdf").status_code == 404
    assert "certificate.pdf" not in browser.get(REVIEW).body.decode()


def test_a_page_waits_for_the_signed_pdf(portal: Portal) -> None:
    put(portal, status=Status.APPROVED, outcome=Outcome.APPROVED, sealing=Sealing.IN_PROGRESS)
    answer = logged_in(portal).get(f"{REVIEW}/signed.pdf")
    assert answer.status_code == 202
    assert header(answer, "Refresh") == "3"


def test_a_document_not_signed_here_has_no_signed_pdf(portal: Portal) -> None:
    put(portal)
    assert logged_in(portal).get(f"{REVIEW}/signed.pdf").status_code == 404


# Cost


@pytest.mark.parametrize(
    ("path", "calls"),
    [
        ("/documents", {"visit": 1, "documents": 1}),  # A list takes two calls. A list of one page needs no count.
        ("/documents/past", {"visit": 1, "documents": 1}),
        (REVIEW, {"visit": 1, "count": 1, "practice": 1, "commit": 1}),
        (f"{REVIEW}/original.pdf", {"visit": 1, "practice": 1, "commit": 1}),
    ],
)
def test_no_page_waits_for_more_than_three_calls(
    portal: Portal, path: str, calls: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(portal)
    browser = logged_in(portal)
    counts: dict[str, int] = {}

    def counted(name: str) -> Any:
        real = getattr(portal.fake_store, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            counts[name] = counts.get(name, 0) + 1
            return real(*args, **kwargs)

        return call

    for name in ("visit", "documents", "count", "practice", "commit", "document", "provider", "secret"):
        monkeypatch.setattr(portal.fake_store, name, counted(name))
    answer = browser.get(path)
    assert answer.status_code in (200, 303)
    assert _of_the_pages(counts) == calls


def _of_the_pages(counts: dict[str, int]) -> dict[str, int]:
    """Return how often a page called each method of the database.

    The fake's method `visit` calls other methods, which the real one does not. These calls are subtracted."""
    return {name: count for name, count in counts.items() if name not in ("document", "provider", "secret")}


@pytest.mark.parametrize("path", ["/documents", "/documents/past"])
@pytest.mark.parametrize("after", ["x", "%7C", "2026-11-22%7Cdoc_1", "eA", "fHw"])
def test_an_invalid_cursor_is_refused_before_the_database_is_read(portal: Portal, path: str, after: str) -> None:
    put(portal)
    answer = logged_in(portal).get(f"{path}?after={after}")
    assert answer.status_code == 400
    assert b"Ada Byron" not in answer.body


def test_a_cursor_leads_to_the_next_page_of_past(portal: Portal) -> None:
    for number in range(27):
        put(portal, id=f"doc_{number:02}", status=Status.RETURNED, outcome=Outcome.BY_HAND, returned_at=START)
    browser = logged_in(portal)
    first = browser.get("/documents/past").body.decode()
    following = re.search(r'href="(/documents/past\?after=[^"]+)"', first)
    assert following
    assert browser.get(following[1]).body.count(b'<li class="entry') == 2
