"""Test the `seal` job, which makes the signed PDF: after any failure, it releases exactly one verified file."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.audit import find_break
from chalicelib.domain.claim_keys import sealed_claim
from chalicelib.domain.documents import Decision, Document, Sealing, Signer, SigningMethod, StoredPdf
from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.status import Action, Outcome, Status
from chalicelib.pdf.models import SignatureBlock, SignatureBox
from chalicelib.pdf.reader import open_pdf
from chalicelib.pdf.signing import certificate_chain as chain
from chalicelib.pdf.signing import verification
from chalicelib.services.documents.document_resource import document_resource
from chalicelib.services.pdf_function import release_checks, seal_preparation
from chalicelib.services.pdf_function import signature_search as placing
from chalicelib.services.pdf_jobs.seal_certificates import CURRENT_KEY, PUBLISHED_KEY, compute_fingerprints, days_left
from chalicelib.services.pdf_jobs.seal_contents import trail_entry
from chalicelib.services.pdf_jobs.sealer_cache import CACHE_LIFETIME, SealerCache
from chalicelib.services.pdf_requests import CheckedRelease, PrepareDocument
from chalicelib.services.ports import StoredFileCorrupt
from chalicelib.services.transaction import Job
from tests.support.fake_store import FakeStore
from tests.support.fakes import START, FakeClock, FakeFiles, FakeIds, FakeQueues
from tests.support.pdf import attacks, sealing_key
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.fake_pdf import FakePdf
from tests.support.pdf.form_layouts import form
from tests.support.pdf.sealing_key import certificate, key
from tests.support.provider_fixtures import a_document, a_store
from tests.support.worlds.delivery_world import some_settings

ORIGINAL = samples.plan_of_care()
SCAN = samples.picture("JPEG", (800, 1000))
OURS = {chain.fingerprint(certificate())}


class Authority:
    """A fake timestamp authority.

    While `up` is True, it answers every request except the requests in `failing`, counted from 1."""

    up = False
    asked = 0
    at = START
    failing: Collection[int] = ()

    def request(self, query: bytes) -> bytes:
        self.asked += 1
        if not self.up or self.asked in self.failing:
            raise ConnectionRefusedError
        return sealing_key.timestamps(query, at=self.at)


def decided(action: Action, **changes: Any) -> Document:
    digest = hashlib.sha256(ORIGINAL).hexdigest()
    signer = Signer(
        name="Luis Rivera",
        credential="MD",
        npi="1234567893",
        method=SigningMethod.ELECTRONIC,
        authentication="password",
    )
    status = {Action.DECLINE: Status.DECLINED}.get(action, Status.APPROVED)
    decision = Decision(
        action=action,
        signer=signer,
        decided_at=START,
        typed_name="Luis Rivera",
        scan_key="scans/1",
        scan_sha256=hashlib.sha256(SCAN).hexdigest(),
    )
    outcome = {Action.DECLINE: Outcome.DECLINED, Action.SIGN_BY_HAND: Outcome.BY_HAND}.get(action, Outcome.APPROVED)
    original = StoredPdf(key="originals/1.pdf", sha256=digest, pages=3)
    document = a_document(
        status=status, outcome=outcome, decision=decision, sealing=Sealing.IN_PROGRESS, original=original
    )
    return replace(document, **changes)


class Portal(bootstrap.Services):
    """The portal's services for the documents function in memory, with a sealing key of the tests."""

    store: FakeStore
    files: FakeFiles
    clock: FakeClock
    queues: FakeQueues
    pdf: FakePdf

    def __init__(self, document: Document, authority: Authority | None = None) -> None:
        url = "https://tsa.example" if authority is not None else None
        settings = replace(some_settings(), timestamp_authority=url, timestamp_pins=tuple(sealing_key.pins()))
        super().__init__(settings, clock=FakeClock(), ids=FakeIds())
        self.document_id = document.id
        self.store = a_store(document)
        self.files = FakeFiles()
        self.queues = FakeQueues()
        self.pdf = FakePdf(self.files)
        self.files.put("originals/1.pdf", ORIGINAL, "application/pdf")
        self.files.put("scans/1", SCAN, "image/jpeg")
        pem = chain.write_pem([certificate()])
        for place in (CURRENT_KEY, PUBLISHED_KEY):
            self.files.put(place, pem, "application/x-pem-file")
        self.sealer_cache = SealerCache(self.files, key(), authority, settings.timestamp_pins)

    @property
    def document(self) -> Document:
        document = self.store.document(self.document_id)
        assert document is not None
        return document

    @property
    def signed(self) -> StoredPdf:
        assert self.document.signed is not None
        return self.document.signed

    @property
    def job(self) -> Job:
        return Job(queue=QueueName.DOCUMENTS, name=JobName.SEAL, event_id="evt", document_id=self.document_id)

    def seal(self) -> None:
        self.seal_job.seal(self.job)

    def events(self, kind: str) -> int:
        return sum(event.type == kind for event in self.store.events(self.document_id))


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Action.APPROVE, "Signed electronically by Luis Rivera, MD, NPI 1234567893"),
        (Action.DECLINE, "Declined by Luis Rivera, MD, NPI 1234567893"),
        (Action.SIGN_BY_HAND, "Received as signed by hand; the uploader named Luis Rivera"),
    ],
)
def test_the_seal_of_every_decision_names_the_signer_and_the_document(action: Action, reason: str) -> None:
    portal = Portal(decided(action))
    portal.seal()
    data = portal.files.get(portal.signed.key)
    assert hashlib.sha256(data).hexdigest() == portal.signed.sha256
    finding = verification.verify(data, OURS)
    assert finding.verdict == "intact"
    assert finding.seal is not None
    assert (finding.seal.reason, finding.seal.document_id) == (reason, portal.document.id)
    assert (portal.document.sealing, portal.signed.level) == (Sealing.SEALED, "B-B")
    assert find_break(portal.store.events(portal.document.id)) is None


@pytest.mark.parametrize("sign", [bytes, sealing_key.sign_as_another], ids=["unsigned", "signed by others"])
def test_layers_by_usage_are_sealed_as_they_were_shown(sign: Callable[[bytes], bytes]) -> None:
    data = sign(attacks.layers_by_usage())
    original = StoredPdf(key="originals/layers.pdf", sha256=hashlib.sha256(data).hexdigest(), pages=1)
    portal = Portal(decided(Action.APPROVE, original=original))
    portal.files.put(original.key, data, "application/pdf")
    portal.seal()
    sealed = portal.files.get(portal.signed.key)
    assert verification.verify(sealed, OURS).verdict == "intact"
    assert b"/OCG" not in sealed


def test_a_file_whose_pages_look_different_is_made_from_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    portal = Portal(decided(Action.APPROVE))

    def compare(_source: bytes, sealed: bytes, *_: object) -> Iterator[str]:
        yield "" if open_pdf(sealed).pages[0].images else "page 1 does not show what the signer saw"

    monkeypatch.setattr(release_checks, "compare_pages", compare)
    portal.seal()
    attempts = [request.attempt for request in portal.pdf.asked if isinstance(request, PrepareDocument)]
    assert attempts == ["as_is", "rebuilt", "pictures"]
    assert len(open_pdf(portal.files.get(portal.signed.key)).pages[0].images) == 1


def test_a_file_that_never_looks_the_same_is_not_released(monkeypatch: pytest.MonkeyPatch) -> None:
    portal = Portal(decided(Action.APPROVE))
    fault = "page 1 is printed otherwise than it is shown"
    monkeypatch.setattr(release_checks, "compare_pages", lambda *_: iter([fault]))
    with pytest.raises(StoredFileCorrupt, match="printed otherwise"):
        portal.seal()
    assert portal.document.signed is None


def test_every_released_file_is_found_by_its_hash() -> None:
    authority = Authority()
    portal, _ = signed_by_others(authority)
    portal.seal()
    authority.up, authority.at = True, START + timedelta(minutes=15)
    asked_again(portal)
    released = [sealed_claim(pdf.sha256) for pdf in portal.document.released_files]
    assert len(released) == 4
    assert portal.store.claims(released) == dict.fromkeys(released, portal.document.id)


def test_a_file_that_breaks_the_search_is_still_sealed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: object) -> None:
        raise RecursionError

    monkeypatch.setattr(placing, "find_signature_box", broken)
    portal = Portal(decided(Action.APPROVE))
    portal.seal()
    assert verification.verify(portal.files.get(portal.signed.key), OURS).verdict == "intact"
    assert "search for the signature's place lost" in caplog.messages


def test_the_signature_line_is_searched_once_even_if_the_file_is_rebuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    data = form("sig", (160.0, 145.0, 340.0, 165.0))
    original = StoredPdf(key="originals/form.pdf", sha256=hashlib.sha256(data).hexdigest(), pages=1)
    portal = Portal(replace(decided(Action.APPROVE), original=original))
    portal.files.put(original.key, data, "application/pdf")
    searched: list[int] = []

    def counted(data: bytes, pages: int, block: SignatureBlock) -> SignatureBox | None:
        searched.append(len(data))
        return placing.find_field(data, pages, block)

    monkeypatch.setattr(seal_preparation, "find_field", counted)
    portal.seal()
    assert (portal.document.sealing, searched) == (Sealing.SEALED, [len(data)])


def test_a_job_that_runs_twice_seals_once() -> None:
    portal = Portal(decided(Action.APPROVE))
    portal.seal()
    first = portal.signed
    portal.seal()
    assert portal.signed == first
    assert portal.events("document.approved") == 1


def test_two_at_once_release_one_file() -> None:
    portal = Portal(decided(Action.APPROVE))
    portal.store.before_commit = portal.seal
    portal.seal()
    assert portal.events("document.approved") == 1
    assert portal.files.exists(portal.signed.key)


def test_a_job_killed_before_the_release_succeeds_at_the_next_try() -> None:
    portal = Portal(decided(Action.APPROVE))
    portal.store.failing = True
    with pytest.raises(Unavailable):
        portal.seal()
    portal.store.failing = False
    assert portal.document.signed is None
    portal.seal()
    assert verification.verify(portal.files.get(portal.signed.key), OURS).verdict == "intact"
    assert portal.events("document.approved") == 1


def test_an_original_with_another_hash_is_never_sealed() -> None:
    portal = Portal(decided(Action.APPROVE))
    portal.files.put("originals/1.pdf", samples.plan_of_care(2), "application/pdf")
    with pytest.raises(StoredFileCorrupt):
        portal.seal()
    assert portal.document.sealing is Sealing.IN_PROGRESS


def test_a_file_that_fails_verification_is_not_released(monkeypatch: pytest.MonkeyPatch) -> None:
    portal = Portal(decided(Action.APPROVE))
    monkeypatch.setattr(release_checks, "find_faults", lambda *_args, **_more: ["a fault"])
    with pytest.raises(StoredFileCorrupt, match="a fault"):
        portal.seal()
    assert portal.document.signed is None
    assert portal.files.keys("evidence/signed/") == []


def test_a_certificate_that_does_not_fit_the_key_is_refused() -> None:
    portal = Portal(decided(Action.APPROVE))
    other = sealing_key.LocalKey().certificate()
    portal.files.put(CURRENT_KEY, chain.write_pem([other]), "application/x-pem-file")
    with pytest.raises(chain.ChainRefused, match="not for the sealing key"):
        portal.seal()


def test_a_new_certificate_is_used_after_the_cache_lifetime() -> None:
    portal = Portal(decided(Action.APPROVE))
    before = portal.sealer_cache.sealer(START)
    renewed = key().certificate(serial=99)
    portal.files.put(CURRENT_KEY, chain.write_pem([renewed]), "application/x-pem-file")
    assert portal.sealer_cache.sealer(START + CACHE_LIFETIME - timedelta(seconds=1)) is before
    after = portal.sealer_cache.sealer(START + CACHE_LIFETIME)
    assert after.chain.leaf.serial_number == 99


# Timestamps


def test_a_timestamp_makes_the_seal_b_t() -> None:
    authority = Authority()
    authority.up = True
    portal = Portal(decided(Action.APPROVE), authority)
    portal.seal()
    assert (portal.signed.level, portal.signed.timestamp_due) == ("B-T", False)


def test_an_authority_that_fails_delays_nothing_and_is_retried() -> None:
    authority = Authority()
    portal = Portal(decided(Action.APPROVE), authority)
    portal.seal()
    before = portal.signed
    assert (before.level, before.timestamp_due, portal.document.sealing) == ("B-B", True, Sealing.SEALED)

    portal.clock.pass_time(minutes=15)
    assert portal.scheduled_sweep.run()["untimed"] == 1
    ((job, _),) = [entry for entry in portal.queues.sent if entry[0].name == "timestamp"]
    with pytest.raises(ConnectionRefusedError):
        portal.seal_job.add_timestamp(job)
    assert portal.signed == before

    authority.up, authority.at = True, portal.clock.now()
    portal.seal_job.add_timestamp(job)
    portal.seal_job.add_timestamp(job)
    timed = portal.document.timestamped
    assert timed is not None
    assert (timed.level, timed.timestamp_due) == ("B-T", False)
    data = portal.files.get(timed.key)
    assert hashlib.sha256(data).hexdigest() == timed.sha256
    finding = verification.verify(data, OURS, sealing_key.pins())
    assert finding.verdict == "intact"
    assert finding.seal is not None
    assert finding.seal.timestamped_at is not None
    assert portal.events("document.timestamped") == 1
    portal.clock.pass_time(minutes=15)
    assert portal.scheduled_sweep.run()["untimed"] == 0


def signed_pdf_resource(portal: Portal) -> dict[str, Any]:
    """Return the field `signed_pdf` of the document's JSON, as an EMR reads it."""
    signed = document_resource(portal.document, "https://portal.test", START)["signed_pdf"]
    assert signed is not None
    return {**signed}


def test_a_late_timestamp_does_not_change_the_announced_file() -> None:
    authority = Authority()
    portal = Portal(decided(Action.APPROVE), authority)
    portal.seal()
    announced = signed_pdf_resource(portal)
    before = portal.files.get(portal.signed.key)
    assert hashlib.sha256(before).hexdigest() == announced["sha256"]

    authority.up = True
    portal.seal_job.add_timestamp(portal.job)
    now = signed_pdf_resource(portal)
    assert {name: now[name] for name in announced} == announced
    assert portal.files.get(portal.signed.key) == before
    assert now["timestamped"] == {
        "url": f"https://portal.test/v1/documents/{portal.document.id}/signed.pdf?version=timestamped",
        "sha256": portal.document.timestamped and portal.document.timestamped.sha256,
        "level": "B-T",
    }
    assert announced["level"] == "B-B"
    assert now["timestamped"]["sha256"] != announced["sha256"]


@pytest.mark.parametrize("fault", ["the timestamp is wrong", ""])
def test_a_file_whose_late_timestamp_is_faulty_is_not_stored(fault: str) -> None:
    """The function that checks the file either finds a fault, or has checked other bytes than the job would store."""
    authority = Authority()
    portal = Portal(decided(Action.APPROVE), authority)
    portal.seal()
    authority.up = True
    stored = portal.files.keys("evidence/")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portal.pdf, "run", lambda *_: CheckedRelease("0" * 64, fault))
        with pytest.raises(StoredFileCorrupt):
            portal.seal_job.add_timestamp(portal.job)
    assert (portal.files.keys("evidence/"), portal.document.timestamped) == (stored, None)


def test_a_sealed_file_with_other_bytes_gets_no_timestamp() -> None:
    authority = Authority()
    portal = Portal(decided(Action.APPROVE), authority)
    portal.seal()
    authority.up = True
    portal.files.objects[portal.signed.key] = (portal.files.get(portal.signed.key) + b" ", "application/pdf")
    with pytest.raises(StoredFileCorrupt, match="not the one that was recorded"):
        portal.seal_job.add_timestamp(portal.job)
    assert portal.document.timestamped is None


# Documents with other signatures


def signed_by_others(authority: Authority | None = None) -> tuple[Portal, bytes]:
    """Return a portal with a document whose original another person had already signed digitally, and this original."""
    original = sealing_key.sign_as_another(ORIGINAL)
    stored = StoredPdf(key="originals/1.pdf", sha256=hashlib.sha256(original).hexdigest(), pages=3)
    portal = Portal(decided(Action.APPROVE, original=stored), authority)
    portal.files.put(stored.key, original, "application/pdf")
    return portal, original


def test_a_pdf_signed_by_others_keeps_their_signature_and_gets_a_separate_certificate() -> None:
    portal, original = signed_by_others()
    portal.seal()
    data = portal.files.get(portal.signed.key)
    assert data.startswith(original)
    assert [signature.sound for signature in verification.read_signatures(data)] == [True, True]
    apart = portal.document.certificate
    assert apart is not None
    certificate_pdf = portal.files.get(apart.key)
    assert hashlib.sha256(certificate_pdf).hexdigest() == apart.sha256
    assert verification.verify(certificate_pdf, OURS).verdict == "intact"
    resource = signed_pdf_resource(portal)["certificate"]
    assert (resource["sha256"], resource["level"]) == (apart.sha256, "B-B")
    released = portal.store.events(portal.document.id)[-1]
    assert json.loads(released.body)["data"]["certificate_sha256"] == apart.sha256


def asked_again(portal: Portal) -> None:
    portal.clock.pass_time(minutes=15)
    assert portal.scheduled_sweep.run()["untimed"] == 1
    ((job, _),) = [entry for entry in portal.queues.sent if entry[0].name == "timestamp"]
    portal.seal_job.add_timestamp(job)
    portal.seal_job.add_timestamp(job)
    portal.clock.pass_time(minutes=15)
    assert portal.scheduled_sweep.run()["untimed"] == 0
    assert portal.events("document.timestamped") == 1


def test_a_separate_certificate_gets_its_late_timestamp_and_stays_as_announced() -> None:
    authority = Authority()
    portal, _ = signed_by_others(authority)
    portal.seal()
    announced = signed_pdf_resource(portal)["certificate"]
    authority.up, authority.at = True, START + timedelta(minutes=15)
    asked_again(portal)
    timed = portal.document.timestamped_certificate
    assert timed is not None
    assert portal.document.timestamped is not None
    assert (timed.level, timed.timestamp_due) == ("B-T", False)
    finding = verification.verify(portal.files.get(timed.key), OURS, sealing_key.pins())
    assert finding.seal is not None
    assert (finding.verdict, finding.seal.level) == ("intact", "B-T")
    resource = signed_pdf_resource(portal)["certificate"]
    assert {name: resource[name] for name in announced} == announced
    assert resource["timestamped"] == {
        "url": announced["url"].replace("=certificate", "=timestamped-certificate"),
        "sha256": timed.sha256,
        "level": "B-T",
    }
    noted = json.loads(portal.store.events(portal.document.id)[-1].body)["data"]
    assert noted["certificate_sha256"] == timed.sha256


def test_only_the_certificate_gets_a_timestamp_if_only_the_certificate_lacks_one() -> None:
    authority = Authority()
    portal, _ = signed_by_others(authority)
    authority.failing = {2}
    authority.up = True
    portal.seal()
    authority.at = START + timedelta(minutes=15)
    lacking = [portal.document.signed, portal.document.certificate]
    assert [pdf and pdf.timestamp_due for pdf in lacking] == [False, True]
    asked_again(portal)
    assert portal.document.timestamped is None
    assert portal.document.timestamped_certificate is not None


# Certificates


def test_the_days_of_a_certificate_are_counted() -> None:
    portal = Portal(decided(Action.APPROVE))
    expires = certificate().not_valid_after
    assert days_left(portal.files, expires - timedelta(days=59, hours=1)) == 59
    portal.files.delete(CURRENT_KEY)
    assert days_left(portal.files, START) is None


def test_fingerprints_are_those_of_the_library_for_certificates() -> None:
    other = sealing_key.LocalKey().certificate()
    pem = chain.write_pem([certificate(), other])
    assert compute_fingerprints(pem) == [chain.fingerprint(certificate()), chain.fingerprint(other)]


def test_the_certificate_names_a_device_in_words_that_fit_its_column() -> None:
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Safari/604.1"
    portal = Portal(decided(Action.APPROVE))
    portal.seal()
    event = portal.store.events(portal.document_id)[0]
    seen = replace(event, private={"address": "203.0.113.24", "device": agent})
    assert trail_entry(seen).device == "Safari on iPhone"
    assert trail_entry(replace(event, private={})).device is None
