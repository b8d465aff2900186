"""The preparation of a decided document's file for its seal (the portal's digital signature), in a forked process.

The file gets the signature block, the certificate page and a placeholder. The caller, who has the key, later inserts
the seal's signed message into the placeholder."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace

from aws_lambda_powertools import Logger

from chalicelib.pdf.assembly.pictures import draw_as_pictures
from chalicelib.pdf.inspection import is_pdf
from chalicelib.pdf.models import FaxedSheet, SignatureBox
from chalicelib.pdf.signing.lost_signatures import name_lost_signatures
from chalicelib.pdf.signing.sealed_document import (
    PreparedDocument,
    prepare_by_fax,
    prepare_by_hand,
    prepare_certificate,
    prepare_declined,
    prepare_proof,
    prepare_signed,
)
from chalicelib.services.pdf_function import fax_reading
from chalicelib.services.pdf_function.sandbox import SandboxKilled, limit_memory, run_sandboxed
from chalicelib.services.pdf_function.signature_search import find_field, read_box
from chalicelib.services.pdf_requests import PrepareCertificate, PreparedFile, PrepareDocument, PrepareProof, UploadLink
from chalicelib.services.ports import LinkedFiles

logger = Logger(service="portal", child=True)

SECONDS = 90.0
"""The CPU time limit of pictures, certificates and proofs. Pictures of 200 scanned pages take 40 seconds."""

PAGE_SECONDS = 30.0
"""The CPU time limit of a file that is not made from pictures. Its caller then still has time for the pictures."""

MEMORY = 1024 * 1024 * 1024
"""The memory limit in bytes, beyond the memory that the function uses already. The function has 1.7 GB."""


def prepare_file(request: PrepareDocument, files: LinkedFiles) -> PreparedFile:
    """Write the prepared file, and return the position of the seal's placeholder and the other facts of the file."""
    source = files.read(request.source)
    pictures = _draw_sheets(request, files)
    request = _search_once(request, source)
    searched = PreparedFile(searched=request.searched, found=request.found, is_pdf=is_pdf(source))
    seconds = SECONDS if request.attempt == "pictures" else PAGE_SECONDS
    return _run(lambda: _prepare(request, source, pictures), request.target, files, searched, seconds)


def prepare_separate_certificate(request: PrepareCertificate, files: LinkedFiles) -> PreparedFile:
    """Write the certificate page as a separate file to be sealed, and return the position of the seal's placeholder."""

    def work() -> PreparedDocument:
        return prepare_certificate(request.block, certificate=request.certificate, seal=request.seal)

    return _run(work, request.target, files, PreparedFile())


def prepare_proof_sheet(request: PrepareProof, files: LinkedFiles) -> PreparedFile:
    """Write a proof of transmission as a PDF without its seal, and return the position of the seal's placeholder.

    The proof shows that a plan reached its provider. The caller later inserts the seal (a digital signature)."""
    return _run(lambda: prepare_proof(request.sheet, seal=request.seal), request.target, files, PreparedFile())


def _search_once(request: PrepareDocument, source: bytes) -> PrepareDocument:
    """Search the source for a place to sign, if the request needs one, and return the request with the result.

    The search may take seconds, so a request with the result of an earlier search is returned unchanged."""
    has_box = request.field is not None and request.field.is_on(request.pages)
    if request.block is None or request.searched or has_box:
        return request
    return replace(request, searched=True, found=find_field(source, request.pages, request.block))


def _draw_sheets(request: PrepareDocument, files: LinkedFiles) -> Mapping[FaxedSheet, bytes]:
    """Return pictures (PNG) of the sheets that come from faxes.

    The sheets of a fax that cannot be opened are missing. A page that ends a forked process must not end the
    preparation: it would end every attempt, and the document would never be sealed."""
    pictures: dict[FaxedSheet, bytes] = {}
    for fax, link in enumerate(request.faxes):
        numbers = list(dict.fromkeys(sheet.number for sheet in request.sheets if sheet.fax == fax))
        drawn = fax_reading.draw(files.read(link), numbers)
        pictures.update({FaxedSheet(fax, number): png for number, png in drawn.items()})
    return pictures


def _prepare(request: PrepareDocument, source: bytes, pictures: Mapping[FaxedSheet, bytes]) -> PreparedDocument:
    if request.attempt == "pictures":
        certificate = name_lost_signatures(request.certificate, source)
        prepared = _prepare_pages(replace(request, certificate=certificate), draw_as_pictures(source), pictures)
        return replace(prepared, lost=len(certificate.lost_signatures))
    return _prepare_pages(request, source, pictures)


def _prepare_pages(request: PrepareDocument, data: bytes, pictures: Mapping[FaxedSheet, bytes]) -> PreparedDocument:
    certificate, seal, rebuild = request.certificate, request.seal, request.attempt == "rebuilt"
    if request.decision == "by_hand":
        return prepare_by_hand(data, certificate=certificate, seal=seal)
    if request.decision == "by_fax":
        return prepare_by_fax(data, pictures, request.sheets, certificate=certificate, seal=seal)
    if request.block is None:
        return prepare_declined(data, certificate=certificate, seal=seal, rebuild=rebuild)
    return prepare_signed(
        data,
        block=request.block,
        field=request.field,
        certificate=certificate,
        seal=seal,
        rebuild=rebuild,
        find=lambda *_: request.found,
    )


def _run(
    work: Callable[[], PreparedDocument],
    target: UploadLink,
    files: LinkedFiles,
    facts: PreparedFile,
    seconds: float = SECONDS,
) -> PreparedFile:
    """Do `work` in a forked process, write the prepared file to `target`, and return `facts` with the file's positions.

    If the work crashes or exceeds a limit, such as `seconds` of CPU time, nothing is written, and the result has a
    `fault`."""

    def pieces() -> Iterator[bytes]:
        with limit_memory(MEMORY):
            made = work()
            place = asdict(made.place) if made.place else None
            about = [made.placeholder.start, made.placeholder.end, made.pages, place, made.needs_certificate, made.lost]
            yield json.dumps(about).encode()
            yield made.data

    try:
        about, data = run_sandboxed(pieces, seconds=seconds)
    except SandboxKilled as killed:
        logger.warning("preparation for the seal lost", extra={"by_time": killed.by_time})
        return replace(facts, fault="the file could not be prepared for its seal", by_time=killed.by_time)
    files.write(target, data, "application/pdf")
    start, end, pages, place, needs_certificate, lost = json.loads(about)
    box: SignatureBox | None = read_box(place)
    return replace(facts, start=start, end=end, pages=pages, place=box, needs_certificate=needs_certificate, lost=lost)
