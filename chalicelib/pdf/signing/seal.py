"""The first half of sealing, without the key: a PDF gets a field for the seal, with room for the signature.

The seal is one PAdES signature of the whole file. The other half, `sealer.py`, makes the signature with a key in KMS
and parses no PDF.

The seal allows no later change: all fields are locked (P=1), and in a file without other signatures the seal
also certifies the file. In a file that already carries signatures, only the seal's field is added: any other
change would invalidate the earlier signatures."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import count
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.form_tools import get_single_field_annot
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import (
    FieldMDPAction,
    FieldMDPSpec,
    MDPPerm,
    SigSeedSubFilter,
    enumerate_sig_fields,
    prepare_sig_field,
)
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigMDPSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import BuildProps, SignatureObject

from chalicelib.pdf.geometry import Box
from chalicelib.pdf.models import SealSpec
from chalicelib.pdf.signing.incremental_update import find_page, open_to_extend, requires_extensible
from chalicelib.pdf.signing.placeholder import Placeholder
from chalicelib.pdf.signing.verification import DOCUMENT_KEY

_FIELD = "Seal"
_DIGEST = "sha256"
_LOCK = FieldMDPSpec(FieldMDPAction.ALL)


@dataclass(frozen=True)
class Prepared:
    """A PDF that is complete except for its digital signature (the seal), and the placeholder where the seal goes.

    This is the result of the low-level functions here. `sealed_document.PreparedDocument` adds what the portal must
    know about the document for the release: the number of pages, the place of the signature block, and the
    certificate."""

    data: bytes
    placeholder: Placeholder


@dataclass(frozen=True)
class SealFieldSpec:
    """The choice of the signature field for the seal: an existing empty `field` by name, or a new field on a page.

    `page` is a reference; without a page, the new field is on the first page. With a `form` (a reference to a form
    XObject, the picture of the signature block) the seal is visible. A new visible field needs its `rectangle` in the
    page's user space. An existing field has a rectangle already."""

    page: Any = None
    field: str | None = None
    rectangle: Box | None = None
    form: Any = None


def prepare(data: bytes, seal: SealSpec) -> Prepared:
    """Return the file with an invisible field for the seal (the portal's signature), ready for the CMS message.

    Raise `NotExtensible` if the file is malformed."""
    return prepare_opened(open_to_extend(data), seal, SealFieldSpec())


def prepare_opened(writer: IncrementalPdfFileWriter, seal: SealSpec, field: SealFieldSpec) -> Prepared:
    """Return the file with the writer's changes and a visible or invisible field for the seal, the portal's signature.

    The file is then complete except for the CMS message that holds the signature.

    Raise `NotExtensible` if the file is malformed."""
    with requires_extensible():
        certify = next(enumerate_sig_fields(writer, filled_status=True), None) is None
        lock = SigMDPSetup(_DIGEST, certify=certify, field_lock=_LOCK, docmdp_perms=MDPPerm.NO_CHANGES)
        name = _prepare_field(writer, field)
        steps = PdfCMSEmbedder().write_cms(name, writer, existing_fields_only=True)
        next(steps)
        steps.send(SigObjSetup(_signature_dictionary(seal), mdp_setup=lock))
        prepared, output = steps.send(SigIOSetup(md_algorithm=_DIGEST, output=io.BytesIO()))
    # pyHanko's region includes the brackets around the digits.
    placeholder = Placeholder(prepared.reserved_region_start + 1, prepared.reserved_region_end - 1)
    return Prepared(output.getvalue(), placeholder)


def _signature_dictionary(seal: SealSpec) -> SignatureObject:
    dictionary = SignatureObject(
        timestamp=seal.at,
        subfilter=SigSeedSubFilter.PADES,
        reason=seal.reason,
        app_build_props=BuildProps(name="Provider Portal"),
        bytes_reserved=2 * seal.reserved_bytes,
    )
    dictionary[pdf_name(DOCUMENT_KEY)] = pdf_string(seal.document_id)
    return dictionary


def _prepare_field(writer: IncrementalPdfFileWriter, field: SealFieldSpec) -> str:
    """Create or reuse the field for the seal, add its lock and its appearance, and return the field's name.

    The lock forbids changes of the file after the seal. An existing field gets no lock, because a change of that field
    would invalidate the earlier signatures."""
    name = field.field or _free_name(writer)
    page = field.page or find_page(writer, 0).reference
    is_new, reference = prepare_sig_field(
        name,
        writer.root,
        update_writer=writer,
        existing_fields_only=field.field is not None,
        include_on_page=page,
        box=field.rectangle,
    )
    if is_new:
        lock = _LOCK.as_sig_field_lock()
        lock[pdf_name("/P")] = generic.NumberObject(MDPPerm.NO_CHANGES.value)
        reference.get_object()[pdf_name("/Lock")] = lock
    if field.form is not None:
        widget = get_single_field_annot(reference.get_object())
        widget[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): field.form})
        writer.update_container(widget)
    return name


def _free_name(writer: IncrementalPdfFileWriter) -> str:
    taken = {name for name, _, _ in enumerate_sig_fields(writer)}
    if _FIELD not in taken:
        return _FIELD
    return next(name for number in count(2) if (name := f"{_FIELD} {number}") not in taken)
