"""What the largest file costs on its whole way: 200 pages, each a scan, one byte short of 25 MB.

Each step runs in a process of its own, as each is the work of a function, with the bucket and the sealing key
of the local stack. What it takes at most is what it took itself and what its copy took (`services/apart.py`),
added up: more than is true, since the two share much.
"""

import hashlib
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping

from bench import memory
from chalicelib import bootstrap
from chalicelib.domain.documents import Decision, Document, Sealing, Signer, SigningMethod, StoredPdf
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.status import Action, Outcome, Status
from chalicelib.pdf.models import MAX_PAGES
from chalicelib.services.transaction import Job
from chalicelib.settings import settings
from infrastructure.repository import ROOT
from tests.support.fakes import START
from tests.support.pdf.largest_pdf import largest_pdf
from tests.support.provider_fixtures import a_document, a_store

GIVEN = 1024
"""Megabytes of the smallest of the functions that do this (.chalice/config.json)."""

ORIGINAL, SEALED = "originals/bench/largest.pdf", "uploads/bench/largest-sealed.pdf"


def run(environment: Mapping[str, str]) -> None:
    """Prints a line per step: the megabytes it takes at most, and its seconds of the processor."""
    data = largest_pdf()
    bootstrap.services().files.put(ORIGINAL, data, "application/pdf")
    print(f"The largest file: {len(data):,} bytes, {MAX_PAGES} pages (at most {GIVEN} MB each)")
    for name in STEPS:
        answer = subprocess.run(
            [sys.executable, "-m", "bench.largest", name],
            env=dict(environment),
            check=True,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        megabytes, seconds = json.loads(answer.stdout.splitlines()[-1])
        over = "  OVER" if megabytes > GIVEN else ""
        print(f"  {name:<58} {megabytes:5.0f} MB {seconds:6.1f} s of the processor{over}")
    print()


def _take_in(services: bootstrap.Services) -> None:
    data = services.files.get(ORIGINAL)
    services.files.put(ORIGINAL, data, "application/pdf")
    hashlib.sha256(data).hexdigest()


def _look_into(services: bootstrap.Services) -> None:
    _inspect(services, ORIGINAL, "pdf")


def _show(services: bootstrap.Services) -> None:
    services.page_preparation.prepare(_job(JobName.PREPARE))
    found = _found(services)
    if (found.pages_ready, found.broken_pages) != (MAX_PAGES, ()):
        raise SystemExit("not every page could be shown")


def _seal(services: bootstrap.Services) -> None:
    services.seal_job.seal(_job(JobName.SEAL))
    signed = _found(services).signed
    if signed is None:
        raise SystemExit("it was not sealed")
    services.files.copy(signed.key, SEALED)


def _check(services: bootstrap.Services) -> None:
    _inspect(services, SEALED, "seal")


STEPS: Mapping[str, Callable[[bootstrap.Services], None]] = {
    "taken in: fetched, hashed, stored again (api)": _take_in,
    "inspected (inspect)": _look_into,
    "400 pictures and the text, made and stored (documents)": _show,
    "fetched, stamped, sealed, verified, stored (documents)": _seal,
    "the sealed file verified for anybody (inspect)": _check,
}


def _inspect(services: bootstrap.Services, key: str, kind: str) -> None:
    from chalicelib.adapters.presigned_fetch import fetch
    from chalicelib.services.pdf_jobs import sandboxed_inspection as inspection

    data = fetch(services.files.url(key, seconds=60), most=inspection.MAX_FETCHED_BYTES)
    answer = inspection.inspect(data or b"", kind)
    if "refused" in answer:
        raise SystemExit(answer["refused"])


def _found(services: bootstrap.Services) -> Document:
    found = services.store.document(_document("").id)
    if found is None:
        raise SystemExit("the document is gone")
    return found


def _job(name: JobName) -> Job:
    return Job(queue=QueueName.DOCUMENTS, name=name, event_id="evt_bench", document_id=_document("").id)


def _document(sha256: str) -> Document:
    """Signed, and not sealed yet."""
    original = StoredPdf(key=ORIGINAL, sha256=sha256, pages=MAX_PAGES)
    signer = Signer(
        name="Luis Rivera",
        credential="MD",
        npi="1234567893",
        method=SigningMethod.ELECTRONIC,
        authentication="password",
    )
    decision = Decision(action=Action.APPROVE, signer=signer, decided_at=START, typed_name="Luis Rivera")
    return a_document(
        original=original,
        pages_ready=None,
        status=Status.APPROVED,
        outcome=Outcome.APPROVED,
        decision=decision,
        sealing=Sealing.IN_PROGRESS,
    )


def _taken() -> tuple[float, float]:
    """Megabytes, and seconds of the processor: of this process and its copies."""
    own, copies = (resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    seconds = sum(each.ru_utime + each.ru_stime for each in (own, copies))
    return memory.peak() + copies.ru_maxrss / 1024, seconds


def main(step: str) -> None:
    services = bootstrap.Services(settings())
    sha256 = hashlib.sha256(services.files.get(ORIGINAL)).hexdigest()
    services.store = a_store(_document(sha256))
    STEPS[step](services)
    print(json.dumps(_taken()))


if __name__ == "__main__":
    main(sys.argv[1])
