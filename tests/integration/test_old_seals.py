"""Test a PDF that the portal sealed (digitally signed) three years ago, with an older key and certificate."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from chalicelib.domain.documents import StoredPdf
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.status import Action
from chalicelib.pdf.signing import certificate_chain as chain
from chalicelib.services.pdf_jobs.seal_certificates import CURRENT_KEY
from chalicelib.services.transaction import Change, Job
from infrastructure import seal_certificate
from infrastructure.repository import ROOT
from tests.support.integration.local_workers import Works
from tests.support.integration.signing import checked_at_verify
from tests.support.pdf import sample_pdfs as samples
from tests.support.stack import SamplePractice, Stack
from tests.unit.services.pdf_jobs.test_seal_job import decided

NOW = datetime.now(UTC).replace(microsecond=0)
THEN = NOW - timedelta(days=3 * 365)
PDF = samples.plan_of_care()


@pytest.fixture
def stack(sleeping_stack: Stack) -> Iterator[Stack]:
    """Yield the deployed portal without its workers, and restore the sealing certificate after the test."""
    s3, place = sleeping_stack.client("s3"), {"Bucket": sleeping_stack.outputs["Bucket"], "Key": CURRENT_KEY}
    before = s3.get_object(**place)["Body"].read()
    yield sleeping_stack
    s3.put_object(**place, Body=before)


def seal_with_a_certificate_of_one_year(works: Works, stack: Stack) -> None:
    key = seal_certificate.SealStore(stack.client, stack.outputs).key
    made = chain.issue_self_signed(
        key.public_key(), key.sign, name="Seal of that year", serial=uuid4().int >> 2, at=THEN, years=1
    )
    seal_certificate.install(stack.client, stack.outputs, chain.write_pem([made]), THEN)
    works.clock.at = THEN


def sealed_then(works: Works, practice: SamplePractice) -> tuple[str, str]:
    """Decide and seal a document at a time three years ago. Return the document's id and the sealed file's S3 key."""
    document_id, services = f"doc_{uuid4().hex[:12]}", works.services
    kept = services.store.practice(practice.id)
    assert kept is not None
    original = StoredPdf(
        key=f"originals/{practice.id}/{document_id}.pdf", sha256=hashlib.sha256(PDF).hexdigest(), pages=3
    )
    services.files.put(original.key, PDF, "application/pdf")
    document = decided(
        Action.APPROVE,
        id=document_id,
        practice_id=practice.id,
        practice=kept.card(),
        original=original,
        external_id=f"POC-{document_id}",
        sent_at=THEN - timedelta(days=2),
    )
    assert document.decision is not None
    document = replace(document, decision=replace(document.decision, decided_at=THEN))
    services.store.commit(Change(at=THEN, documents=(document,)))
    job = Job(queue=QueueName.DOCUMENTS, name=JobName.SEAL, event_id="evt_then", document_id=document_id)
    services.seal_job.seal(job)
    found = services.store.document(document_id)
    assert found is not None
    assert found.signed is not None
    return document_id, found.signed.key


def since_then(works: Works, stack: Stack, practice: SamplePractice, key: str) -> None:
    """Do what may happen in three years after a PDF was sealed.

    The sealing key is replaced, electronic signatures are switched off, and the file (`key`) moves to a colder S3
    tier."""
    works.clock.at = NOW
    made = stack.client("kms").create_key(KeySpec="RSA_3072", KeyUsage="SIGN_VERIFY")
    outputs = {**stack.outputs, "SealingKeyArn": made["KeyMetadata"]["Arn"]}
    assert seal_certificate.ensure(stack.client, outputs, NOW)
    with pytest.raises(chain.ChainRefused):
        works.services.sealer_cache.sealer(NOW)
    works.services.switches.set_electronic_signature(practice.id, on=False)
    s3, bucket = stack.client("s3"), stack.outputs["EvidenceBucket"]
    s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": key}, StorageClass="GLACIER_IR")
    assert s3.head_object(Bucket=bucket, Key=key)["StorageClass"] == "GLACIER_IR"


def test_a_file_sealed_three_years_ago_verifies_offline_and_at_verify(
    works: Works, stack: Stack, tmp_path: Path
) -> None:
    practice = stack.practice()
    seal_with_a_certificate_of_one_year(works, stack)
    document_id, key = sealed_then(works, practice)
    since_then(works, stack, practice, key)

    data = fetched(stack, practice, document_id)
    offline = at_the_command_line(stack, data, tmp_path)
    assert (offline["verdict"], offline["certificate_checked"]) == ("intact", True)
    assert (offline["seal"]["document_id"], offline["seal"]["level"]) == (document_id, "B-B")
    assert offline["seal"]["claimed_at"].startswith(f"{THEN:%Y-%m-%d}")
    page = checked_at_verify(stack, data)
    assert "Genuine and unchanged" in page
    assert document_id in page
    changed = data.replace(b"/MediaBox", b"/MediaBux")
    assert at_the_command_line(stack, changed, tmp_path)["verdict"] == "broken"


def fetched(stack: Stack, practice: SamplePractice, document_id: str) -> bytes:
    headers = {"authorization": f"Bearer {practice.api_key}"}
    result = stack.http.get(f"/v1/documents/{document_id}", headers=headers).json()["signed_pdf"]
    place = stack.http.get(f"/v1/documents/{document_id}/signed.pdf", headers=headers).headers["location"]
    data = httpx.get(place).content
    assert hashlib.sha256(data).hexdigest() == result["sha256"]
    return data


def at_the_command_line(stack: Stack, data: bytes, folder: Path) -> dict[str, Any]:
    """Verify a sealed PDF by the command `python -m chalicelib.pdf.verify`, and return its result (JSON).

    The command gets the published certificates in a file in `folder`."""
    file, certificates = folder / "signed.pdf", folder / "certificates.pem"
    file.write_bytes(data)
    certificates.write_bytes(stack.http.get("/verify/certificates").content)
    command = [sys.executable, "-m", "chalicelib.pdf.verify", str(file), "--certificates", str(certificates)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    result: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode == 0) == (result["verdict"] == "intact")
    return result
