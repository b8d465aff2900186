"""The seal: one PAdES signature over the whole file, made with a key that lives elsewhere (KMS).

The seal allows no later change: all fields are locked (P=1), and in a file without other signatures the seal
also certifies the file. In a file that already carries signatures, only the seal's field is added: any other
change would invalidate the earlier signatures."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any, Literal

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
from chalicelib.pdf.signing import cms
from chalicelib.pdf.signing.certificate_chain import Chain, SignDigest
from chalicelib.pdf.signing.fast_path.cms_pattern import CmsPattern, make_pattern
from chalicelib.pdf.signing.incremental_update import find_page, open_to_extend, requires_extensible
from chalicelib.pdf.signing.timestamp_tokens import TimestampSource
from chalicelib.pdf.signing.verification import DOCUMENT_KEY, find_signature_gap

Level = Literal["B-B", "B-T"]
"""The PAdES level: `B-T` has a timestamp by an authority over the signature, `B-B` has none."""

_FIELD = "Seal"
_DIGEST = "sha256"
_LOCK = FieldMDPSpec(FieldMDPAction.ALL)


@dataclass(frozen=True)
class SealFacts:
    """The contents of a seal: the reason (who signed), the document's id, and the aware time of sealing."""

    reason: str
    document_id: str
    at: dt.datetime


@dataclass(frozen=True)
class Sealed:
    """A sealed file and the level of its seal."""

    data: bytes
    level: Level


@dataclass(frozen=True)
class SealFieldSpec:
    """The signature field for the seal: an existing empty `field` by name, or a new field on a page.

    `page` is a reference. Without a page, the new field is on the first page. With a `form` (a reference to an
    XObject) the seal is visible: a new field needs its `rectangle` in user space, and an existing field keeps
    its rectangle."""

    page: Any = None
    field: str | None = None
    rectangle: Box | None = None
    form: Any = None


@dataclass(frozen=True)
class Sealer:
    """A sealer of files with one certificate. Reuse a sealer, because the first seal is slow.

    `fast_path` is the switch for the shortcuts in `signing/fast_path`. Without them, pyHanko does all the work."""

    chain: Chain
    sign: SignDigest
    timestamps: TimestampSource | None = None
    fast_path: bool = True

    @property
    def pins(self) -> Collection[str]:
        """The fingerprints of the certificates that the timestamp authority uses."""
        return self.timestamps.pins if self.timestamps is not None else ()

    @cached_property
    def _pattern(self) -> CmsPattern | None:
        """The pattern of the CMS messages; None if pyHanko must make each message."""
        try:
            return make_pattern(self.chain) if self.fast_path else None
        except ValueError:
            return None

    @cached_property
    def reserved_bytes(self) -> int:
        """The bytes reserved for the CMS message, including a timestamp that comes now or later."""
        if self._pattern is not None:
            size = len(self._pattern.message)
        else:
            unsigned = cms.RemoteSigner(self.chain, lambda _: bytes(self.chain.key_bytes))
            size = len(cms.make_message(unsigned, bytes(32)))
        return size + (cms.TOKEN_BYTES if self.timestamps else 0)

    def seal(self, data: bytes, facts: SealFacts) -> Sealed:
        """Return the file with an invisible seal over all of it; raise `NotExtensible` if it is malformed."""
        return self.seal_opened(open_to_extend(data), facts, SealFieldSpec())

    def seal_opened(self, writer: IncrementalPdfFileWriter, facts: SealFacts, field: SealFieldSpec) -> Sealed:
        """Return the file with the writer's changes and a seal over all of it; raise `NotExtensible`.

        If the timestamp authority fails, the seal has no timestamp and its level is B-B."""
        steps, prepared, output = self._start_embedding(writer, facts, field)
        message, level = self._make_message(prepared.document_digest, facts.at)
        steps.send(message)
        sealed: bytes = output.getvalue()
        return Sealed(sealed, level)

    def _start_embedding(
        self, writer: IncrementalPdfFileWriter, facts: SealFacts, field: SealFieldSpec
    ) -> tuple[Any, Any, io.BytesIO]:
        """Prepare the file for the CMS message.

        Return pyHanko's generator, which takes the message next, the prepared digest and the output."""
        with requires_extensible():
            certify = next(enumerate_sig_fields(writer, filled_status=True), None) is None
            lock = SigMDPSetup(_DIGEST, certify=certify, field_lock=_LOCK, docmdp_perms=MDPPerm.NO_CHANGES)
            name = _prepare_field(writer, field)
            steps = PdfCMSEmbedder().write_cms(name, writer, existing_fields_only=True)
            next(steps)
            steps.send(SigObjSetup(_signature_dictionary(facts, self.reserved_bytes), mdp_setup=lock))
            prepared, output = steps.send(SigIOSetup(md_algorithm=_DIGEST, output=io.BytesIO()))
        return steps, prepared, output

    def _make_message(self, digest: bytes, at: dt.datetime) -> tuple[bytes, Level]:
        if self._pattern is not None:
            message = self._pattern.fill(digest, self.sign)
        else:
            message = cms.make_message(cms.RemoteSigner(self.chain, self.sign), digest)
        if self.timestamps is None:
            return message, "B-B"
        try:
            return self._add_timestamp(message, self.reserved_bytes, at), "B-T"
        except OSError:
            return message, "B-B"

    def _add_timestamp(self, message: bytes, reserved: int, at: dt.datetime) -> bytes:
        if self.timestamps is None:
            raise OSError("no timestamp authority is configured")
        timestamped = cms.add_timestamp(message, self.timestamps, at)
        if len(timestamped) > reserved:
            raise OSError("the timestamp is larger than the space reserved for it")
        return timestamped

    def add_timestamp(self, data: bytes, at: dt.datetime) -> bytes:
        """Return a sealed file with a timestamp of `at` added to the seal; no byte under the seal changes.

        Raise `OSError` if the authority fails or the file has no space for a timestamp."""
        start, end = find_signature_gap(data)
        reserved = bytes.fromhex(data[start:end].decode())
        timestamped = self._add_timestamp(cms.strip_padding(reserved), len(reserved), at)
        return data[:start] + timestamped.hex().encode().ljust(end - start, b"0") + data[end:]


def _signature_dictionary(facts: SealFacts, reserved_bytes: int) -> SignatureObject:
    dictionary = SignatureObject(
        timestamp=facts.at,
        subfilter=SigSeedSubFilter.PADES,
        reason=facts.reason,
        app_build_props=BuildProps(name="Provider Portal"),
        bytes_reserved=2 * reserved_bytes,
    )
    dictionary[pdf_name(DOCUMENT_KEY)] = pdf_string(facts.document_id)
    return dictionary


def _prepare_field(writer: IncrementalPdfFileWriter, field: SealFieldSpec) -> str:
    """Create or reuse the field for the seal, add the lock and the appearance, and return the field's name.

    An existing field gets no lock, because a change of the field would invalidate the earlier signatures."""
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


def find_empty_field(writer: IncrementalPdfFileWriter) -> tuple[str, Any] | None:
    """Return the name and widget of the first unsigned signature field; None if there is none."""
    for name, _, reference in enumerate_sig_fields(writer, filled_status=False):
        return name, get_single_field_annot(reference.get_object())
    return None


def _free_name(writer: IncrementalPdfFileWriter) -> str:
    taken = {name for name, _, _ in enumerate_sig_fields(writer)}
    if _FIELD not in taken:
        return _FIELD
    return next(name for number in count(2) if (name := f"{_FIELD} {number}") not in taken)
