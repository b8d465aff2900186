"""The PDF to fax, made in a forked process, so that a hostile document cannot hang or crash the function itself."""

from collections.abc import Iterator

from chalicelib.pdf.assembly.fax import compose_fax
from chalicelib.services.pdf_function.sandbox import SandboxKilled, limit_memory, run_sandboxed
from chalicelib.services.pdf_requests import ComposedFax, ComposeFax
from chalicelib.services.ports import LinkedFiles

SECONDS = 40.0
"""The CPU time limit. The function that waits for the fax ends after 60 seconds."""

MEMORY = 768 * 1024 * 1024
"""The memory limit in bytes, beyond the memory that the function uses already. The function has 1.7 GB."""


def compose(request: ComposeFax, files: LinkedFiles) -> ComposedFax:
    """Write the PDF to fax, unless the PDF is too large, and return its size in bytes in both cases.

    If the document crashes the composition or exceeds a limit, nothing is written, and the size is 0."""
    original = files.read(request.source)
    others = [(part.cover, files.read(part.source)) for part in request.others]

    def work() -> Iterator[bytes]:
        with limit_memory(MEMORY):
            yield compose_fax(request.cover, original, others)

    try:
        (pdf,) = run_sandboxed(work, seconds=SECONDS)
    except SandboxKilled:
        return ComposedFax(0)
    if len(pdf) <= request.max_bytes:
        files.write(request.target, pdf, "application/pdf")
    return ComposedFax(len(pdf))
