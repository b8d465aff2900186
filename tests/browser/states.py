"""Every page of the portal in every state that people meet, each reached in a browser."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from typing import Any

from playwright.sync_api import Page

from chalicelib.domain.deliveries import Channel, Delivery
from chalicelib.domain.documents import (
    Decision,
    DeclineReason,
    Document,
    Kind,
    Patient,
    PracticeCard,
    Sealing,
    Signer,
    StoredPdf,
)
from chalicelib.domain.people import Provider
from chalicelib.domain.status import Action, Outcome, Status
from chalicelib.pdf.inspect import inspect_pdf
from chalicelib.pdf.render import page_texts, render_pages
from chalicelib.services.by_hand import create_code, scan_prefix
from chalicelib.services.changes import Change, Claim
from chalicelib.services.page_images import WIDTHS, page_key, text_key
from chalicelib.services.passwords import hash_password
from examples.clinic import forms
from examples.clinic.sample_plans import PLANS
from examples.clinic.samples import build_pdf
from tests.browser.memory import MemoryPortal
from tests.browser.people import PASSWORD
from tests.fakes import START, FakeInspector
from tests.provider_side import PRACTICE, PROVIDER, a_document

ID = a_document().id
REVIEW = f"/documents/{ID}"
BY_HAND = f"/by-hand/{ID}"
NOTE = "Please see him twice a week, and call me if the swelling is back."
JUNIPER = PracticeCard(name="Juniper Rehabilitation and Sports Medicine", phone="+15125550142")


@dataclass
class Scene:
    """One browser page before a portal that was just emptied."""

    memory: MemoryPortal
    page: Page

    def open(self, path: str) -> None:
        self.page.goto(f"{self.memory.url}{path}")

    def put(self, **changes: Any) -> Document:
        """A document with real pages."""
        pages = _sample()
        original = StoredPdf(
            key="originals/prc_1/1.pdf", sha256="1", pages=pages.count, page_sizes=pages.sizes
        )
        known = {"original": original, "pages_ready": pages.count, **changes}
        document = a_document(**known)
        self.memory.portal.store.commit(Change(at=START, documents=(document,)))
        for key, (data, kind) in pages.objects(document.id).items():
            self.memory.files.put(key, data, kind)
        self.memory.files.put(original.key, pages.pdf, "application/pdf")
        return document

    def stored(self, document_id: str = ID) -> Document:
        found = self.memory.portal.store.document(document_id)
        assert found is not None
        return found

    def change(self, **changes: Any) -> Document:
        """Writes to the document, as somebody else would."""
        current = self.stored()
        changed = replace(current, version=current.version + 1, **changes)
        self.memory.portal.store.commit(Change(at=START, documents=(changed,)))
        return changed

    def log_in(self) -> None:
        """The browser gets the session that a login would have given it."""
        self.page.context.add_cookies([self._cookie("__Host-session", self.memory.session())])

    def provider(self, **changes: Any) -> Provider:
        """Writes to the provider."""
        store = self.memory.portal.store
        current = store.provider(PROVIDER.id)
        assert current is not None
        changed = replace(current, version=current.version + 1, **changes)
        store.commit(Change(at=START, providers=(changed,)))
        return changed

    def enter_code(self) -> None:
        """Without an account, up to the document."""
        portal = self.memory.portal
        delivery = Delivery(
            id="dlv_1", version=1, practice_id="prc_1", document_id=ID, event_id="evt_1",
            channel=Channel.EMAIL, type="code", recipient="dr.rivera@example.com", created_at=START,
            access=self.stored().access,
        )  # fmt: skip
        code = create_code(portal.store, self.stored(), delivery, portal.time.now(), portal.ids)
        self.open(BY_HAND)
        self.page.get_by_label("Code", exact=True).fill(code)
        self.press("Open the document")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()
        self.page.wait_for_load_state()

    def _cookie(self, name: str, value: str) -> Any:
        """Cookies know no port; `__Host-` is taken for https alone, and sent to localhost without it."""
        return {"name": name, "value": value, "url": "https://localhost", "secure": True, "httpOnly": True}


@dataclass(frozen=True)
class _Pages:
    """A sample plan of care, rendered."""

    pdf: bytes
    count: int
    sizes: tuple[tuple[float, float], ...]
    images: Mapping[tuple[int, int], tuple[bytes, str]]
    texts: list[str]

    def objects(self, document_id: str) -> Mapping[str, tuple[bytes, str]]:
        found = {page_key(document_id, *place): image for place, image in self.images.items()}
        return {**found, text_key(document_id): (json.dumps(self.texts).encode(), "application/json")}


@cache
def _sample() -> _Pages:
    plan = PLANS[0]
    values = forms.proposed(plan, number=1001, today=date(2026, 11, 20))
    pdf = build_pdf(plan, forms.facts(plan, values)).content
    inspection = inspect_pdf(pdf)
    rendered = list(render_pages(pdf, WIDTHS))
    images = {
        (image.number, WIDTHS[place % len(WIDTHS)]): (image.data or b"", image.media_type)
        for place, image in enumerate(rendered)
    }
    return _Pages(pdf, inspection.pages, inspection.page_sizes, images, page_texts(pdf))


STATES: dict[str, Callable[[Scene], None]] = {}


def state(reach: Callable[[Scene], None]) -> Callable[[Scene], None]:
    """Registers a way to a state, under its name."""
    STATES[reach.__name__.replace("_", "-").strip("-")] = reach
    return reach


# Without a session


@state
def login(scene: Scene) -> None:
    scene.open("/login")


@state
def login_after_the_session_ended(scene: Scene) -> None:
    scene.open("/login?reason=ended")


@state
def login_refused(scene: Scene) -> None:
    scene.open("/login")
    scene.page.locator("#email").fill("dr.rivera@example.com")
    scene.page.locator("#password").fill("not the password")
    scene.press("Log in")


@state
def login_with_a_new_password(scene: Scene) -> None:
    scene.open("/login?reason=password-set")


@state
def forgot_password(scene: Scene) -> None:
    scene.open("/forgot-password")


@state
def forgot_password_wrong(scene: Scene) -> None:
    scene.open("/forgot-password")
    scene.page.locator("form[action='/forgot-password']").evaluate("form => { form.noValidate = true; }")
    scene.page.locator("#email").fill("nobody")
    scene.press("Email me a link")


@state
def forgot_password_sent(scene: Scene) -> None:
    scene.open("/forgot-password?sent=1")


@state
def link_expired(scene: Scene) -> None:
    scene.open("/setup/long-gone")


@state
def setup(scene: Scene) -> None:
    scene.provider(password_hash=None, email=None)
    scene.put()
    scene.open(REVIEW)
    scene.press("Email me a link")
    portal = scene.memory.portal
    scene.open(f"/setup/{portal.token(portal.mails()[-1])}")


@state
def setup_with_a_short_password(scene: Scene) -> None:
    setup(scene)
    scene.page.locator("#password").fill("short")
    scene.page.locator("form[action='/setup']").evaluate("form => { form.noValidate = true; }")
    scene.page.get_by_role("button", name=re.compile("password")).last.click()
    scene.page.wait_for_load_state()


@state
def door(scene: Scene) -> None:
    scene.put()
    scene.open(REVIEW)


@state
def door_after_asking_for_a_link(scene: Scene) -> None:
    scene.put()
    scene.open(f"{REVIEW}?sent=1")


@state
def door_with_signing_switched_off(scene: Scene) -> None:
    scene.put()
    scene.memory.portal.switches.set_electronic_signature(PRACTICE.id, on=False)
    scene.open(REVIEW)


@state
def nothing_here(scene: Scene) -> None:
    scene.open("/problems/no-such-problem")


@state
def problem_type(scene: Scene) -> None:
    scene.open("/problems/xfa")


@state
def form_expired(scene: Scene) -> None:
    scene.open("/login")
    scene.page.locator("input[name=csrf]").first.evaluate("field => { field.value = 'old'; }")
    scene.page.locator("#email").fill("dr.rivera@example.com")
    scene.page.locator("#password").fill("whatever it is")
    scene.press("Log in")


# Lists


@state
def pending(scene: Scene) -> None:
    _several(scene)
    scene.log_in()
    scene.open("/documents")


@state
def pending_from_several_practices(scene: Scene) -> None:
    _several(scene)
    scene.put(
        id="doc_juniper", practice=JUNIPER, practice_id="prc_2", kind=Kind.RECERTIFICATION,
        due_on=date(2026, 11, 28), supersedes="POC-0990", patient=_patient("Wilhelmina", "Featherstonehaugh"),
    )  # fmt: skip
    scene.log_in()
    scene.open("/documents")


@state
def pending_with_nothing_left(scene: Scene) -> None:
    scene.log_in()
    scene.open("/documents")


@state
def past(scene: Scene) -> None:
    _decided(scene, sealing=Sealing.SEALED, signed=SIGNED)
    _decided(
        scene, id="doc_declined", sealing=Sealing.IN_PROGRESS, outcome=Outcome.DECLINED,
        decision=_declined(), status=Status.DECLINED, patient=_patient("Grace", "Hopper"),
    )  # fmt: skip
    scene.put(
        id="doc_paper", status=Status.RETURNED, outcome=Outcome.BY_HAND, returned_at=START,
        returned_method="paper", patient=_patient("Alan", "Turing"),
    )  # fmt: skip
    scene.log_in()
    scene.open("/documents/past")


@state
def past_searched_in_vain(scene: Scene) -> None:
    scene.log_in()
    scene.open("/documents/past?q=nobody&from=2026-11-01")


@state
def review_after_signing_the_one_before(scene: Scene) -> None:
    scene.put()
    scene.log_in()
    scene.open(f"{REVIEW}?signed=doc_before")


@state
def past_with_nothing_in_it(scene: Scene) -> None:
    scene.log_in()
    scene.open("/documents/past")


# Review


@state
def review(scene: Scene) -> None:
    scene.put(message="Frequency lowered to twice a week.", supersedes="POC-0990")
    scene.log_in()
    scene.open(REVIEW)


@state
def review_enlarged(scene: Scene) -> None:
    review(scene)
    scene.page.get_by_text("Go to page").click()
    scene.page.get_by_role("button", name="Larger").click()
    scene.page.get_by_text("Text of page 1").click()


@state
def text_of_the_pages(scene: Scene) -> None:
    scene.put()
    scene.log_in()
    scene.open(f"{REVIEW}/text")


@state
def review_drawing(scene: Scene) -> None:
    review(scene)
    scene.page.get_by_role("radio", name="Draw").check()


@state
def review_with_a_saved_signature(scene: Scene) -> None:
    strokes = [[[0.1, 0.6], [0.3, 0.2], [0.5, 0.8], [0.9, 0.5]]]
    scene.provider(saved_signature=json.dumps({"aspect": 2.5, "strokes": strokes}))
    review(scene)


@state
def review_being_prepared(scene: Scene) -> None:
    scene.put(pages_ready=1, sent_at=START)
    scene.log_in()
    scene.open(REVIEW)


@state
def review_with_a_broken_page(scene: Scene) -> None:
    scene.put(broken_pages=(2,))
    scene.log_in()
    scene.open(REVIEW)


@state
def review_with_signing_switched_off(scene: Scene) -> None:
    scene.put()
    scene.memory.portal.switches.set_electronic_signature(PRACTICE.id, on=False)
    scene.log_in()
    scene.open(REVIEW)


@state
def review_with_something_missing(scene: Scene) -> None:
    review(scene)
    scene.page.locator("#typed_name").fill("Jane Okafor")
    scene.page.locator("#note").fill(NOTE)
    scene.page.locator("#approve").evaluate("form => form.submit()")
    scene.page.wait_for_selector("[role=alert]")


@state
def review_asking_for_the_password(scene: Scene) -> None:
    scene.put()
    scene.log_in()
    scene.memory.portal.time.pass_time(minutes=14)
    scene.open(REVIEW)
    scene.memory.portal.time.pass_time(minutes=10)
    scene.open(REVIEW)


@state
def review_addressed_to_someone_else(scene: Scene) -> None:
    scene.put(addressee=replace(a_document().addressee, npi="1000000004", first_name="Jane"))
    scene.log_in()
    scene.open(REVIEW)


@state
def decline_with_something_missing(scene: Scene) -> None:
    review(scene)
    scene.page.get_by_text("Decline instead").click()
    scene.page.get_by_label("Please change the plan").check()
    scene.press("Decline this document")
    scene.page.wait_for_selector("[role=alert]")


@state
def recalled_while_open(scene: Scene) -> None:
    review(scene)
    scene.page.locator("#note").fill(NOTE)
    scene.change(status=Status.RECALLED, recalled_at=START, recalled_reason="Sent in error")
    scene.page.locator("#approve").evaluate("form => form.submit()")
    scene.page.wait_for_selector("[role=alert]")


# What became of it


@state
def signed_and_being_sealed(scene: Scene) -> None:
    _decided(scene, sealing=Sealing.IN_PROGRESS)
    scene.put(id="doc_next", patient=_patient("Grace", "Hopper"))
    scene.log_in()
    scene.open(REVIEW)


@state
def signed_with_the_seal_late(scene: Scene) -> None:
    _decided(scene, sealing=Sealing.DELAYED)
    scene.log_in()
    scene.open(REVIEW)


@state
def signed_and_sealed(scene: Scene) -> None:
    _decided(scene, sealing=Sealing.SEALED, signed=SIGNED)
    scene.log_in()
    scene.open(REVIEW)


@state
def signed_copy_being_made(scene: Scene) -> None:
    _decided(scene, sealing=Sealing.IN_PROGRESS)
    scene.log_in()
    scene.open(f"{REVIEW}/signed.pdf")


@state
def declined(scene: Scene) -> None:
    _decided(
        scene, status=Status.DECLINED, outcome=Outcome.DECLINED, decision=_declined(),
        sealing=Sealing.IN_PROGRESS,
    )  # fmt: skip
    scene.log_in()
    scene.open(REVIEW)


@state
def recalled(scene: Scene) -> None:
    scene.put(status=Status.RECALLED, recalled_at=START, recalled_reason="Sent in error")
    scene.log_in()
    scene.open(REVIEW)


@state
def superseded(scene: Scene) -> None:
    scene.put(status=Status.RECALLED, recalled_at=START, superseded_by="POC-1002")
    scene.log_in()
    scene.open(REVIEW)


@state
def back_on_paper(scene: Scene) -> None:
    scene.put(
        status=Status.RETURNED, outcome=Outcome.BY_HAND, returned_at=START, returned_method="paper"
    )  # fmt: skip
    scene.log_in()
    scene.open(REVIEW)


@state
def addressed_to_someone_else(scene: Scene) -> None:
    scene.put(provider_id="prv_2")
    scene.log_in()
    scene.open(REVIEW)


@state
def portal_down(scene: Scene) -> None:
    scene.put()
    scene.log_in()
    scene.open(REVIEW)
    scene.memory.portal.fake_store.failing = True
    with scene.page.expect_navigation():
        scene.page.locator("#approve").evaluate("form => form.submit()")


# By hand


@state
def by_hand(scene: Scene) -> None:
    scene.open(BY_HAND)


@state
def by_hand_after_asking_for_a_code(scene: Scene) -> None:
    scene.open(f"{BY_HAND}?asked=yes")


@state
def by_hand_with_a_wrong_code(scene: Scene) -> None:
    scene.put()
    scene.open(BY_HAND)
    scene.page.get_by_label("Code", exact=True).fill("999999")
    scene.press("Open the document")


@state
def by_hand_document(scene: Scene) -> None:
    scene.put(message="Frequency lowered to twice a week.")
    scene.enter_code()


@state
def by_hand_document_refused(scene: Scene) -> None:
    key = _scan(scene, {"refused": {"code": "not_a_scan", "detail": "A signed scan has to be a PDF."}})
    scene.open(f"{BY_HAND}/uploaded?key={key}")
    scene.press("Yes, this is the signed document")


@state
def by_hand_confirm(scene: Scene) -> None:
    scene.open(f"{BY_HAND}/uploaded?key={_scan(scene, {})}")


@state
def by_hand_confirm_without_a_name(scene: Scene) -> None:
    scene.open(f"{BY_HAND}/uploaded?key={_scan(scene, {})}")
    scene.page.get_by_label("Who signed it?").fill("")
    scene.press("Yes, this is the signed document")


@state
def by_hand_done(scene: Scene) -> None:
    key = _scan(scene, {"sha256": "5ca4", "media_type": "application/pdf", "pages": 1})
    scene.open(f"{BY_HAND}/uploaded?key={key}")
    scene.press("Yes, this is the signed document")


# Parts

SIGNED = StoredPdf(key="signed/doc_abcdef123456/ab.pdf", sha256="ab", pages=4)
SIGNER = Signer(
    name=PROVIDER.name, credential="MD", npi=PROVIDER.npi, method="electronic",
    authentication="account password", provider_id=PROVIDER.id,
)  # fmt: skip


def with_password(scene: Scene) -> None:
    """The provider can log in with `PASSWORD`."""
    kept = scene.provider(password_hash=hash_password(PASSWORD))
    claim = Claim(key=f"email#{kept.email}", owner=kept.id)
    scene.memory.portal.store.commit(Change(at=START, claims=(claim,)))


def _several(scene: Scene) -> None:
    scene.put(due_on=date(2026, 11, 18), patient=_patient("Ada", "Byron"))
    scene.put(id="doc_two", due_on=date(2026, 11, 25), kind=Kind.ORDER, patient=_patient("Grace", "Hopper"))
    scene.put(id="doc_three", due_on=date(2026, 12, 20), patient=_patient("Alan", "Turing"))


def _patient(first_name: str, last_name: str) -> Patient:
    return Patient(
        external_id="PT", first_name=first_name, last_name=last_name, date_of_birth=date(1950, 12, 10)
    )


def _decided(scene: Scene, **changes: Any) -> None:
    decision = Decision(
        action=Action.APPROVE, signer=SIGNER, decided_at=START - timedelta(hours=1), note=NOTE,
        typed_name="Luis Rivera",
    )  # fmt: skip
    known = {"status": Status.APPROVED, "outcome": Outcome.APPROVED, "decision": decision, **changes}
    scene.put(**known)


def _declined() -> Decision:
    return Decision(
        action=Action.DECLINE, signer=SIGNER, decided_at=START, note=NOTE,
        decline_reason=DeclineReason.CHANGE_THE_PLAN,
    )  # fmt: skip


def _scan(scene: Scene, answer: Mapping[str, Any]) -> str:
    """The key of an uploaded scan, of which the inspection will say `answer`."""
    scene.put()
    scene.enter_code()
    key = f"{scan_prefix(ID)}scn_1"
    scene.memory.files.put(key, b"%PDF a scan", "application/pdf")
    inspector = scene.memory.portal.inspector
    assert isinstance(inspector, FakeInspector)
    inspector.answer = answer
    return key
