"""Test what the visible signature and the certificate page of a signed PDF say about a decision."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.audit import Event, make_event
from chalicelib.domain.documents import Decision, DeclineReason, FieldBox, Identity, Signer, SigningMethod
from chalicelib.domain.status import Action
from chalicelib.pdf.models import SignatureBox
from chalicelib.services.labels import CONSENT_TEXTS
from chalicelib.services.pdf_jobs.seal_contents import (
    certificate_facts,
    requested_field,
    seal_spec,
    signature_block,
    trail_entry,
)
from tests.support.fakes import START
from tests.support.provider_fixtures import a_document

DOCUMENT = a_document()
SECOND = timedelta(seconds=1)
STROKES = (((0.1, 0.5), (0.9, 0.5)),)
(CONSENT, CONSENT_TEXT), *_ = CONSENT_TEXTS.items()


def decision(action: Action = Action.APPROVE, **changes: Any) -> Decision:
    signer = Signer(
        name="Luis Rivera",
        credential="MD",
        npi="1234567893",
        method=SigningMethod.ELECTRONIC,
        authentication="account password",
        identity=Identity(method="account", sent_to=None, supplied_by=None, statement="Account of a person."),
    )
    return replace(Decision(action=action, signer=signer, decided_at=START), **changes)


def event(after: timedelta) -> Event:
    return make_event(
        event_id="evt_1",
        document_id=DOCUMENT.id,
        previous_sequence=0,
        previous_hash="",
        type="document.viewed",
        at=START + after,
        actor="portal",
        data={},
        private={"address": "203.0.113.7", "device": "Mozilla/5.0 (iPhone) Safari/605"},
        salt="s",
    )


def facts(made: Decision, *events: Event) -> Any:
    return certificate_facts(DOCUMENT, made, events, verify_url="https://portal.test/verify")


def test_the_certificate_of_an_approval_names_the_signer_with_credential_and_npi() -> None:
    page = facts(decision(note="Fine.", consent_version=CONSENT))
    assert (page.signer_name, page.credential, page.npi) == ("Luis Rivera", "MD", "1234567893")
    assert (page.addressed_to, page.decline_reason, page.note) == (None, None, "Fine.")
    assert (page.consent_version, page.consent_text) == (CONSENT, CONSENT_TEXT)
    assert (page.identity, page.authentication) == ("Account of a person.", "account password")
    assert (page.document_id, page.original_sha256) == (DOCUMENT.id, DOCUMENT.original.sha256)
    assert (page.patient_name, page.external_id) == (DOCUMENT.patient.name, DOCUMENT.external_id)
    assert (page.decided_at, page.time_zone) == (START, "America/Chicago")


def test_the_certificate_of_a_scan_vouches_for_no_credential_and_names_the_addressee() -> None:
    page = facts(decision(Action.SIGN_BY_HAND))
    assert (page.credential, page.npi) == ("", None)
    assert page.addressed_to.startswith("Luis Rivera, MD")
    assert page.addressed_to.endswith("as stated by Hill Country Therapy")


def test_the_certificate_of_a_decline_has_its_reason() -> None:
    page = facts(decision(Action.DECLINE, decline_reason=DeclineReason.NOT_MY_PATIENT))
    assert page.decline_reason
    assert (page.consent_text, page.credential) == (None, "MD")
    bare = decision(signer=replace(decision().signer, credential=None, identity=None))
    assert (facts(bare).credential, facts(bare).identity) == ("", None)


def test_the_trail_on_the_certificate_ends_with_the_decision() -> None:
    before, with_it, later = event(-SECOND), event(timedelta()), event(SECOND)
    page = facts(decision(), before, with_it, later)
    assert [entry.at for entry in page.trail] == [before.at, with_it.at]
    assert page.chain_head == with_it.hash
    assert (facts(decision()).chain_head, facts(decision()).trail) == (None, ())


def test_a_line_of_the_trail_has_the_address_and_the_device_in_words() -> None:
    line = trail_entry(event(SECOND))
    assert (line.event, line.ip, line.device) == ("Opened", "203.0.113.7", "Safari on iPhone")
    erased = trail_entry(replace(event(SECOND), private={}))
    assert (erased.ip, erased.device) == (None, None)


@pytest.mark.parametrize(
    ("shown", "times", "words"),
    [
        ((), (), None),
        ((1, 2), (), "1, 2, as reported by the browser"),
        ((1, 2), (START, START + SECOND), "1 (19:00:00 UTC), 2 (19:00:01 UTC), as reported by the browser"),
    ],
)
def test_the_pages_shown_are_those_that_the_browser_reported(
    shown: tuple[int, ...], times: tuple[Any, ...], words: str | None
) -> None:
    assert facts(decision(pages_shown=shown, pages_shown_at=times)).pages_shown == words


def test_a_ticked_statement_names_the_number_of_pages() -> None:
    assert facts(decision()).read_statement is None
    stated = decision(read_statement=True)
    assert facts(stated).read_statement == "Statement ticked: I have read all 3 pages."
    one = replace(DOCUMENT, original=replace(DOCUMENT.original, pages=1))
    page = certificate_facts(one, stated, (), verify_url="")
    assert page.read_statement == "Statement ticked: I have read the page."


def test_the_signature_block_is_typed_or_drawn() -> None:
    drawn = signature_block(DOCUMENT, decision(strokes=STROKES, strokes_aspect=2.5))
    assert (drawn.typed_name, drawn.strokes, drawn.strokes_aspect) == (None, STROKES, 2.5)
    typed = signature_block(DOCUMENT, decision(typed_name="L. Rivera"))
    assert (typed.typed_name, typed.strokes) == ("L. Rivera", None)
    assert (typed.signer_name, typed.credential, typed.npi) == ("Luis Rivera", "MD", "1234567893")
    assert (typed.signed_at, typed.time_zone, typed.document_id) == (START, "America/Chicago", DOCUMENT.id)


def test_the_requested_box_is_that_of_the_emr() -> None:
    box = FieldBox(page=2, x=3, y=4, width=50, height=60)
    assert requested_field(replace(DOCUMENT, signature_field=box)) == SignatureBox(2, 3, 4, 50, 60)
    assert requested_field(replace(DOCUMENT, signature_field=None)) is None


@pytest.mark.parametrize(
    ("action", "method", "signing", "reason"),
    [
        (Action.APPROVE, "account", "electronic", "Signed electronically by Luis Rivera, MD, NPI 1234567893"),
        (Action.DECLINE, "account", "electronic", "Declined by Luis Rivera, MD, NPI 1234567893"),
        (Action.APPROVE, "emailed_code", "electronic", "Luis Rivera, MD, NPI 1234567893. On screen, by code."),
        (Action.DECLINE, "fax_code", "electronic", "Luis Rivera, MD, NPI 1234567893. On screen, by code."),
        (Action.DECLINE, "returned_copy", "by_hand", "Declined by Luis Rivera, MD, NPI 1234567893"),
        (Action.SIGN_BY_HAND, "fax_code", "by_hand", "Received as signed by hand; the uploader named Luis Rivera"),
    ],
)
def test_the_seal_says_what_is_known_about_a_signer_without_an_account(
    action: Action, method: str, signing: str, reason: str
) -> None:
    identity = Identity(method=method, sent_to=None, supplied_by=None, statement="On screen, by code.")
    made = decision(action)
    signer = replace(made.signer, method=SigningMethod(signing), identity=identity)
    assert seal_spec(DOCUMENT, replace(made, signer=signer), START, 9).reason == reason
