import io
import random
from contextlib import suppress

import pytest
from PIL import Image

from chalicelib.pdf.inspection import inspect_pdf, inspect_scan, recheck_pages
from chalicelib.pdf.models import MAX_BYTES, PdfRefused, ScanKind
from tests.support.pdf import sample_pdfs as samples


def refusal(data: bytes) -> str:
    with pytest.raises(PdfRefused) as caught:
        inspect_pdf(data)
    assert caught.value.detail.endswith(".")
    return caught.value.code


def test_pages_and_their_displayed_sizes_are_returned() -> None:
    data = samples.shaped(samples.plan_of_care(3), rotate=90, crop=(12, 12, 612, 412), unit=2)
    seen = inspect_pdf(data)
    assert seen.pages == 3
    assert list(seen.page_sizes) == [(800, 1200)] * 3
    assert not seen.active_content
    assert not seen.signed


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("empty", b""),
        ("empty", b" \r\n\0"),
        ("not_a_pdf", b"PK\x03\x04 a word processor's file"),
        ("too_large", b"%PDF-1.7 " + b"x" * MAX_BYTES),
        ("damaged", b"%PDF-1.7 nothing else"),
        ("damaged", b"%PDF-1.7\nnonsense\nstartxref\n99999\n%%EOF"),
        ("no_pages", samples.without_pages()),
        ("too_many_pages", samples.plan_of_care(201)),
        ("xfa", samples.xfa()),
        ("portfolio", samples.with_catalog(Collection=samples.pdf_dict(View=samples.name("H")))),
        ("certified_no_changes", samples.certified(1)),
        ("encrypted", samples.encrypted(user_password="secret")),
        ("encrypted", samples.encrypted(user_password="")),
        ("damaged", samples.with_lost_content()),
        ("damaged", samples.miscounted(3, 1)),
        ("damaged", samples.miscounted(1, 3)),
        ("too_many_pages", samples.miscounted(201, 0)),
        ("too_many_pages", samples.miscounted(1, 201)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unsignable_file_is_refused_with_its_code(code: str, data: bytes) -> None:
    assert refusal(data) == code


def test_unsupported_encryption_is_refused_as_encryption() -> None:
    data = samples.plan_of_care(1).replace(
        b"trailer\n<<", b"trailer\n<</Encrypt <</Filter /Standard /V 5 /R 6 /Length 256 /O (o) /U (u) /P -4>>"
    )
    assert refusal(data) == "encrypted"


@pytest.mark.parametrize("level", [2, 3])
def test_a_certified_pdf_that_allows_signing_is_accepted(level: int) -> None:
    assert inspect_pdf(samples.certified(level)).signed


def test_two_hundred_pages_are_accepted() -> None:
    assert inspect_pdf(samples.plan_of_care(200)).pages == 200


def test_active_content_is_reported_and_not_refused() -> None:
    assert inspect_pdf(samples.active()).active_content == ("embedded_file", "javascript", "launch")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.98])
def test_a_pdf_cut_off_in_transfer_is_damaged(share: float) -> None:
    data = samples.plan_of_care(3)
    assert refusal(data[: int(len(data) * share)]) == "damaged"


def test_a_pdf_whose_last_changes_are_cut_off_is_damaged() -> None:
    first_version = samples.plan_of_care(1)
    assert refusal(first_version + b"\n8 0 obj <</Length 9000>> stream\n" + b"x" * 5000) == "damaged"


def test_a_page_tree_that_contains_itself_is_damaged() -> None:
    body = (
        b"%PDF-1.4\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n"
        b"2 0 obj <</Type/Pages/Count 1/Kids[2 0 R]>> endobj\n"
        b"trailer <</Root 1 0 R/Size 3>>\nstartxref\n0\n%%EOF"
    )
    assert refusal(body) in {"damaged", "no_pages"}


def test_deeply_nested_arrays_are_damaged() -> None:
    body = (
        b"%PDF-1.4\n1 0 obj <</Type/Catalog/Pages 2 0 R/X " + b"[" * 100_000 + b"]" * 100_000 + b">> endobj\n"
        b"2 0 obj <</Type/Pages/Count 0/Kids[]>> endobj\n"
        b"trailer <</Root 1 0 R/Size 3>>\nstartxref\n0\n%%EOF"
    )
    assert refusal(body) in {"damaged", "no_pages"}


def test_a_mutated_file_raises_only_a_refusal() -> None:
    chance = random.Random(20261122)  # noqa: S311 - mutations, not secrets
    original = samples.active()
    for _ in range(150):
        data = bytearray(original)
        for _ in range(chance.randrange(1, 30)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with suppress(PdfRefused):
            inspect_pdf(bytes(data))


def test_a_file_made_by_the_engine_may_exceed_the_page_limit() -> None:
    assert recheck_pages(samples.plan_of_care(201)) == 201


def test_a_broken_file_made_by_the_engine_is_damaged() -> None:
    with pytest.raises(PdfRefused, match="damaged"):
        recheck_pages(samples.plan_of_care(2)[:-200])


def test_scans_are_recognized_by_their_content() -> None:
    assert inspect_scan(samples.plan_of_care(2)) == ScanKind("application/pdf", 2, None)
    assert inspect_scan(samples.picture("JPEG")) == ScanKind("image/jpeg", 1, (300, 400))
    assert inspect_scan(samples.picture("PNG")) == ScanKind("image/png", 1, (300, 400))


def test_a_photograph_is_measured_as_displayed() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert inspect_scan(samples.picture("JPEG", exif=exif)).pixels == (400, 300)


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("empty", b""),
        ("not_a_scan", b"MZ\x90 a program"),
        ("not_a_scan", samples.picture("GIF")),
        ("too_large", b"\xff\xd8\xff" + b"x" * MAX_BYTES),
        ("damaged", samples.picture("JPEG", (900, 900))[:-400]),
        ("damaged", samples.picture("PNG", (900, 900))[:-400]),
        ("encrypted", samples.encrypted(user_password="secret")),
    ],
)
def test_a_file_that_is_no_scan_is_refused(code: str, data: bytes) -> None:
    with pytest.raises(PdfRefused) as caught:
        inspect_scan(data)
    assert caught.value.code == code


def test_a_decompression_bomb_is_refused() -> None:
    target = io.BytesIO()
    Image.new("1", (9000, 9000)).save(target, "PNG")
    assert len(target.getvalue()) < 100_000
    with pytest.raises(PdfRefused) as caught:
        inspect_scan(target.getvalue())
    assert caught.value.code == "too_many_pixels"
