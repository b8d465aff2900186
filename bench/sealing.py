"""The time to seal (digitally sign) a PDF, compared with two Node libraries that other products use.

All three do the same work: a stamp with embedded fonts, a certificate page, and a PAdES signature with RSA-3072 and a
local key, on 3, 40 and 200 pages. The figures are medians of warm runs. The portal also draws the QR code, and it draws
another signer and document in every run, so that no text is cached.

@libpdf/core is measured a second time without embedded fonts, in the viewer's Helvetica. This is less work than the
portal's, but a reader may compare with it."""

import datetime as dt
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.serialization import pkcs12
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.models import CertificateFacts, SignatureBlock, SignatureBox, TrailEntry
from chalicelib.pdf.signing import certificate_chain as chain
from chalicelib.pdf.signing.sealer import Sealer
from chalicelib.pdf.text import layout
from infrastructure.repository import ROOT
from tests.support.pdf.largest_pdf import largest_pdf
from tests.support.pdf.sealing import Release, SealFacts, find_faults, find_picture_fault, seal_signed

PAGES = (3, 40, 200)
RUNS, WARM = 21, 5
FACES = ("SourceSans3-Regular.ttf", "SourceSans3-SemiBold.ttf", "DancingScript-Medium.ttf")
PASSWORD = "bench"  # noqa: S105 - protects a key that exists only during the run
NOW = dt.datetime(2026, 11, 22, 19, 5, 33, tzinfo=dt.UTC)
FIELD = SignatureBox(page=2, x=72, y=96, width=220, height=48)
BLOCK = SignatureBlock(
    signer_name="Luis Rivera",
    credential="MD",
    npi="1234567893",
    signed_at=NOW,
    time_zone="America/Chicago",
    document_id="doc_bench",
    typed_name="Luis Rivera",
)
CERTIFICATE = CertificateFacts(
    certificate_type="signed",
    document_id="doc_bench",
    title="Plan of Care",
    kind="Plan of care",
    original_sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    practice_name="Hill Country Physical Therapy",
    signer_name="Luis Rivera",
    credential="MD",
    npi="1234567893",
    decided_at=NOW,
    time_zone="America/Chicago",
    verify_url="https://portal.example.com/verify",
    authentication="account password",
    trail=(TrailEntry(NOW, "Sent by the clinic"), TrailEntry(NOW, "Signed electronically", ip="203.0.113.24")),
)
FACTS = SealFacts("Signed electronically by Luis Rivera, MD, NPI 1234567893", "doc_bench", NOW)

_FIRST = ("Luis", "Ann", "Joaquín", "Mei", "Fatima")
_LAST = ("Rivera", "Okafor", "Smith-Jones", "Nguyen", "Müller", "Kowalski", "Haddad")

_COLD = """
import sys, time
started = time.perf_counter()
from chalicelib.services.pdf_jobs import page_preparation, seal_job, sealer_cache
print((time.perf_counter() - started) * 1000)
"""
_COLD_PDF = """
import sys, time
started = time.perf_counter()
from chalicelib.services.pdf_function import page_rendering, release_checks, seal_preparation
print((time.perf_counter() - started) * 1000)
"""
_MEMORY = """
import sys
from pathlib import Path
from bench import memory, sealing
from tests.support.pdf.sealing import find_faults
sealer, data = sealing.local_key()[0], Path(sys.argv[1]).read_bytes()
release = sealing.ours(sealer)(data)
assert not find_faults(release, source=data, certificate=sealer.chain.leaf)
print(memory.peak())
"""


def run(environment: dict[str, str]) -> None:
    """Print the median times (ms) to seal a PDF with the portal and with the Node libraries, their ratios, and the
    memory."""
    folder = ROOT / "build" / "sealing-peers"
    _install(folder)
    sealer, key = local_key()
    files = {pages: _plain(folder / f"{pages}.pdf", pages) for pages in PAGES}
    peers = _measure_peers(folder, key, sealer.chain, list(files.values()))
    print("Sealing: stamp, certificate page and PAdES (RSA-3072), warm, medians")
    print("  pages      ours   @libpdf/core   pdf-lib + signpdf   ours / @libpdf   and verifying ours")
    for pages, file in files.items():
        _print_row(pages, file, ours(sealer), peers[str(file)], sealer)
    cold = _python(_COLD, environment)
    print(f"  cold import of the documents function's sealing  {cold:6.0f} ms")
    print(f"  cold import of the pdf function's sealing        {_python(_COLD_PDF, environment):6.0f} ms")
    large = folder / "largest.pdf"
    large.write_bytes(largest_pdf())
    size = large.stat().st_size
    memory = peak_memory(large)
    print(f"  memory to seal and verify {size:,} bytes, 200 pages  {memory:6.0f} MB      (at most 512)\n")


def peak_memory(file: Path) -> float:
    """Return the peak memory in megabytes of a new process that seals (digitally signs) a PDF and verifies the
    result."""
    return _python(_MEMORY, dict(os.environ), str(file))


def _print_row(
    pages: int, file: Path, seal: Callable[[bytes], Release], peers: dict[str, float], sealer: Sealer
) -> None:
    data = file.read_bytes()
    own = _median(lambda: seal(data))
    release = seal(data)
    check = _median(lambda: _check(release, data, sealer))
    print(
        f"  {pages:5} {own:6.1f} ms {peers['libpdf']:11.1f} ms {peers['pdflib']:16.1f} ms"
        f" {own / peers['libpdf']:14.2f} {check:18.1f} ms"
    )
    print(f"  {'no fonts':>16} {peers['libpdf_bare']:11.1f} ms {own / peers['libpdf_bare']:34.2f}")


def _check(release: Release, data: bytes, sealer: Sealer) -> None:
    """Verify a sealed PDF and compare its pages with the original (`data`), as the portal does before it releases a
    file.

    Raises `ValueError` for a fault. Only the time of this function matters here."""
    faults = find_faults(release, source=data, certificate=sealer.chain.leaf)
    if any((*faults, find_picture_fault(data, release))):
        raise ValueError("a sealed file is not as it should be")


def ours(sealer: Sealer) -> Callable[[bytes], Release]:
    """Return the portal's function that seals (digitally signs) a PDF, for the comparison with the other libraries.

    Each call seals for another signer and document, so that no drawn text comes from a cache."""
    numbers = count()

    def seal(data: bytes) -> Release:
        number = next(numbers)
        who, document_id = f"{_FIRST[number % 5]} {_LAST[number % 7]}", f"doc_{number:08x}"
        return seal_signed(
            data,
            block=replace(BLOCK, signer_name=who, typed_name=who, document_id=document_id),
            field=FIELD,
            certificate=replace(CERTIFICATE, signer_name=who, document_id=document_id),
            sealer=sealer,
            facts=FACTS,
        )

    return seal


def local_key() -> tuple[Sealer, rsa.RSAPrivateKey]:
    """Return a sealer with a new key that exists only in this process, and the key itself for the Node libraries."""
    key = rsa.generate_private_key(65537, 3072)

    def sign(digest: bytes) -> bytes:
        return key.sign(digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))

    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    certificate = chain.issue_self_signed(public, sign, name="Bench", serial=1, at=NOW, years=30)
    return Sealer(chain.verify_chain([certificate], public, NOW), sign), key


def _median(work: Callable[[], object]) -> float:
    for _ in range(WARM):
        work()
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def _install(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "sealing_peers.mjs"):
        shutil.copyfile(ROOT / "bench" / "peers" / name, folder / name)
    if not (folder / "node_modules").exists():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)


def _measure_peers(
    folder: Path, key: rsa.RSAPrivateKey, certificates: chain.Chain, files: list[Path]
) -> dict[str, dict[str, float]]:
    certificate = x509.load_der_x509_certificate(certificates.leaf.dump())
    locked = pkcs12.serialize_key_and_certificates(
        b"bench", key, certificate, None, serialization.BestAvailableEncryption(PASSWORD.encode())
    )
    (folder / "key.p12").write_bytes(locked)
    (folder / "work.json").write_text(json.dumps(_work(folder, files)))
    answer = subprocess.run(
        ["node", "sealing_peers.mjs", "work.json"], cwd=folder, check=True, capture_output=True, text=True
    )
    medians: dict[str, dict[str, float]] = json.loads(answer.stdout)
    return medians


def _work(folder: Path, files: list[Path]) -> dict[str, Any]:
    fonts = Path(layout.__file__).parents[1] / "fonts"
    return {
        "files": [str(file) for file in files],
        "fonts": [str(fonts / name) for name in FACES],
        "p12": str(folder / "key.p12"),
        "password": PASSWORD,
        "reason": FACTS.reason,
        "stamp": _stamp_lines(),
        "certificate": _certificate_lines(),
        "runs": RUNS,
        "warm": WARM,
    }


def _stamp_lines() -> list[dict[str, Any]]:
    texts = ["Electronically signed by Luis Rivera, MD, NPI 1234567893", "November 22, 2026, 1:05:33 PM CST"]
    lines = [{"text": text, "x": 76, "y": 110 - 9 * n, "size": 7, "face": 1 - n} for n, text in enumerate(texts)]
    return [{"text": "Luis Rivera", "x": 76, "y": 122, "size": 22, "face": 2}, *lines]


def _certificate_lines() -> list[dict[str, Any]]:
    """Return the lines of text, with positions, that the Node libraries draw as their certificate page.

    They are as much text as the portal's certificate page has."""
    texts = certificate_text()
    lines = [{"text": text, "x": 54, "y": 730 - 14 * n, "size": 10, "face": n % 2} for n, text in enumerate(texts)]
    return [*lines, *({**line, "y": line["y"] - 560} for line in _stamp_lines())]


def certificate_text() -> list[str]:
    """Return the lines of text of a certificate page that the portal draws."""
    import pypdfium2

    from chalicelib.pdf.assembly.reportlab_pages import draw_pdf
    from chalicelib.pdf.drawing.certificate_page import draw_certificate

    data = draw_pdf(lambda canvas: draw_certificate(canvas, CERTIFICATE, None))
    with pypdfium2.PdfDocument(data) as document:
        text: str = document[0].get_textpage().get_text_bounded()
    return [line for line in text.splitlines() if line.strip()]


def _plain(file: Path, pages: int) -> Path:
    target = io.BytesIO()
    canvas = Canvas(target, invariant=1)
    for page in range(pages):
        for line in range(45):
            canvas.drawString(60, 740 - line * 15, f"Page {page}, line {line}: the patient will walk 200 feet.")
        canvas.showPage()
    canvas.save()
    file.write_bytes(target.getvalue())
    return file


def _python(program: str, environment: dict[str, str], *arguments: str) -> float:
    answer = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return float(answer.stdout.splitlines()[-1])
