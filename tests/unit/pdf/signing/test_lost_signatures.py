"""Test that no valid earlier signature is lost in silence when a signed file is rebuilt."""

import pytest
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec

from chalicelib.pdf.models import SignatureBox
from chalicelib.pdf.signing import lost_signatures
from chalicelib.pdf.signing.lost_signatures import find_valid_signatures, name_lost_signatures
from chalicelib.pdf.signing.verification import read_signatures
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.sample_pdfs import BLOCK, CERTIFICATE
from tests.support.pdf.sealing import Release, find_faults, seal_by_hand, seal_declined, seal_signed
from tests.support.pdf.sealing_key import FACTS, certificate, sealer, sign_as_another
from tests.support.pdf.signed_pdfs import signed_by_therapist

BOX = SignatureBox(page=1, x=40, y=500, width=200, height=50)
MISSING = "an earlier signature is missing, and the certificate does not say so"


def with_form() -> bytes:
    """Return a PDF with a text field that a therapist has signed, so that the portal must rebuild it."""
    return signed_by_therapist(samples.with_bare_field("walks"))


def seal(pdf: bytes) -> Release:
    return seal_signed(pdf, block=BLOCK, field=BOX, certificate=CERTIFICATE, sealer=sealer(), facts=FACTS)


def last_page(release: Release) -> str:
    return samples.one_line(samples.texts(release.sealed.data)[-1])


def test_a_rebuilt_file_names_the_signatures_that_it_lost() -> None:
    source = with_form()
    for release in (
        seal(source),
        seal_declined(source, certificate=CERTIFICATE, sealer=sealer(), facts=FACTS),
        seal_by_hand(source, certificate=CERTIFICATE, sealer=sealer(), facts=FACTS),
    ):
        assert release.lost == 1
        assert "Signed digitally before by: Test seal." in last_page(release)
        assert find_faults(release, source=source, certificate=certificate()) == []


def test_a_loss_in_silence_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.pdf.signing.sealed_document.name_lost_signatures", lambda facts, _source: facts)
    release = seal(with_form())
    assert release.lost == 0
    assert find_faults(release, source=with_form(), certificate=certificate()) == [MISSING]


def test_a_file_that_keeps_its_signatures_names_none() -> None:
    release = seal(signed_by_therapist())
    assert release.lost == 0
    assert "Signed digitally before" not in last_page(release)


def test_only_valid_signatures_count() -> None:
    signed = signed_by_therapist()
    assert [report.by for report in find_valid_signatures(sign_as_another(signed))] == ["Test seal", "Test seal"]
    assert find_valid_signatures(signed.replace(b"(opensource)", b"(opensourcE)", 1)) == ()
    assert find_valid_signatures(samples.plan_of_care(1)) == ()
    assert find_valid_signatures(b"%PDF-1.7 ByteRange and no more") == ()


def with_unreadable_signature(signed: bytes) -> bytes:
    """Return the signed file with a further signature, whose bytes are no CMS message."""
    pdf = sign_as_another(signed)
    start = pdf.rindex(b"/Contents <") + len(b"/Contents <")
    return pdf[:start] + b"00" * 20 + pdf[start + 40 :]


def test_an_unreadable_signature_hides_no_valid_one() -> None:
    source = with_unreadable_signature(signed_by_therapist())
    assert [report.by for report in find_valid_signatures(source)] == ["Test seal"]
    release = seal_signed(
        source, block=BLOCK, field=BOX, certificate=CERTIFICATE, sealer=sealer(), facts=FACTS, rebuild=True
    )
    assert release.lost == 1
    assert find_faults(release, source=source, certificate=certificate()) == []


def test_a_broken_signature_may_be_lost() -> None:
    broken = with_form().replace(b"walks", b"Walks", 1)
    release = seal(broken)
    assert release.lost == 0
    assert find_faults(release, source=broken, certificate=certificate()) == []


def test_names_that_are_known_already_stay() -> None:
    named = name_lost_signatures(CERTIFICATE, with_form())
    assert named.lost_signatures == ("Test seal",)
    assert name_lost_signatures(named, samples.plan_of_care(1)) == named


def test_a_file_without_signatures_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_signatures, "read_readable_signatures", None)
    assert name_lost_signatures(CERTIFICATE, samples.plan_of_care(1)) == CERTIFICATE


def test_a_lock_without_parameters_leaves_a_signature_readable() -> None:
    signed = signed_by_therapist(lock=FieldMDPSpec(FieldMDPAction.INCLUDE, fields=["walks"]))
    assert b"/TransformParams" in signed
    (report,) = read_signatures(signed.replace(b"/TransformParams", b"/TransformParamz"))
    assert (report.by, report.locked) == ("Test seal", False)
