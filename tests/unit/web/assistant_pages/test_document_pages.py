"""Test what an assistant sees of the providers' documents, and that an assistant decides nothing."""

from dataclasses import replace

import pytest

from chalicelib.domain.documents import Decision, DeclineReason, Document, Signer, SigningMethod, StoredPdf
from chalicelib.domain.status import Action, Outcome, Status
from chalicelib.services.labels import DECLINE_REASONS
from chalicelib.services.transaction import Change
from chalicelib.web.http.request_parsing import make_form_token
from chalicelib.web.route import Access
from chalicelib.web.routes import ROUTES
from tests.support.accounts import logged_in, portal_with
from tests.support.assistants import ASSISTANT, OTHER_ASSISTANT, assist
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, header, text
from tests.support.provider_fixtures import OTHER_PROVIDER, PRACTICE, PROVIDER, a_document, addressed_to

SIGNER = Signer(
    name="Luis Rivera", credential="MD", npi=None, method=SigningMethod.ELECTRONIC, authentication="password"
)
PENDING = a_document()
FOREIGN = replace(
    addressed_to(OTHER_PROVIDER, a_document(id="doc_jane", external_id="POC-2")),
    patient=replace(PENDING.patient, first_name="Zoe", last_name="Quint"),
)
SIGNED = a_document(
    id="doc_signed",
    external_id="POC-3",
    status=Status.APPROVED,
    outcome=Outcome.APPROVED,
    signed=StoredPdf(key="signed/doc/ab.pdf", sha256="ab", pages=4),
    decision=Decision(action=Action.APPROVE, signer=SIGNER, decided_at=START),
)
PLACE = f"/assistant/documents/{PENDING.id}"


@pytest.fixture(autouse=True)
def portal() -> Portal:
    portal = portal_with(PENDING, FOREIGN, SIGNED)
    assist(portal, ASSISTANT, PROVIDER)
    assist(portal, OTHER_ASSISTANT, OTHER_PROVIDER)
    return portal


@pytest.fixture
def susan(portal: Portal) -> Browser:
    return logged_in(portal, ASSISTANT)


def store(portal: Portal, document: Document) -> None:
    portal.store.commit(Change(at=START, documents=(document,)))


def declined(document: Document) -> Document:
    reason = DeclineReason.NEEDS_A_VISIT
    decision = Decision(action=Action.DECLINE, signer=SIGNER, decided_at=START, decline_reason=reason)
    return replace(document, status=Status.DECLINED, outcome=Outcome.DECLINED, decision=decision)


# The lists


def test_the_lists_are_the_providers(susan: Browser) -> None:
    pending, past = text(susan.get("/assistant/documents")), text(susan.get("/assistant/documents/past"))
    assert "For Luis Rivera, MD Pending Soonest due first." in pending
    assert "Ada Byron DOB 12/10/1950 Plan of Care, initial evaluation Hill Country Therapy" in pending
    assert "For Luis Rivera, MD Past documents" in past
    assert "Signed Ada Byron DOB 12/10/1950" in past
    assert "Zoe Quint" not in pending + past


def test_one_provider_needs_no_choice(susan: Browser) -> None:
    assert 'class="choose"' not in susan.get("/assistant/documents").body.decode()


@pytest.mark.parametrize("section", ["", "/past"])
def test_the_assistant_of_several_providers_chooses_one(portal: Portal, section: str) -> None:
    both = replace(ASSISTANT, id="prv_both", email="both@office.example", emails=())
    assist(portal, both, PROVIDER, OTHER_PROVIDER)
    browser, path = logged_in(portal, both), f"/assistant/documents{section}"
    first = browser.get(path)
    assert f'href="{path}?for={PROVIDER.id}"' in first.body.decode()
    assert f'href="{path}?for={OTHER_PROVIDER.id}" aria-current="true"' in first.body.decode()
    assert "For Jane Okafor, MD" in text(first)
    assert "For Luis Rivera, MD" in text(browser.get(f"{path}?for={PROVIDER.id}"))
    assert "For Jane Okafor, MD" in text(browser.get(f"{path}?for=prv_nobody"))


def test_another_providers_list_cannot_be_chosen(susan: Browser) -> None:
    page = text(susan.get(f"/assistant/documents?for={OTHER_PROVIDER.id}"))
    assert "Zoe Quint" not in page
    assert "For Luis Rivera, MD" in page


def test_an_empty_list_says_for_whom(portal: Portal) -> None:
    omar = logged_in(portal, OTHER_ASSISTANT)
    assert "Documents that Jane Okafor, MD signs or declines will appear here." in text(
        omar.get("/assistant/documents/past")
    )
    store(portal, replace(FOREIGN, version=2, status=Status.RECALLED, recalled_at=START))
    assert "Nothing is waiting for Jane Okafor, MD." in text(omar.get("/assistant/documents"))


@pytest.mark.parametrize(("section", "label"), [("", "Pending"), ("/past", "Past")])
def test_a_long_list_has_pages(portal: Portal, susan: Browser, section: str, label: str) -> None:
    for number in range(30):
        document = a_document(id=f"doc_{number:02}", external_id=f"P-{number}")
        store(portal, declined(document) if section else document)
    first = susan.get(f"/assistant/documents{section}").body.decode()
    assert f'aria-current="page">{label}</a>' in first
    assert "Back to the first page" not in first
    (next_path,) = [part.split('"')[0] for part in first.split('href="')[1:] if "after=" in part.split('"')[0]]
    assert next_path.startswith(f"/assistant/documents{section}?for={PROVIDER.id}&")
    second = text(susan.get(next_path.replace("&amp;", "&")))
    assert "Back to the first page" in second
    assert "Next page" not in second
    assert "Ada Byron" in second


# One document


def test_a_document_is_read_printed_and_downloaded(susan: Browser) -> None:
    page = susan.get(PLACE)
    assert "Plan of care for Luis Rivera, MD Ada Byron DOB 12/10/1950." in text(page)
    assert "Page 3 of 3" in text(page)
    for query in ("", "?download=yes"):
        assert f'href="{PLACE}/original.pdf{query}"' in page.body.decode()
        assert "originals/prc_1/0123.pdf" in header(susan.get(f"{PLACE}/original.pdf{query}"), "location")


def test_the_read_of_an_assistant_is_no_view_of_the_addressee(portal: Portal, susan: Browser) -> None:
    susan.get(PLACE)
    susan.get(f"{PLACE}/original.pdf")
    document = portal.store.document(PENDING.id)
    assert document == PENDING
    assert portal.store.events(PENDING.id) == ()


def test_the_access_events_name_the_assistant(portal: Portal, susan: Browser) -> None:
    susan.get(PLACE)
    susan.get(f"{PLACE}/original.pdf")
    events = portal.store.access_events(PENDING.id, limit=10, before=None).items
    assert {(event.actor, event.what) for event in events} == {
        (f"assistant:{ASSISTANT.id}", "page"),
        (f"assistant:{ASSISTANT.id}", "original"),
    }


def test_a_decided_document_shows_its_outcome(susan: Browser) -> None:
    page = susan.get("/assistant/documents/doc_signed")
    assert "Signed PDF" in text(page)
    assert header(susan.get("/assistant/documents/doc_signed/signed.pdf"), "location").startswith("https://files")
    assert susan.get(f"{PLACE}/signed.pdf").status_code == 404


def test_a_declined_document_shows_when_and_why(portal: Portal, susan: Browser) -> None:
    store(portal, replace(declined(PENDING), version=2))
    page = text(susan.get(PLACE))
    assert "Declined This happened on Nov 22, 2026" in page
    assert f"Reason: {DECLINE_REASONS[DeclineReason.NEEDS_A_VISIT]}." in page
    assert "Past" in page


def test_a_recalled_document_shows_no_pages(portal: Portal, susan: Browser) -> None:
    store(portal, replace(PENDING, version=2, status=Status.RECALLED, recalled_at=START))
    page = susan.get(PLACE)
    assert "Recalled by the clinic" in text(page)
    assert "data-pages" not in page.body.decode()
    assert susan.get(f"{PLACE}/original.pdf").status_code == 410


def test_missing_page_images_are_awaited(portal: Portal, susan: Browser) -> None:
    store(portal, replace(PENDING, version=2, pages_ready=None, sent_at=START))
    page = susan.get(PLACE)
    assert header(page, "refresh") == "3"
    assert "The pages are being prepared" in text(page)


# What an assistant may not do

OF_PROVIDERS = [
    (method, route.path)
    for route in ROUTES
    for method in route.methods
    if route.access in (Access.PROVIDER, Access.DOCUMENT, Access.GIVER, Access.OWN_ACCOUNT)
]


@pytest.mark.parametrize(("method", "path"), OF_PROVIDERS)
def test_every_route_of_a_provider_is_closed(portal: Portal, susan: Browser, method: str, path: str) -> None:
    filled = path.format(document_id=PENDING.id)
    susan.get("/login")
    before = portal.fake_store.commits
    fields = {"typed_name": "Luis Rivera", "reason": "not_my_patient", "read_statement": "yes"}
    answer = susan.get(filled) if method == "GET" else susan.post_raw(filled, csrf(susan, fields))
    if (method, path) == ("GET", "/documents"):
        assert header(answer, "location") == "/assistant/documents"
    else:
        assert answer.status_code == 404
    assert "Ada" not in text(answer)
    assert portal.fake_store.commits == before
    assert portal.store.document(PENDING.id) == PENDING


def csrf(browser: Browser, fields: dict[str, str]) -> dict[str, str]:
    return {**fields, "csrf": make_form_token(browser.cookies["__Host-csrf"], "pad")}


def test_every_form_that_changes_a_document_or_another_account_is_a_providers() -> None:
    """Fail if a new form is open to assistants, so that its author decides whether an assistant may use it."""
    of_assistants = {Access.ACCOUNT, Access.ASSISTANT, Access.ASSISTED_DOCUMENT}
    forms = {route.path for route in ROUTES if route.access in of_assistants and "POST" in route.methods}
    assert forms == {
        "/logout",
        "/account/stay",
        "/account/confirm",
        "/account/passkeys",
        "/account/passkeys/remove",
        "/account/authenticator",
        "/account/authenticator/remove",
        "/account/recovery-codes",
        "/account/second-factor/later",
        "/account/password",
        "/account/log-out-everywhere",
        "/invitation/accept",
        "/assistant/documents/{document_id}/ready",
        "/assistant/documents/{document_id}/signed",
    }


@pytest.mark.parametrize("path", ["", "/past", f"/{PENDING.id}", f"/{PENDING.id}/original.pdf"])
def test_a_provider_has_no_pages_of_an_assistant(portal: Portal, path: str) -> None:
    assert logged_in(portal).get(f"/assistant/documents{path}").status_code == 404


@pytest.mark.parametrize("path", ["", "/original.pdf", "/signed.pdf"])
def test_the_assistant_of_another_provider_gets_nothing(portal: Portal, path: str) -> None:
    omar = logged_in(portal, OTHER_ASSISTANT)
    foreign, none = omar.get(PLACE + path), omar.get(f"/assistant/documents/doc_none{path}")
    assert (foreign.status_code, foreign.body) == (none.status_code, none.body)
    assert foreign.status_code == 404


def test_a_session_that_has_ended_leads_back_to_the_document(portal: Portal, susan: Browser) -> None:
    portal.time.pass_time(minutes=15)
    location = header(susan.get(PLACE), "location")
    assert location == f"/login?next={PLACE}&reason=ended"


# The second factor


def test_a_second_factor_is_required_if_a_practice_of_the_provider_requires_it(portal: Portal) -> None:
    latest = portal.store.provider(PROVIDER.id)
    assert latest is not None
    helped = replace(latest, version=latest.version + 1, practices=("prc_9",))
    portal.store.commit(Change(at=START, providers=(helped,)))
    portal.switches.set_second_factor("prc_9", on=True)
    susan, omar = logged_in(portal, ASSISTANT), logged_in(portal, OTHER_ASSISTANT)
    for path in ("/assistant/documents", PLACE, f"{PLACE}/original.pdf"):
        answer = susan.get(path)
        assert header(answer, "location").startswith("/account/second-factor?next=")
        assert "Ada" not in text(answer)
    assert susan.get("/account").status_code == 200
    assert "requires two-step login" in text(susan.get(header(susan.get(PLACE), "location")))
    assert omar.get("/assistant/documents").status_code == 200


def test_the_practice_of_the_document_counts_too(portal: Portal) -> None:
    portal.switches.set_second_factor(PRACTICE.id, on=True)
    susan = logged_in(portal, ASSISTANT)
    assert header(susan.get(PLACE), "location").startswith("/account/second-factor")
