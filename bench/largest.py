"""The memory and CPU time for the largest file that the portal accepts, at every step: 200 pages, just under 25 MB.

Each step is the work of one Lambda function, so it runs in a separate process, with the bucket and the sealing key of
the local stack. The memory of a step is the sum of the process and its sandbox (`services/pdf_function/sandbox.py`).
The true value is smaller, since the two share memory."""

import hashlib
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import TypeVar

from bench import memory
from chalicelib import bootstrap, workers
from chalicelib.adapters import json_codec as codec
from chalicelib.domain.documents import Decision, Document, Sealing, StoredPdf
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.domain.status import Action, Outcome, Status
from chalicelib.pdf.models import MAX_PAGES
from chalicelib.services.transaction import Job
from chalicelib.settings import settings
from infrastructure.repository import ROOT
from tests.support.fakes import START
from tests.support.pdf.largest_pdf import largest_pdf
from tests.support.provider_fixtures import SIGNER, a_document, a_store

GIVEN = 1024
"""The memory in megabytes of the smallest function that does this work (.chalice/config.json)."""

T = TypeVar("T")
DOCUMENT_ID = a_document().id
ORIGINAL, SEALED = "originals/bench/largest.pdf", "uploads/bench/largest-sealed.pdf"


def run(environment: Mapping[str, str]) -> None:
    """Print the peak memory (MB) and the CPU time (s) of each step that handles the largest file."""
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
        print(f"  {name:<58} {megabytes:5.0f} MB {seconds:6.1f} s of CPU time{over}")
    print()


def _accept(services: bootstrap.Services) -> None:
    data = services.files.get(ORIGINAL)
    services.files.put(ORIGINAL, data, "application/pdf")
    hashlib.sha256(data).hexdigest()


def _inspect_original(services: bootstrap.Services) -> None:
    _inspect(services, ORIGINAL, "pdf")


def _prepare_pages(services: bootstrap.Services) -> None:
    services.page_preparation.prepare(_job(JobName.PREPARE))
    document = _load_document(services)
    if (document.pages_ready, document.broken_pages) != (MAX_PAGES, ()):
        raise SystemExit("not every page could be rendered")


def _seal(services: bootstrap.Services) -> None:
    services.seal_job.seal(_job(JobName.SEAL))
    signed = _load_document(services).signed
    if signed is None:
        raise SystemExit("the document was not sealed")
    services.files.copy(signed.key, SEALED)


def _verify_seal(services: bootstrap.Services) -> None:
    _inspect(services, SEALED, "seal")


STEPS: Mapping[str, Callable[[bootstrap.Services], None]] = {
    "accept: fetch, hash and store again (api)": _accept,
    "inspect (inspect)": _inspect_original,
    "make and store 400 images and the text (documents, pdf)": _prepare_pages,
    "fetch, stamp, seal, verify and store (documents, pdf)": _seal,
    "verify the sealed file for a visitor (inspect)": _verify_seal,
}


def _inspect(services: bootstrap.Services, key: str, kind: str) -> None:
    from chalicelib.adapters.presigned_links import fetch
    from chalicelib.services.pdf_function import inspection

    data = fetch(services.files.url(key, seconds=60), most=inspection.MAX_FETCHED_BYTES)
    answer = inspection.inspect(data or b"", kind)
    if "refused" in answer:
        raise SystemExit(answer["refused"])


def _load_document(services: bootstrap.Services) -> Document:
    document = services.store.document(DOCUMENT_ID)
    if document is None:
        raise SystemExit("the document is gone")
    return document


def _job(name: JobName) -> Job:
    return Job(queue=QueueName.DOCUMENTS, name=name, event_id="evt_bench", document_id=DOCUMENT_ID)


class InProcessPdf:
    """A replacement of the Lambda function `pdf` that does its work in this process, so that its memory is measured.

    It reads and writes files by real presigned links."""

    def run(self, request: object, result: type[T]) -> T:
        body = workers.pdf({"work": type(request).__name__, "request": codec.dump(request)})
        return codec.load(result, body["result"])


def signed_document(key: str, sha256: str, *, pages: int) -> Document:
    """Return a document that its provider has signed, with the PDF at `key` as its original, for a `seal` job."""
    original = StoredPdf(key=key, sha256=sha256, pages=pages)
    decision = Decision(action=Action.APPROVE, signer=SIGNER, decided_at=START, typed_name=SIGNER.name)
    return a_document(
        original=original,
        pages_ready=None,
        status=Status.APPROVED,
        outcome=Outcome.APPROVED,
        decision=decision,
        sealing=Sealing.IN_PROGRESS,
    )


def _measure_usage() -> tuple[float, float]:
    """Return the peak memory in megabytes, and the CPU time in seconds, of this process and its child processes."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    seconds = sum(usage.ru_utime + usage.ru_stime for usage in (own, children))
    return memory.peak() + children.ru_maxrss / 1024, seconds


def main(step: str) -> None:
    services = bootstrap.Services(settings())
    sha256 = hashlib.sha256(services.files.get(ORIGINAL)).hexdigest()
    services.store = a_store(signed_document(ORIGINAL, sha256, pages=MAX_PAGES))
    services.pdf = InProcessPdf()
    STEPS[step](services)
    print(json.dumps(_measure_usage()))


if __name__ == "__main__":
    main(sys.argv[1])
