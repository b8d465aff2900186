"""The seal: one PAdES signature over the whole file, by a key that lives elsewhere (KMS).

It is an approval signature, so that further ones may follow. In a file that is signed already nothing changes
but the field that holds the seal: whatever else was added would break the earlier signatures.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any, Literal

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.form_tools import get_single_field_annot
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter, enumerate_sig_fields, prepare_sig_field
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import BuildProps, SignatureObject

from chalicelib.pdf.geometry import Box
from chalicelib.pdf.signing import cms
from chalicelib.pdf.signing.certificate_chain import Chain, SignDigest
from chalicelib.pdf.signing.incremental_update import (
    MALFORMED_PDF_ERRORS,
    NotExtensible,
    find_page,
    open_to_extend,
)
from chalicelib.pdf.signing.verification import DOCUMENT_KEY, find_signature_gap

Level = Literal["B-B", "B-T"]

_FIELD = "Seal"
_DIGEST = "sha256"


@dataclass(frozen=True)
class SealFacts:
    """What the seal says: why (signer and credential), of which document, and when it was made (aware)."""

    reason: str
    document_id: str
    at: dt.datetime


@dataclass(frozen=True)
class Sealed:
    data: bytes
    level: Level


@dataclass(frozen=True)
class SealFieldSpec:
    """Which field holds the seal: an empty one of that name, or a new one on that page (a reference).

    With a `form` the seal is seen, in the rectangle (user space) of the new field, or in that of the old one.
    """

    page: Any = None
    field: str | None = None
    rectangle: Box | None = None
    form: Any = None


BeforeSeal = Callable[[IncrementalPdfFileWriter], SealFieldSpec]
"""Draws onto the file before it is sealed, in the same update; answers where the seal goes."""


@dataclass(frozen=True)
class Sealer:
    """Seals with one certificate; keep it: the first use is the slow one."""

    chain: Chain
    sign: SignDigest
    timestamps: cms.Timestamps | None = None

    @cached_property
    def _pattern(self) -> cms.Pattern:
        return cms.pattern(self.chain)

    @property
    def reserved_bytes(self) -> int:
        """Bytes kept for the message, with what a timestamp takes, be it now or later."""
        return len(self._pattern.whole) + (cms.TOKEN_BYTES if self.timestamps else 0)

    def seal(self, data: bytes, facts: SealFacts, *, prepare: BeforeSeal | None = None) -> Sealed:
        """As `seal_opened`, of a file that is not open yet."""
        return self.seal_opened(open_to_extend(data), facts, prepare=prepare)

    def seal_opened(
        self, writer: IncrementalPdfFileWriter, facts: SealFacts, *, prepare: BeforeSeal | None = None
    ) -> Sealed:
        """The file with the drawings of `prepare` and the seal over all of it; else `CannotExtend`.

        Where the timestamp authority fails, the seal is made without it, and says so by its level.
        """
        steps, prepared, output = self._prepared(writer, facts, prepare)
        message, level = self._message(prepared.document_digest)
        steps.send(message)
        sealed: bytes = output.getvalue()
        return Sealed(sealed, level)

    def _prepared(
        self, writer: IncrementalPdfFileWriter, facts: SealFacts, prepare: BeforeSeal | None
    ) -> tuple[Any, Any, io.BytesIO]:
        """The embedding up to where the message is wanted: its steps, the digest to sign, and the file."""
        try:
            holder = prepare(writer) if prepare is not None else SealFieldSpec()
            steps = PdfCMSEmbedder().write_cms(_field(writer, holder), writer, existing_fields_only=True)
            next(steps)
            steps.send(SigObjSetup(sig_placeholder=_dictionary(facts, self.reserved_bytes)))
            prepared, output = steps.send(SigIOSetup(md_algorithm=_DIGEST, output=io.BytesIO()))
        except MALFORMED_PDF_ERRORS as error:
            raise NotExtensible("the file is not laid out as the standard says") from error
        return steps, prepared, output

    def _message(self, digest: bytes) -> tuple[bytes, Level]:
        message = self._pattern.filled(digest, self.sign)
        if self.timestamps is None:
            return message, "B-B"
        try:
            return self._timestamped(message), "B-T"
        except OSError:
            return message, "B-B"

    def _timestamped(self, message: bytes) -> bytes:
        if self.timestamps is None:
            raise OSError("no timestamp authority is configured")
        made = cms.with_timestamp(message, self.timestamps)
        if len(made) > self.reserved_bytes:
            raise OSError("the timestamp is too large")
        return made

    def add_timestamp(self, data: bytes) -> bytes:
        """A file that was sealed without a timestamp, with one; no byte under the seal changes.

        `OSError` where the authority still fails.
        """
        start, end = find_signature_gap(data)
        reserved = bytes.fromhex(data[start:end].decode())
        message = cms.trimmed(reserved)
        made = cms.with_timestamp(message, self._sending)
        if len(made) > len(reserved):
            raise OSError("no room was kept for a timestamp")
        return data[:start] + made.hex().encode().ljust(end - start, b"0") + data[end:]

    @property
    def _sending(self) -> cms.Timestamps:
        if self.timestamps is None:
            raise OSError("no timestamp authority is configured")
        return self.timestamps


def _dictionary(facts: SealFacts, reserved_bytes: int) -> SignatureObject:
    made = SignatureObject(
        timestamp=facts.at,
        subfilter=SigSeedSubFilter.PADES,
        reason=facts.reason,
        app_build_props=BuildProps(name="Provider Portal"),
        bytes_reserved=2 * reserved_bytes,
    )
    made[pdf_name(DOCUMENT_KEY)] = pdf_string(facts.document_id)
    return made


def _field(writer: IncrementalPdfFileWriter, holder: SealFieldSpec) -> str:
    """Makes the field ready that will hold the seal; answers its name."""
    name = holder.field or _free_name(writer)
    page = holder.page or find_page(writer, 0).reference
    _, reference = prepare_sig_field(
        name,
        writer.root,
        update_writer=writer,
        existing_fields_only=holder.field is not None,
        include_on_page=page,
        box=holder.rectangle,
    )
    if holder.form is not None:
        widget = get_single_field_annot(reference.get_object())
        widget[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): holder.form})
        writer.update_container(widget)
    return name


def find_empty_field(writer: IncrementalPdfFileWriter) -> tuple[str, Any] | None:
    """The first signature field that waits for a signature, as its name and widget; None if none does."""
    for name, _, reference in enumerate_sig_fields(writer, filled_status=False):
        return name, get_single_field_annot(reference.get_object())
    return None


def _free_name(writer: IncrementalPdfFileWriter) -> str:
    taken = {name for name, _, _ in enumerate_sig_fields(writer)}
    if _FIELD not in taken:
        return _FIELD
    return next(name for number in count(2) if (name := f"{_FIELD} {number}") not in taken)
