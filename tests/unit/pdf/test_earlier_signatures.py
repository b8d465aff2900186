"""Test that the inspection refuses files that an earlier signature locks, and accepts other signed files."""

import pytest
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm

from chalicelib.pdf.inspection import inspect_pdf
from chalicelib.pdf.models import PdfRefused
from tests.support.pdf.raw_pdf import objects, write_pdf
from tests.support.pdf.signed_pdfs import signed_by_therapist


def is_accepted(pdf: bytes) -> bool:
    """Return True if the inspection accepts the PDF as signed. The only expected refusal is that of a locked file."""
    try:
        assert inspect_pdf(pdf).signed
    except PdfRefused as refusal:
        if refusal.code != "certified_no_changes":
            raise
        return False
    return True


LOCKS: tuple[tuple[FieldMDPSpec | None, MDPPerm | None, bool], ...] = (
    (None, None, True),
    (FieldMDPSpec(FieldMDPAction.ALL), None, False),
    (FieldMDPSpec(FieldMDPAction.ALL), MDPPerm.FILL_FORMS, False),
    (FieldMDPSpec(FieldMDPAction.EXCLUDE, []), None, False),
    (FieldMDPSpec(FieldMDPAction.INCLUDE, ["Goals"]), None, True),
    (FieldMDPSpec(FieldMDPAction.INCLUDE, ["Goals"]), MDPPerm.NO_CHANGES, False),
)


@pytest.mark.parametrize(("lock", "permission", "accepted"), LOCKS)
def test_a_signature_that_locks_the_file_is_refused(
    lock: FieldMDPSpec | None, permission: MDPPerm | None, *, accepted: bool
) -> None:
    assert is_accepted(signed_by_therapist(lock=lock, permission=permission)) == accepted


def raw_signature(field: bytes, value: bytes) -> bytes:
    """Return a PDF with one signature, written byte by byte: its field's entries, and the signature's own."""
    catalog = b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [7 0 R] >> >>"
    named, signature = b"<< /FT /Sig /T (A) /V 8 0 R %s >>" % field, b"<< /Type /Sig %s >>" % value
    return write_pdf(objects(o1=catalog, o7=named, o8=signature))


REFERENCE = b"/Reference [<< /Type /SigRef /TransformMethod /FieldMDP /TransformParams << %s >> >>]"


@pytest.mark.parametrize(
    ("field", "value", "accepted"),
    [
        (b"", REFERENCE % b"/Action /All", False),
        (b"", REFERENCE % b"/Action /Include /Fields [(B)] /P 1", False),
        (b"", REFERENCE % b"/Action /Include /Fields [(B)] /P 2", True),
        (b"/Lock << /Action /All >>", b"", False),
        (b"/Lock << /P 1 >>", b"", False),
        (b"/Lock << /Action /Include /Fields [(B)] >>", b"", True),
        (b"/Lock << /Action /Exclude >>", b"", False),
        (b"/Lock << /Action /Exclude /Fields [(B)] >>", b"", True),
        (b"/Lock 9 0 R", b"", True),
    ],
)
def test_a_lock_counts_in_the_signature_and_in_its_field(field: bytes, value: bytes, *, accepted: bool) -> None:
    assert is_accepted(raw_signature(field, value)) == accepted


def test_the_lock_of_a_field_that_waits_locks_nothing() -> None:
    pdf = raw_signature(b"/Lock << /Action /All /P 1 >>", b"").replace(b"/V 8 0 R", b"/W 8 0 R")
    assert not inspect_pdf(pdf).signed


def test_a_signature_below_its_field_inherits_the_type() -> None:
    catalog = b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [7 0 R] >> >>"
    parent, value = b"<< /FT /Sig /T (A) /Kids [8 0 R 7 0 R] >>", b"<< /Type /Sig %s >>" % (REFERENCE % b"/P 1")
    pdf = write_pdf(objects(o1=catalog, o7=parent, o8=b"<< /T (B) /V 9 0 R >>", o9=value))
    assert not is_accepted(pdf)
    assert not inspect_pdf(pdf.replace(b"/FT /Sig", b"/FT /Tx ")).signed
