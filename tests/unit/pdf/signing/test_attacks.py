"""Test the published attacks on sealed (digitally signed) PDFs: the portal must notice each of them.

The library pyHanko, the program pdfsig and the page `/verify` must agree."""

import asyncio
import hashlib
import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from chalicelib.domain.claim_keys import sealed_claim
from chalicelib.domain.documents import StoredPdf
from chalicelib.pdf.assembly.fax import compose_fax
from chalicelib.pdf.signing.verification import read_signatures
from chalicelib.services.pdf_function import inspection as sandboxed_inspection
from chalicelib.services.pdf_jobs.seal_certificates import PUBLISHED_KEY
from chalicelib.services.pdf_jobs.seal_verification import SealVerification
from chalicelib.services.transaction import Change, Claim
from tests.support.fakes import START, FakeFiles, FakeIds, FakeInspector
from tests.support.pdf import attacks, sealing_key
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.sealing import Release, find_faults, find_picture_fault, seal_plain
from tests.support.pdf.sealing_key import FACTS, certificate, sealer
from tests.support.provider_fixtures import a_document, a_store
from tests.unit.pdf.signing.test_seal import OURS, sign_and_seal

KEY = "uploads/verify/chk_1"
UNSIGNED_BYTES = (attacks.replaced_timestamp, attacks.removed_timestamp, attacks.in_capital_letters)
"""Attacks on the bytes of the signature and its timestamp. No signature covers them, so only the hash shows them."""


def sealed() -> bytes:
    return sign_and_seal(samples.plan_of_care(), by=sealer(sealing_key.timestamps)).sealed.data


def verdict(data: bytes, released: bytes) -> tuple[str, bool]:
    """Return what `/verify` says about the file `data`, if the portal has released the file `released`.

    The second value is True if `/verify` shows a time that a timestamp authority has certified."""
    finding = sandboxed_inspection.inspect(data, "seal", certificates=OURS, authorities=sealing_key.pins())
    stored = StoredPdf(key="signed/1.pdf", sha256=hashlib.sha256(released).hexdigest(), pages=4)
    files, store = FakeFiles(), a_store(a_document(id=FACTS.document_id, signed=stored))
    claim = Claim(key=sealed_claim(stored.sha256), owner=FACTS.document_id)
    store.commit(Change(at=START, claims=(claim,)))
    files.put(KEY, data, "application/pdf")
    files.put(PUBLISHED_KEY, b"", "application/x-pem-file")
    service = SealVerification(
        store=store, files=files, inspector=FakeInspector(finding), ids=FakeIds(), portal_url="https://portal.test"
    )
    result = service.check(KEY, address=None, now=START)
    return result.verdict, result.timestamped_at is not None


def pyhanko_accepts(data: bytes) -> bool:
    try:
        reader = PdfFileReader(io.BytesIO(data))
    except PdfReadError:
        return False
    trust = ValidationContext(trust_roots=[certificate()], allow_fetching=False, moment=samples.NOW)
    seals = [item for item in reader.embedded_signatures if item.field_name == "Seal"]
    if not seals:
        return False
    status = asyncio.run(async_validate_pdf_signature(seals[-1], trust))
    return bool(
        status.intact and status.valid and status.docmdp_ok and status.coverage == SignatureCoverageLevel.ENTIRE_FILE
    )


def pdfsig_accepts(data: bytes, folder: Path) -> bool:
    file = folder / "attacked.pdf"
    file.write_bytes(data)
    seen = subprocess.run(["pdfsig", file], capture_output=True, text=True, check=False).stdout
    (first, *_) = [part for part in seen.split("Signature #")[1:] if "Seal" in part] or [""]
    return "Signature is Valid" in first and "- Total document signed" in first


def test_the_released_file_is_accepted_by_all(tmp_path: Path) -> None:
    data = sealed()
    assert (verdict(data, data), pyhanko_accepts(data), pdfsig_accepts(data, tmp_path)) == (
        ("intact", True),
        True,
        True,
    )
    (report,) = read_signatures(data)
    assert report.locked


@pytest.mark.parametrize(("attack", "expected"), attacks.ATTACKS, ids=lambda item: getattr(item, "__name__", item))
def test_no_attacked_file_is_genuine(attack: Callable[[bytes], bytes], expected: str, tmp_path: Path) -> None:
    released = sealed()
    data = attack(released)
    assert data != released
    agreed = attack in UNSIGNED_BYTES
    shown, has_time = verdict(data, released)
    assert shown == expected
    assert not (has_time and attack in (attacks.replaced_timestamp, attacks.removed_timestamp))
    assert (pyhanko_accepts(data), pdfsig_accepts(data, tmp_path)) == (agreed, agreed)


# Content that depends on a condition


def fault(release: Release, source: bytes) -> str:
    return find_picture_fault(source, release)


@pytest.mark.parametrize("sign", [bytes, sealing_key.sign_as_another], ids=["unsigned", "signed by another"])
def test_layers_are_sealed_as_the_signer_saw_them(sign: Callable[[bytes], bytes]) -> None:
    source = sign(attacks.layers_by_usage())
    release = sign_and_seal(source)
    assert find_faults(release, source=source, certificate=certificate()) == []
    assert fault(release, source) == ""
    assert b"/OCG" not in release.sealed.data


def test_a_file_that_prints_otherwise_is_not_released() -> None:
    original = attacks.layers_by_usage()
    as_sealed = Release(seal_plain(original, sealer(), FACTS), 1)
    assert fault(as_sealed, original) == "page 1 is printed otherwise than it is shown"


def plan_with(text: str) -> bytes:
    return samples.drawn_pdf(lambda canvas, _: canvas.drawString(72, 400, text))


def test_a_file_with_other_content_is_not_released() -> None:
    shown, other = plan_with("2 times a week"), plan_with("5 times a week")
    release = sign_and_seal(other)
    assert fault(release, other) == ""
    assert fault(release, shown) == "page 1 does not show what the signer saw"


@pytest.mark.parametrize("make", [samples.with_annotation, lambda: samples.with_bare_field("Twice a week")])
def test_a_signed_file_with_fields_or_annotations_is_rebuilt(make: Callable[[], bytes]) -> None:
    source = sealing_key.sign_as_another(make())
    release = sign_and_seal(source)
    assert len(read_signatures(release.sealed.data)) == 1
    assert fault(release, source) == ""


def test_a_fax_shows_the_layers_that_a_screen_shows() -> None:
    original = attacks.layers_by_usage()
    assert b"/OCG" not in compose_fax(samples.COVER, original)
