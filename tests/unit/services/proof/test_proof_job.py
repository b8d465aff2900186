"""Test the job that makes the sealed PDF which proves that a plan reached its provider.

The portal releases exactly one file for the same facts."""

import hashlib
from dataclasses import replace

import pytest

from chalicelib.domain.claim_keys import proof_claim, sealed_claim
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.status import Action
from chalicelib.pdf.signing import verification
from chalicelib.services.ports import StoredFileCorrupt
from chalicelib.services.proof.proofs import hash_facts
from chalicelib.services.transaction import Change, Claim, Job
from chalicelib.workers import documents
from tests.support.fakes import START
from tests.support.pdf import sample_pdfs as samples
from tests.support.provider_fixtures import only_doing
from tests.unit.services.pdf_jobs.test_release_maker import taken_over
from tests.unit.services.pdf_jobs.test_seal_job import OURS, Portal, decided


@pytest.fixture
def portal() -> Portal:
    return Portal(decided(Action.DECLINE))


def request(portal: Portal) -> str | None:
    return portal.proofs.find_or_request_pdf(portal.document, portal.clock.now())


def run_jobs(portal: Portal) -> None:
    """Run the queued jobs that make a proof's PDF, and remove them from the outbox."""
    jobs = portal.store.jobs()
    portal.store.tables.pop("outbox", None)
    for job in jobs:
        portal.proof_job.make(job)


def sealed_files(portal: Portal) -> list[str]:
    return portal.files.keys("evidence/signed/")


def test_the_first_request_queues_a_job_and_later_requests_get_the_file(portal: Portal) -> None:
    assert request(portal) is None
    (job,) = portal.store.jobs()
    assert job == Job(
        queue=QueueName.DOCUMENTS, name=JobName.PROOF, event_id=job.event_id, document_id=portal.document.id
    )
    run_jobs(portal)
    key = request(portal)
    assert key is not None
    assert portal.store.jobs() == ()
    data = portal.files.get(key)
    digest = hashlib.sha256(data).hexdigest()
    assert key == f"evidence/signed/{portal.document.id}/{digest}.pdf"
    finding = verification.verify(data, OURS)
    assert finding.verdict == "intact"
    assert finding.seal is not None
    assert finding.seal.reason == "Proof of transmission, compiled by the portal from the audit trail"
    assert finding.seal.document_id == portal.document.id
    assert portal.store.claims([sealed_claim(digest)]) == {sealed_claim(digest): portal.document.id}
    text = samples.one_line(" ".join(samples.texts(data)))
    assert "Proof of transmission" in text
    assert "portal.test/verify" in text
    assert "7. What this proof does not show" in text


def test_the_worker_makes_the_proof(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib import workers

    made: list[Job] = []
    monkeypatch.setattr(workers, "services", lambda: portal)
    monkeypatch.setattr(portal.proof_job, "make", made.append)
    job = Job(queue=QueueName.DOCUMENTS, name=JobName.PROOF, event_id="prf_1", document_id=portal.document.id)
    workers._DOCUMENT_JOBS[job.name](job, portal)
    assert made == [job]
    assert documents({"Records": []}) == {"batchItemFailures": []}


def test_a_repeated_job_makes_no_second_file(portal: Portal) -> None:
    request(portal)
    request(portal)
    assert len(portal.store.jobs()) == 2
    run_jobs(portal)
    assert len(sealed_files(portal)) == 1


def test_changed_facts_and_another_day_give_another_file(portal: Portal) -> None:
    request(portal)
    run_jobs(portal)
    first = request(portal)
    changed = replace(portal.document, version=portal.document.version + 1, viewed_at=START)
    portal.store.commit(Change(at=START, documents=(changed,)))
    assert request(portal) is None
    run_jobs(portal)
    second = request(portal)
    portal.clock.pass_time(hours=1)
    assert request(portal) == second
    portal.clock.pass_time(days=1)
    assert request(portal) is None
    run_jobs(portal)
    assert len({first, second, request(portal)}) == 3


def test_a_file_that_lost_the_race_is_never_released(portal: Portal) -> None:
    proof = portal.proofs.compile(portal.document, portal.clock.now())
    claim = Claim(key=proof_claim(portal.document.id, hash_facts(proof)), owner="other")
    request(portal)
    portal.store.before_commit = only_doing(lambda: portal.store.commit(Change(at=START, claims=(claim,))))
    run_jobs(portal)
    assert request(portal) == f"evidence/signed/{portal.document.id}/other.pdf"
    (key,) = sealed_files(portal)
    digest = key.rpartition("/")[2].removesuffix(".pdf")
    assert portal.store.claims([sealed_claim(digest)]) == {}


def test_a_job_that_crashed_before_the_release_releases_the_next_file(portal: Portal) -> None:
    request(portal)
    portal.store.failing = True
    with pytest.raises(Exception, match="database"):
        portal.proof_job.make(portal.store.jobs()[0])
    portal.store.failing = False
    portal.clock.pass_time(seconds=5)
    run_jobs(portal)
    assert request(portal) in sealed_files(portal)


def test_a_missing_document_has_no_proof(portal: Portal) -> None:
    portal.proof_job.make(Job(queue=QueueName.DOCUMENTS, name=JobName.PROOF, event_id="prf_1", document_id="doc_none"))
    portal.proof_job.make(Job(queue=QueueName.DOCUMENTS, name=JobName.PROOF, event_id="prf_1"))
    assert sealed_files(portal) == []


def test_a_file_with_a_fault_is_not_released() -> None:
    portal, signed = taken_over(lambda result: replace(result, fault="page 1 is missing"))
    request(portal)
    with pytest.raises(StoredFileCorrupt, match="page 1 is missing"):
        portal.proof_job.make(portal.store.jobs()[0])
    assert (sealed_files(portal), signed) == ([], [])
    assert request(portal) is None


def test_the_pdf_function_gets_links_to_its_own_draft_only(portal: Portal) -> None:
    request(portal)
    run_jobs(portal)
    prepare, check = portal.pdf.asked
    assert prepare.target.fields["key"].startswith(f"work/seals/{portal.document.id}/")  # type: ignore[attr-defined]  # - a request to prepare a proof
    assert check.source is None  # type: ignore[attr-defined]  # - a request to check a release
