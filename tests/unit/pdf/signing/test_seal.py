import asyncio
import datetime as dt
import hashlib
import io
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, TextStringObject

from chalicelib.pdf.inspection import inspect_pdf
from chalicelib.pdf.models import CertificateFacts, PdfRefused, SignatureBox
from chalicelib.pdf.signing import certificate_chain as chain
from chalicelib.pdf.signing import cms, extensibility, verification
from chalicelib.pdf.signing.incremental_update import open_to_extend
from chalicelib.pdf.signing.release_check import find_timestamp_faults
from chalicelib.pdf.signing.sealer import Sealer
from chalicelib.pdf.signing.timestamp_tokens import Timestamps, TimestampSource
from tests.support.pdf import attacks, sealing_key
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.sample_pdfs import BLOCK, CERTIFICATE, NOW
from tests.support.pdf.sealing import (
    PyHankoSigner,
    Release,
    Sealed,
    add_timestamp,
    find_faults,
    seal_by_hand,
    seal_declined,
    seal_plain,
    seal_signed,
)
from tests.support.pdf.sealing_key import FACTS, certificate, key, sealer

OURS = {chain.fingerprint(certificate())}
FIELD = SignatureBox(page=2, x=72, y=96, width=220, height=48)


def sign_and_seal(pdf: bytes, field: SignatureBox | None = None, by: Sealer | None = None) -> Release:
    return seal_signed(pdf, block=BLOCK, field=field, certificate=CERTIFICATE, sealer=by or sealer(), facts=FACTS)


def is_extensible(data: bytes) -> bool:
    """Return True if the PDF can be signed by a change at its end (an incremental update), without being rebuilt."""
    return extensibility.is_extensible(data, open_to_extend(data).prev)


def assert_accepted(data: bytes, folder: Path, signatures: int = 1) -> None:
    """Assert that the programs pdfsig and qpdf accept the file, with this number of digital signatures."""
    file = folder / "sealed.pdf"
    file.write_bytes(data)
    checked = subprocess.run(["qpdf", "--check", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    seen = subprocess.run(["pdfsig", file], capture_output=True, text=True, check=False).stdout
    assert seen.count("Signature is Valid") == signatures, seen
    assert seen.rindex("Total document signed") > seen.rindex("Signature Field Name")


# The message


@pytest.mark.parametrize("issuers", [0, 2])
def test_the_message_is_byte_for_byte_what_pyhanko_makes(issuers: int) -> None:
    others = [sealing_key.LocalKey().certificate(serial=20 + number) for number in range(issuers)]
    by = chain.Chain((certificate(), *others))
    digest = hashlib.sha256(b"a file").digest()
    made = asyncio.run(PyHankoSigner(by, key().sign).async_sign(digest, "sha256", use_pades=True)).dump()
    assert cms.make_message(by, digest, key().sign) == made
    assert cms.make_pattern(by).fill(digest, key().sign) == made
    assert cms.read_digest(made) == digest


# The certificate


def test_other_software_reads_a_self_issued_certificate() -> None:
    read = pyca.load_pem_x509_certificate(chain.write_pem([certificate()]))
    public = read.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    assert public.key_size == 3072
    public.verify(read.signature, read.tbs_certificate_bytes, padding.PKCS1v15(), hashes.SHA256())
    assert read.not_valid_after_utc - NOW > dt.timedelta(days=20 * 365)
    usage = read.extensions.get_extension_for_class(pyca.KeyUsage).value
    assert (usage.digital_signature, usage.content_commitment, usage.key_cert_sign) == (True, True, False)


def test_a_request_for_a_certificate_is_signed_by_the_key() -> None:
    text = chain.build_signing_request(key().public_key(), key().sign, name="Clinic seal")
    assert pyca.load_pem_x509_csr(text).is_signature_valid


def test_a_certificate_of_another_key_is_refused() -> None:
    with pytest.raises(chain.ChainRefused, match="not for the sealing key"):
        chain.verify_chain([certificate()], sealing_key.LocalKey().public_key(), NOW)


@pytest.mark.parametrize("years", [-1, 31])
def test_a_certificate_is_refused_outside_its_validity(years: int) -> None:
    with pytest.raises(chain.ChainRefused, match="not valid now"):
        chain.verify_chain([certificate()], key().public_key(), NOW + dt.timedelta(days=366 * years))


@pytest.mark.parametrize("text", [b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_a_file_without_a_certificate_is_refused(text: bytes) -> None:
    with pytest.raises(chain.ChainRefused):
        chain.verify_chain(chain.read_pem(text), key().public_key(), NOW)


# Sealing


def test_a_plain_file_keeps_every_byte_and_gets_stamp_certificate_and_seal(tmp_path: Path) -> None:
    original = samples.plan_of_care()
    assert is_extensible(original)
    release = sign_and_seal(original, FIELD)
    data = release.sealed.data
    assert data.startswith(original)
    assert release.pages == len(PdfReader(io.BytesIO(data)).pages) == 4
    assert find_faults(release, source=original, certificate=certificate()) == []
    assert_accepted(data, tmp_path)


def test_only_the_area_of_the_block_changes() -> None:
    original = samples.plan_of_care()
    data = sign_and_seal(original, FIELD).sealed.data
    for page in (1, 2, 3):
        box = samples.changed_box(original, data, page)
        if page != FIELD.page:
            assert box is None
        else:
            assert box is not None
            left, bottom, right, top = box
            assert left >= FIELD.x - 1
            assert bottom >= FIELD.y - 1
            assert right <= FIELD.x + FIELD.width + 1
            assert top <= FIELD.y + FIELD.height + 1


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_turned_and_cropped_page_is_stamped_as_displayed(rotation: int) -> None:
    original = samples.shaped(samples.plan_of_care(1), rotate=rotation, crop=(40, 30, 580, 760), unit=1.5)
    place = SignatureBox(page=1, x=100, y=120, width=220, height=48)
    data = sign_and_seal(original, place).sealed.data
    box = samples.changed_box(original, data)
    assert box is not None
    left, bottom, right, top = (edge * 1.5 for edge in box)
    assert left >= place.x - 1
    assert bottom >= place.y - 1
    assert right <= place.x + place.width + 1
    assert top <= place.y + place.height + 1


def test_a_file_with_a_form_is_rebuilt_without_the_form(tmp_path: Path) -> None:
    original = samples.with_bare_field("Twice a week")
    assert not is_extensible(original)
    release = sign_and_seal(original)
    root = PdfReader(io.BytesIO(release.sealed.data)).trailer["/Root"]
    assert [field.get_object()["/T"] for field in root["/AcroForm"]["/Fields"]] == ["Seal"]  # type: ignore[index]  # - pypdf types it loosely
    assert find_faults(release, source=original, certificate=certificate()) == []
    assert_accepted(release.sealed.data, tmp_path)


def test_a_sealed_file_has_no_scripts() -> None:
    original = samples.active()
    assert not is_extensible(original)
    assert extensibility.may_change_later(original)
    assert not extensibility.may_change_later(sign_and_seal(original).sealed.data)


def test_a_file_with_an_escaped_name_is_not_extensible() -> None:
    original = samples.plan_of_care().replace(b"/PageMode /UseNone", b"/Pag#65Mode /UseNo")
    assert not is_extensible(original)


def test_a_file_with_a_false_stream_in_a_string_is_not_extensible() -> None:
    def hide(writer: PdfWriter) -> None:
        root = writer.root_object
        root[NameObject("/Z1")] = TextStringObject(">>\nstream\n")
        root[NameObject("/OpenAction")] = TextStringObject("x")

    original = samples.edited(samples.plan_of_care(), hide)
    assert not is_extensible(original.replace(b"\\n", b"\n"))


def test_a_decline_and_a_scan_are_sealed(tmp_path: Path) -> None:
    original = samples.plan_of_care()
    declined = CertificateFacts(**{**vars(CERTIFICATE), "certificate_type": "declined"})
    for release in (
        seal_declined(original, certificate=declined, sealer=sealer(), facts=FACTS),
        seal_by_hand(original, certificate=CERTIFICATE, sealer=sealer(), facts=FACTS),
    ):
        assert find_faults(release, source=original, certificate=certificate()) == []
        assert_accepted(release.sealed.data, tmp_path)


# Beside other signatures


def test_a_further_signature_leaves_the_earlier_one_valid(tmp_path: Path) -> None:
    original = sealing_key.sign_as_another(samples.plan_of_care())
    release = sign_and_seal(original)
    data = release.sealed.data
    assert data.startswith(original)
    first, second = verification.read_signatures(data, strict=True)
    assert (first.sound, first.permitted, first.covers) == (True, True, False)
    assert (second.sound, second.covers) == (True, True)
    assert find_faults(release, source=original, certificate=certificate()) == []
    assert samples.changed_box(original, data, 3) is not None
    assert_accepted(data, tmp_path, signatures=2)


def test_a_file_signed_by_others_gets_a_separate_certificate(tmp_path: Path) -> None:
    original = sealing_key.sign_as_another(samples.plan_of_care())
    release = sign_and_seal(original)
    apart = release.certificate
    assert apart is not None
    assert_accepted(apart.sealed.data, tmp_path)
    seal = verification.verify(apart.sealed.data, OURS).seal
    assert seal is not None
    assert (seal.document_id, seal.reason) == (FACTS.document_id, f"Certificate: {FACTS.reason}")
    (text,) = samples.texts(apart.sealed.data)
    digest = hashlib.sha256(release.sealed.data).hexdigest()
    assert digest in samples.one_line(text).replace(" ", "")
    broken = replace(release, certificate=replace(apart, sealed=Sealed(original, "B-B")))
    assert find_faults(broken, source=original, certificate=certificate()) != []
    assert sign_and_seal(samples.plan_of_care()).certificate is None


# Verification


def test_any_changed_byte_under_the_seal_is_found() -> None:
    data = sign_and_seal(samples.plan_of_care()).sealed.data
    start, end = verification.find_signature_gap(data)
    places = [*range(20, start - 2, 997), *range(end + 2, len(data) - 8, 97)]
    assert len(places) > 50
    for place in places:
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert verification.verify(changed, OURS).verdict not in ("intact", "added"), place


def test_any_bytes_after_the_seal_are_found() -> None:
    data = sign_and_seal(samples.plan_of_care()).sealed.data
    assert verification.verify(data + b"\n", OURS).verdict == "added"
    writer = PdfWriter(io.BytesIO(data), incremental=True)
    writer.add_blank_page(100, 100)
    target = io.BytesIO()
    writer.write(target)
    assert verification.verify(target.getvalue(), OURS).verdict == "added"


def test_bytes_hidden_beside_the_signature_are_found() -> None:
    data = sign_and_seal(samples.plan_of_care()).sealed.data
    _, end = verification.find_signature_gap(data)
    changed = data[: end - 4] + b"zzzz" + data[end:]
    assert verification.verify(changed, OURS).verdict != "intact"


def test_no_library_logs_the_content_of_a_file(caplog: pytest.LogCaptureFixture) -> None:
    """The PDF libraries' warnings quote names of form fields, which may contain a patient's data."""
    data = sign_and_seal(samples.plan_of_care()).sealed.data
    for spot in range(0, len(data), 1500):
        verification.verify(data[:spot] + b"/Ada Byron" + data[spot:], OURS)
    verification.verify(samples.certified(3), OURS)
    with suppress(PdfRefused):
        inspect_pdf(samples.plan_of_care().replace(b"/Kids", b"/Ada"))
    assert caplog.records == []


def test_a_seal_by_an_unknown_certificate_is_not_ours() -> None:
    other = sealing_key.LocalKey()
    data = sign_and_seal(samples.plan_of_care(), by=Sealer(chain.Chain((other.certificate(),)), other.sign)).sealed.data
    assert verification.verify(data, OURS).verdict == "not_ours"
    assert verification.verify(samples.plan_of_care(), OURS).verdict == "not_signed"
    assert verification.verify(b"%PDF-1.7 rubbish", OURS).verdict == "unreadable"


def test_a_seal_is_intact_long_after_its_certificate_expired() -> None:
    old = key().certificate(at=NOW - dt.timedelta(days=4 * 365), years=1, serial=11)
    data = seal_plain(samples.plan_of_care(), Sealer(chain.Chain((old,)), key().sign), FACTS).data
    assert verification.verify(data, {chain.fingerprint(old), *OURS}).verdict == "intact"


def test_the_command_line_verifies_offline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, certificates = tmp_path / "a.pdf", tmp_path / "c.pem"
    certificates.write_bytes(chain.write_pem([certificate()]))
    data = sign_and_seal(samples.plan_of_care()).sealed.data
    file.write_bytes(data)
    assert verification.main([str(file), "--certificates", str(certificates)]) == 0
    assert f'"document_id": "{FACTS.document_id}"' in capsys.readouterr().out
    assert verification.main([str(file)]) == 0
    assert '"certificate_checked": false' in capsys.readouterr().out
    file.write_bytes(data.replace(b"MediaBox", b"MediaBux"))
    assert verification.main([str(file), "--certificates", str(certificates)]) == 1


# Release


def test_a_file_that_changed_after_sealing_is_not_released() -> None:
    original = samples.plan_of_care()
    release = sign_and_seal(original)
    data = release.sealed.data
    tampered = Release(Sealed(data.replace(b"/Count 4", b"/Count 5"), "B-B"), 4)
    assert find_faults(tampered, source=original, certificate=certificate()) != []
    fewer = Release(release.sealed, 5)
    assert find_faults(fewer, source=original, certificate=certificate()) == ["the sealed file has 4 pages, not 5"]
    unsealed = Release(Sealed(original, "B-B"), 3)
    assert find_faults(unsealed, source=original, certificate=certificate()) == ["the sealed file has no seal"]
    other = sealing_key.LocalKey().certificate()
    assert find_faults(release, source=original, certificate=other) == ["the seal is by another certificate"]


# Timestamps


def test_a_timestamp_makes_it_b_t(tmp_path: Path) -> None:
    release = sign_and_seal(samples.plan_of_care(), by=sealer(sealing_key.timestamps))
    assert release.sealed.level == "B-T"
    seal = verification.verify(release.sealed.data, OURS, sealing_key.pins()).seal
    assert seal is not None
    assert seal.timestamped_at == NOW + dt.timedelta(seconds=2)
    assert_accepted(release.sealed.data, tmp_path)


@pytest.mark.parametrize("reply", [b"", b"<html>", b"0\x030\x01"])
def test_a_seal_has_no_timestamp_if_the_authority_sends_rubbish(reply: bytes) -> None:
    release = sign_and_seal(samples.plan_of_care(), by=sealer(lambda _: reply))
    assert release.sealed.level == "B-B"
    assert verification.verify(release.sealed.data, OURS).verdict == "intact"


def test_a_later_timestamp_changes_no_byte_under_the_seal(tmp_path: Path) -> None:
    def failing(_query: bytes) -> bytes:
        raise ConnectionRefusedError

    before = sign_and_seal(samples.plan_of_care(), by=sealer(failing)).sealed
    assert before.level == "B-B"
    after = add_timestamp(before.data, sealer(sealing_key.timestamps), NOW)
    pins = sealing_key.pins()
    assert find_timestamp_faults(after, before.data, pins) == []
    assert find_timestamp_faults(after, before.data, ()) != []
    assert find_timestamp_faults(after.replace(b"MediaBox", b"MediaBux"), before.data, pins) != []
    assert_accepted(after, tmp_path)


def refuse_all(_query: bytes) -> bytes:
    raise ConnectionRefusedError


OTHER = sealing_key.authority()
WEB = sealing_key.authority("server_auth")


@pytest.mark.parametrize(
    ("reply", "pins"),
    [
        (lambda query: sealing_key.timestamps(query, by=OTHER), sealing_key.pins()),
        (lambda query: sealing_key.timestamps(query, by=WEB), sealing_key.pins_of(WEB)),
        (lambda query: sealing_key.timestamps(query, nonce=5), sealing_key.pins()),
        (lambda query: sealing_key.timestamps(query, at=NOW - dt.timedelta(minutes=6)), sealing_key.pins()),
        (lambda query: sealing_key.timestamps(query, at=NOW + dt.timedelta(minutes=6)), sealing_key.pins()),
        (sealing_key.timestamps, frozenset()),
    ],
    ids=["another authority", "not for timestamps", "another nonce", "too early", "too late", "no pins"],
)
def test_a_timestamp_that_is_not_by_the_pinned_authority_is_not_used(reply: Timestamps, pins: frozenset[str]) -> None:
    by = replace(sealer(), timestamps=TimestampSource(reply, pins))
    assert sign_and_seal(samples.plan_of_care(), by=by).sealed.level == "B-B"
    with pytest.raises(OSError, match="timestamp"):
        add_timestamp(sign_and_seal(samples.plan_of_care(), by=sealer(refuse_all)).sealed.data, by, NOW)


def test_a_time_is_shown_only_from_a_pinned_authority_and_not_before_the_seal() -> None:
    data = sign_and_seal(samples.plan_of_care(), by=sealer(sealing_key.timestamps)).sealed.data
    old = attacks.replaced_timestamp(data)
    pins = (sealing_key.pins(), sealing_key.pins() | sealing_key.pins_of(attacks.FALSE_AUTHORITY), ())
    assert [verification.read_signatures(data, pins=known)[0].level for known in pins] == ["B-T", "B-T", "B-B"]
    assert [verification.read_signatures(old, pins=known)[0].level for known in pins] == ["B-B", "B-B", "B-B"]


def test_a_file_with_an_unpinned_timestamp_is_not_released() -> None:
    original = samples.plan_of_care()
    release = sign_and_seal(original, by=sealer(sealing_key.timestamps))
    assert find_faults(release, source=original, certificate=certificate(), pins=sealing_key.pins()) == []
    faults = find_faults(release, source=original, certificate=certificate())
    assert faults == ["the timestamp is not by a pinned authority"]


def test_a_seal_that_allows_changes_is_not_released() -> None:
    signer = PyHankoSigner(sealing_key.chain(), key().sign)
    data = sealing_key.sign_as_another(samples.plan_of_care(), signer)
    faults = find_faults(Release(Sealed(data, "B-B"), 3), source=b"", certificate=certificate())
    assert faults == ["the seal allows later changes"]


def test_a_locked_file_is_refused_as_an_original() -> None:
    for original in (samples.plan_of_care(), sealing_key.sign_as_another(samples.plan_of_care())):
        with pytest.raises(PdfRefused, match="certified_no_changes"):
            inspect_pdf(sign_and_seal(original).sealed.data)
