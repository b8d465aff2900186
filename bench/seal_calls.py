"""The AWS calls and the time of the jobs that make page images and sealed PDFs, for a document of three pages.

The jobs run in this process, with the bucket, the key and the functions of the local stack. The store is in memory, so
its calls are not counted. The presigned requests of the `pdf` function are not counted either, but their time is."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from statistics import median

from bench import calls
from bench.largest import signed_document
from chalicelib import bootstrap
from chalicelib.domain.jobs import JobName, QueueName
from chalicelib.services.transaction import Job
from tests.support.pdf.sample_pdfs import plan_of_care
from tests.support.provider_fixtures import a_store

RUNS = 11
ORIGINAL = "originals/bench/three.pdf"

_numbers = count()


def run() -> None:
    """Print the AWS calls and the median time (ms) of a `prepare` job (page images) and of a `seal` job (signed
    PDF)."""
    services = bootstrap.services()
    data = plan_of_care()
    services.files.put(ORIGINAL, data, "application/pdf")
    document = signed_document(ORIGINAL, hashlib.sha256(data).hexdigest(), pages=3)
    print("Jobs of the documents function, three pages, warm, on the local stack")
    for name in (JobName.PREPARE, JobName.SEAL):

        def work(name: JobName = name) -> None:
            job_document = replace(document, id=f"doc_bench_{next(_numbers)}")
            services.store = a_store(job_document)
            # The documents function creates these parts once, and the store is a part of some.
            for part in ("document_writer", "seal_job", "page_preparation"):
                services.__dict__.pop(part, None)
            job = Job(queue=QueueName.DOCUMENTS, name=name, event_id="evt", document_id=job_document.id)
            services.seal_job.seal(job) if name is JobName.SEAL else services.page_preparation.prepare(job)

        work()
        with calls.record_calls() as made:
            work()
        print(f"  {name:<8} {_median(work):6.0f} ms   AWS calls: {calls.summarize(made)}")
    print()


def _median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return median(times)
