"""The portal and the browser page for one state of a page, the sample data, and the registry of all states.

A state is a page of the portal in one situation, such as the login page after a wrong password."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from itertools import cycle
from typing import Any

from playwright.sync_api import Page
from reportlab.pdfgen.canvas import Canvas

from chalicelib.domain.documents import Decision, DeclineReason, Document, Patient, StoredPdf
from chalicelib.domain.practices import PracticeCard
from chalicelib.domain.providers import Provider
from chalicelib.domain.status import Action, Outcome, Status
from chalicelib.pdf.inspection import inspect_pdf
from chalicelib.pdf.rendering import extract_page_texts, render_pages
from chalicelib.services.authentication.passwords import hash_password
from chalicelib.services.pdf_jobs.page_images import WIDTHS, page_key, text_key
from chalicelib.services.review.hand_codes import create_code
from chalicelib.services.transaction import Change, Claim
from examples.clinic import forms
from examples.clinic.sample_plans.pdfs import build_pdf
from examples.clinic.sample_plans.plans import PLANS
from tests.support.browser.memory_server import MemoryPortal
from tests.support.browser.people import PASSWORD
from tests.support.fakes import START
from tests.support.pdf.sample_pdfs import drawn_pdf
from tests.support.provider_fixtures import PROVIDER, SIGNER, a_delivery, a_document

ID = a_document().id
REVIEW = f"/documents/{ID}"
BY_HAND = f"/by-hand/{ID}"
NOTE = "Please see him twice a week, and call me if the swelling is back."
JUNIPER = PracticeCard(name="Juniper Rehabilitation and Sports Medicine", phone="+15125550142")


@dataclass
class Stage:
    """An empty portal in memory, with helpers that store documents and providers."""

    memory: MemoryPortal

    def put(self, **changes: Any) -> Document:
        """Store a sample document with real page images and texts, and return it. `changes` replace its fields."""
        pages = _sample()
        original = StoredPdf(key="originals/prc_1/1.pdf", sha256="1", pages=pages.count, page_sizes=pages.sizes)
        known = {"original": original, "pages_ready": pages.count, **changes}
        document = a_document(**known)
        self.memory.portal.store.commit(Change(at=START, documents=(document,)))
        for key, (data, kind) in pages.objects(document.id).items():
            self.memory.files.put(key, data, kind)
        self.memory.files.put(original.key, pages.pdf, "application/pdf")
        return document

    def put_long_page(self) -> Document:
        """Store a sample document of one page, 80 inches long, and return the document. The page has a line an inch."""
        pdf, objects = _long_page()
        original = StoredPdf(key="originals/prc_1/1.pdf", sha256="1", pages=1, page_sizes=(_LONG,))
        document = self.put(original=original, pages_ready=1, sliced_pages=((1, 2),))
        for place, (data, kind) in objects.items():
            self.memory.files.put(page_key(document.id, *place), data, kind)
        self.memory.files.put(original.key, pdf, "application/pdf")
        return document

    def stored(self, document_id: str = ID) -> Document:
        document = self.memory.portal.store.document(document_id)
        assert document is not None
        return document

    def change(self, **changes: Any) -> Document:
        """Change fields of the stored document, as another person's request would, and return the document."""
        current = self.stored()
        changed = replace(current, version=current.version + 1, **changes)
        self.memory.portal.store.commit(Change(at=START, documents=(changed,)))
        return changed

    def provider(self, **changes: Any) -> Provider:
        """Change fields of the stored sample provider, and return the provider."""
        store = self.memory.portal.store
        current = store.provider(PROVIDER.id)
        assert current is not None
        changed = replace(current, version=current.version + 1, **changes)
        store.commit(Change(at=START, providers=(changed,)))
        return changed


@dataclass
class Scene(Stage):
    """A portal in memory, together with the browser page that visits the portal."""

    page: Page

    def open(self, path: str) -> None:
        self.page.goto(f"{self.memory.url}{path}")

    def log_in(self) -> None:
        """Log the provider in without the login form: give the browser a session cookie."""
        self.cookie("__Host-session", self.memory.session())

    def cookie(self, name: str, value: str) -> None:
        """Set a cookie of the portal, with this name and value, in the browser."""
        self.page.context.add_cookies([self._cookie(name, value)])

    def enter_code(self) -> None:
        """Open the document without an account: request a code by email, and enter it in the browser."""
        portal, document = self.memory.portal, self.stored()
        code = create_code(portal.store, document, a_delivery(document), portal.time.now(), portal.ids)
        self.open(BY_HAND)
        self.page.get_by_label("Code", exact=True).fill(code)
        self.press("Open the document")

    def decline(self, reason: str) -> None:
        """Choose this reason in the decline form of the document's page, and submit the form."""
        self.page.get_by_text("Decline instead").click()
        self.page.get_by_label(reason).check()
        self.press("Decline this document")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()
        self.page.wait_for_load_state()

    def _cookie(self, name: str, value: str) -> Any:
        """Return a cookie for https://localhost in Playwright's form.

        A `__Host-` cookie is accepted for https only, but the browser also sends the cookie to
        http://localhost. Cookies are valid for every port."""
        return {"name": name, "value": value, "url": "https://localhost", "secure": True, "httpOnly": True}


@dataclass(frozen=True)
class _Pages:
    """The page images and page texts of a sample plan of care, made once for all states."""

    pdf: bytes
    count: int
    sizes: tuple[tuple[float, float], ...]
    images: Mapping[tuple[int, int], tuple[bytes, str]]
    texts: list[str]

    def objects(self, document_id: str) -> Mapping[str, tuple[bytes, str]]:
        images = {page_key(document_id, *place): image for place, image in self.images.items()}
        return {**images, text_key(document_id): (json.dumps(self.texts).encode(), "application/json")}


@cache
def _sample() -> _Pages:
    plan = PLANS[0]
    values = forms.propose_values(plan, number=1001, today=date(2026, 11, 20))
    pdf = build_pdf(plan, forms.sample_facts(plan, values)).content
    inspection = inspect_pdf(pdf)
    rendered = list(render_pages(pdf, WIDTHS))
    images = {
        (image.number, WIDTHS[place % len(WIDTHS)]): (image.data or b"", image.media_type)
        for place, image in enumerate(rendered)
    }
    return _Pages(pdf, inspection.pages, inspection.page_sizes, images, extract_page_texts(pdf))


_LONG = (612.0, 5760.0)


@cache
def _long_page() -> tuple[bytes, Mapping[tuple[int, int, int], tuple[bytes, str]]]:
    def draw(canvas: Canvas, _page: int) -> None:
        for inch in range(1, 80):
            canvas.drawString(72, _LONG[1] - inch * 72, f"Inch {inch}: the patient walks {inch} feet with a cane.")

    pdf = drawn_pdf(draw, size=_LONG)
    rendered = [(image, width) for image, width in zip(render_pages(pdf, WIDTHS), cycle(WIDTHS), strict=False)]
    return pdf, {(1, width, image.piece): (image.data or b"", image.media_type) for image, width in rendered}


STATES: dict[str, Callable[[Scene], None]] = {}


def state(reach: Callable[[Scene], None]) -> Callable[[Scene], None]:
    """Register a function that brings a browser to one state of a page. The function's name becomes the state's name.

    Tests and screenshots visit all registered states."""
    STATES[reach.__name__.replace("_", "-").strip("-")] = reach
    return reach


# Parts

SIGNED = StoredPdf(key="signed/doc_abcdef123456/ab.pdf", sha256="ab", pages=4, level="B-T")


def patient(first_name: str, last_name: str) -> Patient:
    return Patient(external_id="PT", first_name=first_name, last_name=last_name, date_of_birth=date(1950, 12, 10))


def decided_document(scene: Scene, **changes: Any) -> None:
    decision = Decision(
        action=Action.APPROVE, signer=SIGNER, decided_at=START - timedelta(hours=1), note=NOTE, typed_name="Luis Rivera"
    )
    known = {"status": Status.APPROVED, "outcome": Outcome.APPROVED, "decision": decision, **changes}
    scene.put(**known)


def declined_decision() -> Decision:
    return Decision(
        action=Action.DECLINE, signer=SIGNER, decided_at=START, note=NOTE, decline_reason=DeclineReason.CHANGE_THE_PLAN
    )


def with_password(scene: Stage) -> None:
    """Give the provider an account with the password `PASSWORD`."""
    provider = scene.provider(password_hash=hash_password(PASSWORD))
    claim = Claim(key=f"email#{provider.email}", owner=provider.id)
    scene.memory.portal.store.commit(Change(at=START, claims=(claim,)))
