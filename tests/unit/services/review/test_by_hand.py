import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Sealing
from chalicelib.domain.errors import Conflict, Gone, Invalid
from chalicelib.domain.expiring_records import Secret, SecretKind
from chalicelib.domain.status import Outcome, Status
from chalicelib.services.review.by_hand import ByHand
from chalicelib.services.review.scans import ScanForm, Scans
from tests.support.fakes import START, FakeFiles, FakeInspector
from tests.support.provider_fixtures import a_document
from tests.support.worlds.by_hand_world import DOCUMENT_ID, KEY, World

SCAN = ScanForm(key=KEY, signer_name="Luis Rivera")


class ReplacingInspector(FakeInspector):
    """An inspection of a scan during which the uploader replaces the file by another one."""

    def __init__(self, files: FakeFiles) -> None:
        super().__init__()
        self._files = files

    def look_at(self, key: str) -> Mapping[str, Any]:
        digest = hashlib.sha256(self._files.get(key)).hexdigest()
        self._files.put(KEY, b"%PDF another", "application/pdf")
        return {"sha256": digest, "media_type": "application/pdf", "pages": 1}


@pytest.fixture
def world() -> World:
    return World()


# Reading


def test_reading_with_a_code_is_recorded_as_one_first_view(world: World) -> None:
    visit = world.visit()
    opened = world.by_hand.open(world.document(), visit, world.by())
    world.by_hand.open(opened, visit, world.by())
    world.by_hand.record_download(opened, visit, world.by())
    assert (opened.viewed_at, opened.transmitted_at) == (START, START)
    assert world.event_types() == ["code.accepted", "document.viewed", "document.transmitted"]
    assert opened.transmitted_via == "emailed_code"


def test_a_visit_ends_after_an_hour(world: World) -> None:
    visit = world.visit()
    world.later(minutes=60)
    with pytest.raises(Gone):
        world.by_hand.open(world.document(), visit, world.by())


def test_a_visit_opens_no_other_document(world: World) -> None:
    visit = world.visit()
    with pytest.raises(Gone):
        world.by_hand.open(a_document(id="doc_other"), visit, world.by())


def test_a_correction_and_a_recall_end_a_visit(world: World) -> None:
    visit = world.visit()
    with pytest.raises(Gone):
        world.by_hand.open(replace(world.document(), access=2), visit, world.by())
    world.change(lambda document: document.recall(None, START))
    with pytest.raises(Gone):
        world.by_hand.take_scan(world.document(), SCAN, visit, world.by())


def test_a_session_of_another_kind_opens_nothing(world: World) -> None:
    visit = replace(world.visit(), kind=SecretKind.SESSION)
    with pytest.raises(Gone):
        world.by_hand.open(world.document(), visit, world.by())


# The signed scan


def test_the_upload_form_has_the_documents_prefix_and_redirect(world: World) -> None:
    url, fields = world.by_hand.upload_form(world.document())
    assert url == "https://files.test"
    assert fields["key"].startswith(f"uploads/scans/{DOCUMENT_ID}/scn_")
    assert fields["max_bytes"] == str(25 * 1024 * 1024)
    assert fields["success_action_redirect"] == f"https://portal.test/by-hand/{DOCUMENT_ID}/uploaded"


def test_a_scan_signs_by_hand(world: World) -> None:
    visit = world.visit()
    signed = world.by_hand.take_scan(world.document(), SCAN, visit, world.by())
    assert (signed.status, signed.outcome, signed.sealing) == (Status.APPROVED, Outcome.BY_HAND, Sealing.IN_PROGRESS)
    assert signed.decision is not None
    assert (signed.decision.scan_key, signed.decision.scan_sha256) == (f"evidence/scans/{DOCUMENT_ID}/5ca4", "5ca4")
    assert world.files.get(f"evidence/scans/{DOCUMENT_ID}/5ca4") == b"%PDF a scan"
    assert [kind for _, kind in world.inspector.asked] == ["scan"]
    assert world.inspector.originals == [signed.original.key]
    assert world.event_types() == ["code.accepted", "decision.by_hand"]
    assert [job.name for job in world.store.jobs()] == ["seal", "deliver"]


def test_only_the_file_that_the_page_showed_is_recorded(world: World) -> None:
    visit = world.visit()
    with pytest.raises(Invalid, match=r"We couldn't accept your scan\.") as refused:
        world.by_hand.take_scan(world.document(), replace(SCAN, sha256="beef"), visit, world.by())
    problem = "The file was replaced after we showed it. Choose the file again."
    assert [(error.field, error.message) for error in refused.value.errors] == [("scan", problem)]
    assert (list(world.files.objects), world.document().decision) == ([KEY], None)
    signed = world.by_hand.take_scan(world.document(), replace(SCAN, sha256="5ca4"), visit, world.by())
    assert signed.outcome is Outcome.BY_HAND


@pytest.mark.parametrize("enter", [World.visit, lambda world: world.enter(world.fax_code())], ids=["email", "fax"])
def test_the_account_hears_of_a_scan_that_did_not_come_from_it(world: World, enter: Callable[[World], Secret]) -> None:
    visit = enter(world)
    signed = world.by_hand.take_scan(world.document(), SCAN, visit, world.by())
    world.by_hand.take_scan(signed, SCAN, visit, world.by())
    reports = [mail for mail in world.store.every(Delivery, "deliveries") if mail.type == "decided_elsewhere"]
    assert [(mail.recipient, mail.practice_id) for mail in reports] == [("dr.rivera@example.com", "portal")]
    assert world.document().deliveries == ()


def test_a_document_outside_the_lists_of_an_account_is_reported_to_nobody(world: World) -> None:
    addressee = replace(world.document().addressee, email="clinic@example.com")
    world.change(lambda document: replace(document, addressee=addressee))
    world.by_hand.take_scan(world.document(), SCAN, world.visit(), world.by())
    assert [job.name for job in world.store.jobs()] == ["seal"]


def test_the_signer_has_the_npi_only_under_the_name_the_clinic_gave(world: World) -> None:
    visit = world.visit()
    document = world.document()
    other = world.by_hand.take_scan(document, replace(SCAN, signer_name="Jane Okafor"), visit, world.by())
    assert other.decision is not None
    signer = other.decision.signer
    assert (signer.name, signer.npi, signer.credential, signer.provider_id) == ("Jane Okafor", None, None, None)


def test_the_named_signer_comes_with_credential_and_npi(world: World) -> None:
    signed = world.by_hand.take_scan(world.document(), SCAN, world.visit(), world.by())
    assert signed.decision is not None
    signer = signed.decision.signer
    assert (signer.name, signer.npi, signer.credential, signer.method) == ("Luis Rivera", "1234567893", "MD", "by_hand")
    assert signer.authentication == "code emailed to the address on file, entered 2026-11-22 19:00:00 UTC"


def test_a_signature_after_a_fax_code_says_so(world: World) -> None:
    visit = world.enter(world.fax_code())
    signed = world.by_hand.take_scan(world.document(), SCAN, visit, world.by())
    assert signed.decision is not None
    assert signed.decision.signer.authentication == "code on the fax's cover page, entered 2026-11-22 19:00:00 UTC"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "scn_1",
        "originals/prc_1/0123.pdf",
        "uploads/scans/doc_other/scn_1",
        f"uploads/scans/{DOCUMENT_ID}/",
        f"uploads/scans/{DOCUMENT_ID}/../../x",
        f"uploads/scans/{DOCUMENT_ID}/a/b",
    ],
)
def test_a_key_outside_the_documents_prefix_is_refused_before_any_read(world: World, key: str) -> None:
    visit = world.visit()
    with pytest.raises(Invalid) as refused:
        world.by_hand.take_scan(world.document(), replace(SCAN, key=key), visit, world.by())
    assert [error.field for error in refused.value.errors] == ["scan"]
    assert world.inspector.asked == []


def test_an_unusable_file_is_refused_with_the_reason(world: World) -> None:
    world.inspector.refuse("not_a_scan", "A signed scan has to be a PDF, JPEG or PNG file.")
    with pytest.raises(Invalid) as refused:
        world.by_hand.take_scan(world.document(), SCAN, world.visit(), world.by())
    assert refused.value.errors[0].message == "A signed scan has to be a PDF, JPEG or PNG file."
    assert world.document().status is Status.PENDING
    assert world.files.keys("evidence/scans/") == []


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_a_scan_needs_the_name_of_its_signer(world: World, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        world.by_hand.take_scan(world.document(), replace(SCAN, signer_name=name), world.visit(), world.by())
    assert [error.field for error in refused.value.errors] == ["signer_name"]


def test_the_name_of_a_signer_is_one_line(world: World) -> None:
    form = replace(SCAN, signer_name="Luis Rivera\r\nIdentity: \u202everified")
    signed = world.by_hand.take_scan(world.document(), form, world.visit(), world.by())
    assert signed.decision is not None
    assert signed.decision.signer.name == "Luis Rivera Identity: verified"


def test_the_same_scan_again_changes_nothing(world: World) -> None:
    visit = world.visit()
    signed = world.by_hand.take_scan(world.document(), SCAN, visit, world.by())
    assert world.by_hand.take_scan(signed, SCAN, visit, world.by()) == signed
    assert world.event_types() == ["code.accepted", "decision.by_hand"]


def test_another_scan_of_a_signed_document_is_a_conflict(world: World) -> None:
    visit = world.visit()
    signed = world.by_hand.take_scan(world.document(), SCAN, visit, world.by())
    world.inspector.answer = {"sha256": "07e4", "media_type": "image/png", "pages": 1}
    with pytest.raises(Conflict):
        world.by_hand.take_scan(signed, SCAN, visit, world.by())


def test_a_correction_during_the_inspection_stops_the_scan(world: World) -> None:
    visit = world.visit()
    document = world.document()
    world.store.before_commit = lambda: world.change(lambda d: replace(d, access=d.access + 1))
    with pytest.raises(Gone):
        world.by_hand.take_scan(document, SCAN, visit, world.by())
    assert world.document().decision is None


def test_an_upload_replaced_during_the_inspection_is_not_stored(world: World) -> None:
    """The form for an upload is valid for an hour, so its sender can replace the file after the inspection."""
    visit = world.visit()
    world.inspector = ReplacingInspector(world.files)
    world.by_hand = ByHand(world.writer, Scans(world.writer, world.files, world.inspector))
    signed = world.by_hand.take_scan(world.document(), SCAN, visit, world.by())
    assert signed.decision is not None
    kept = world.files.get(signed.decision.scan_key or "")
    assert kept == b"%PDF a scan"
    assert hashlib.sha256(kept).hexdigest() == signed.decision.scan_sha256


def test_a_scan_after_the_decision_is_not_stored(world: World) -> None:
    visit = world.visit()
    signed = world.by_hand.take_scan(world.document(), SCAN, visit, world.by())
    before = dict(world.files.objects)
    world.files.put(KEY, b"%PDF another", "application/pdf")
    for answer in ({"sha256": "07e4"}, {"sha256": "5ca4"}):
        world.inspector.answer = {"media_type": "application/pdf", "pages": 1, **answer}
        with suppress(Conflict):
            world.by_hand.take_scan(signed, SCAN, visit, world.by())
    assert {**world.files.objects, KEY: before[KEY]} == before


@pytest.mark.parametrize("refused", [False, True])
def test_the_inspected_copy_is_deleted_afterwards(world: World, *, refused: bool) -> None:
    if refused:
        world.inspector.refuse("not_a_scan")
    with suppress(Invalid):
        world.by_hand.take_scan(world.document(), SCAN, world.visit(), world.by())
    ((inspected, _),) = world.inspector.asked
    assert not inspected.startswith("uploads/scans/")
    assert world.files.keys("uploads/") == [KEY]


def test_a_missing_upload_is_an_error_of_the_form(world: World) -> None:
    visit = world.visit()
    world.files.delete(KEY)
    with pytest.raises(Invalid) as refused:
        world.by_hand.take_scan(world.document(), SCAN, visit, world.by())
    assert [error.field for error in refused.value.errors] == ["scan"]
