"""Test the signature fields of the review page: typed, drawn and saved signatures, and the preview."""

import base64
import io
import json
from dataclasses import replace

import pytest
from chalice.test import HTTPResponse
from PIL import Image

from chalicelib.domain.documents import Decision, FieldBox
from chalicelib.domain.status import Status
from chalicelib.services.review.decisions import CONSENT_VERSION
from chalicelib.services.transaction import Change
from tests.support.accounts import logged_in, portal_with, stored_provider
from tests.support.fakes import START
from tests.support.portal import Browser, Portal, text
from tests.support.provider_fixtures import a_document

REVIEW = "/documents/doc_abcdef123456"
STROKES = [[[0.1, 0.5], [0.4, 0.2], [0.6, 0.8]], [[0.7, 0.5], [0.9, 0.4]]]
DRAWING = json.dumps({"aspect": 2.5, "strokes": STROKES})


@pytest.fixture
def portal() -> Portal:
    return portal_with(a_document())


@pytest.fixture
def browser(portal: Portal) -> Browser:
    return logged_in(portal)


def approve(browser: Browser, document_id: str = "doc_abcdef123456", **fields: str) -> HTTPResponse:
    given = {"typed_name": "Luis Rivera", "pages_shown": "1,2,3", "consent": CONSENT_VERSION, **fields}
    return browser.post(f"/documents/{document_id}/approve", given)


def decision(portal: Portal, document_id: str = "doc_abcdef123456") -> Decision:
    document = portal.store.document(document_id)
    assert document is not None
    assert document.decision is not None
    return document.decision


def test_a_drawn_signature_is_stored_as_strokes_with_the_aspect_of_the_pad(portal: Portal, browser: Browser) -> None:
    approve(browser, signature="drawn", drawing=DRAWING)
    kept = decision(portal)
    assert kept.strokes == tuple(tuple(map(tuple, stroke)) for stroke in STROKES)
    assert (kept.strokes_aspect, kept.typed_name) == (2.5, None)


@pytest.mark.parametrize("drawing", ["", "{", json.dumps({"aspect": 2.5, "strokes": [[[2, 2], [0, 0]]]})])
def test_an_approval_without_a_drawing_is_refused(portal: Portal, browser: Browser, drawing: str) -> None:
    answer = approve(browser, signature="drawn", drawing=drawing, note="Kept")
    assert answer.status_code == 422
    assert "Draw your signature, or type it instead." in text(answer)
    assert "Kept</textarea>" in answer.body.decode()
    document = portal.store.document("doc_abcdef123456")
    assert document is not None
    assert document.status is Status.PENDING


def test_a_refused_approval_keeps_the_drawing(browser: Browser) -> None:
    body = approve(browser, signature="drawn", drawing=DRAWING, pages_shown="1").body.decode()
    assert DRAWING.replace('"', "&#34;") in body
    assert 'value="drawn" data-chosen' in body


def test_a_signature_is_saved_only_on_request(portal: Portal, browser: Browser) -> None:
    approve(browser, signature="drawn", drawing=DRAWING)
    assert stored_provider(portal).saved_signature is None


@pytest.mark.parametrize(("how", "shown"), [("drawn", '<path d="M25 50l0 0Q100 20'), ("typed", ">L. Rivera</p>")])
def test_a_saved_signature_signs_the_next_document(portal: Portal, browser: Browser, how: str, shown: str) -> None:
    approve(browser, signature=how, drawing=DRAWING, typed_name="L. Rivera", remember="yes")
    portal.store.commit(Change(at=START, documents=(a_document(id="doc_next"),)))
    page = browser.get("/documents/doc_next").body.decode()
    assert shown in page
    assert 'value="saved" checked' in page
    approve(browser, "doc_next", signature="saved", typed_name="")
    first, second = decision(portal), decision(portal, "doc_next")
    assert (second.strokes, second.typed_name) == (first.strokes, first.typed_name)
    assert second.strokes_aspect == first.strokes_aspect


def test_consent_and_signature_are_saved_in_one_write(portal: Portal, browser: Browser) -> None:
    before = stored_provider(portal).version
    approve(browser, signature="drawn", drawing=DRAWING, remember="yes")
    kept = stored_provider(portal)
    assert (kept.version, kept.consent_version) == (before + 1, CONSENT_VERSION)
    assert kept.saved_signature


def test_removing_a_saved_signature_keeps_the_other_fields(portal: Portal, browser: Browser) -> None:
    remembering = replace(stored_provider(portal), version=2, saved_signature=json.dumps({"typed": "L. Rivera"}))
    portal.store.commit(Change(at=START, providers=(remembering,)))
    answer = browser.post(f"{REVIEW}/forget-signature", {"note": "Half a note", "signature": "saved"})
    assert stored_provider(portal).saved_signature is None
    body = answer.body.decode()
    assert "Half a note</textarea>" in body
    assert "Your saved signature" not in body
    assert 'value="typed" checked' in body


def test_a_signature_removed_in_another_tab_cannot_sign(browser: Browser) -> None:
    answer = approve(browser, signature="saved")
    assert answer.status_code == 422
    assert "Your saved signature is gone. Type or draw it once more." in text(answer)


def test_the_preview_has_the_proportions_of_the_signature_box(portal: Portal, browser: Browser) -> None:
    document = a_document(id="doc_box", signature_field=FieldBox(page=3, x=50, y=60, width=200, height=60))
    portal.store.commit(Change(at=START, documents=(document,)))
    answer = browser.post("/documents/doc_box/signature", signature="drawn", drawing=DRAWING)
    picture = Image.open(io.BytesIO(base64.b64decode(json.loads(answer.body)["picture"])))
    assert picture.size == (600, 180)
    darkest, _ = picture.convert("L").getextrema()
    assert darkest == 0


def test_the_preview_shows_errors(browser: Browser) -> None:
    answer = browser.post(f"{REVIEW}/signature", signature="typed", typed_name="Jane Okafor")
    assert json.loads(answer.body) == {"trouble": "Type your own name to sign: Luis Rivera."}
