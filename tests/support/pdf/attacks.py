"""Attacks on a sealed PDF (one with the portal's digital signature). The portal must notice each of them.

Each function returns the file that an attacker would pass on."""

from __future__ import annotations

import datetime as dt
import io
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asn1crypto import cms as asn1_cms
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, DecodedStreamObject, NameObject, NumberObject, PdfObject

from chalicelib.pdf.signing import cms
from chalicelib.pdf.signing.certificate_chain import Chain
from chalicelib.pdf.signing.seal import SealFieldSpec
from chalicelib.pdf.signing.sealer import Sealer
from chalicelib.pdf.signing.timestamp_tokens import TimestampSource
from chalicelib.pdf.signing.verification import find_signature_gap
from tests.support.pdf import sealing_key
from tests.support.pdf.sample_pdfs import NOW, edited, floats, name, pdf_dict, plan_of_care
from tests.support.pdf.sealing import seal_opened

FALSE_AUTHORITY = sealing_key.authority(at=NOW - dt.timedelta(days=1000))
WHITE = b"1 g 0 0 612 792 re f"


def appended(data: bytes, change: Callable[[PdfWriter], object]) -> bytes:
    """Return the PDF with a change at its end (an incremental update), so that the signed bytes stay the same."""
    writer = PdfWriter(io.BytesIO(data), incremental=True)
    change(writer)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def later_signature(sealed: bytes) -> bytes:
    """Return the sealed PDF, signed once more by a stranger, whose white signature picture hides the first page."""
    writer = IncrementalPdfFileWriter(io.BytesIO(sealed))
    stream = generic.StreamObject(stream_data=WHITE)
    stream[pdf_name("/Subtype")] = pdf_name("/Form")
    stream[pdf_name("/BBox")] = generic.ArrayObject(map(generic.NumberObject, (0, 0, 612, 792)))
    field = SealFieldSpec(rectangle=(0, 0, 612, 792), form=writer.add_object(stream))
    other = sealing_key.LocalKey()
    return seal_opened(writer, Sealer(Chain((other.certificate(),)), other.sign), sealing_key.FACTS, field).data


def filled_field(sealed: bytes) -> bytes:
    """Return the sealed PDF with a new form field, whose white box hides a part of the first page."""

    def change(writer: PdfWriter) -> None:
        stream = DecodedStreamObject()
        stream.set_data(WHITE)
        stream.update(pdf_dict(Type=name("XObject"), Subtype=name("Form"), BBox=floats(0, 0, 300, 40)))
        look = writer._add_object(stream)
        field = pdf_dict(Type=name("Annot"), Subtype=name("Widget"), FT=name("Tx"), AP=pdf_dict(N=look))
        field.update(pdf_dict(Rect=floats(72, 600, 372, 640), F=NumberObject(4)))
        writer.pages[0][name("Annots")] = ArrayObject([writer._add_object(field)])

    return appended(sealed, change)


def shadow_hide(sealed: bytes) -> bytes:
    """Return the sealed PDF with an update at its end that empties every drawing on a page, such as the signature."""

    def change(writer: PdfWriter) -> None:
        resources: list[Any] = [page["/Resources"] for page in writer.pages]
        drawings = [drawing for named in resources for drawing in named.get("/XObject", {}).values()]
        for drawing in drawings:
            drawing.get_object().set_data(b"")
        assert drawings

    return appended(sealed, change)


def shadow_replace(sealed: bytes) -> bytes:
    """Return the sealed PDF with an update at its end that gives the first page other content."""

    def change(writer: PdfWriter) -> None:
        stream = DecodedStreamObject()
        stream.set_data(WHITE)
        writer.pages[0][NameObject("/Contents")] = writer._add_object(stream)

    return appended(sealed, change)


def shadow_hide_and_replace(sealed: bytes) -> bytes:
    """Return the sealed PDF with an update at its end that shows other pages in place of all sealed pages."""

    def change(writer: PdfWriter) -> None:
        page = pdf_dict(Type=name("Page"), MediaBox=floats(0, 0, 612, 792), Resources=pdf_dict())
        tree = pdf_dict(Type=name("Pages"), Count=NumberObject(1), Kids=ArrayObject([writer._add_object(page)]))
        writer.root_object[name("Pages")] = page[name("Parent")] = writer._add_object(tree)

    return appended(sealed, change)


def overwritten(sealed: bytes) -> bytes:
    """Return the sealed PDF with an update at its end that removes the signature fields, so that readers find no
    seal."""

    def change(writer: PdfWriter) -> None:
        del writer.root_object[NameObject("/AcroForm")]

    return appended(sealed, change)


def wrapped(sealed: bytes) -> bytes:
    """Return the sealed PDF with bytes inserted into the gap that holds the signature.

    The signature does not cover the bytes in this gap."""
    _, end = find_signature_gap(sealed)
    inside = b"> /Inserted <"
    return sealed[: end - len(inside)] + inside + sealed[end:]


def _with_message(sealed: bytes, change: Callable[[bytes], bytes]) -> bytes:
    start, end = find_signature_gap(sealed)
    message = change(cms.strip_padding(bytes.fromhex(sealed[start:end].decode())))
    return sealed[:start] + message.hex().encode().ljust(end - start, b"0") + sealed[end:]


def replaced_timestamp(sealed: bytes) -> bytes:
    """Return the sealed PDF with a false timestamp, two years before the seal, by the attacker's own authority."""
    return with_timestamp(sealed, FALSE_AUTHORITY, NOW.replace(year=NOW.year - 2))


def with_timestamp(sealed: bytes, by: sealing_key.Authority, at: dt.datetime) -> bytes:
    """Return the sealed PDF with a timestamp for the time `at` by this authority, in place of the seal's own
    timestamp."""
    own = TimestampSource(lambda query: sealing_key.timestamps(query, at=at, by=by), sealing_key.pins_of(by))
    return _with_message(sealed, lambda message: cms.add_timestamp(message, own, at))


def removed_timestamp(sealed: bytes) -> bytes:
    """Return the PDF without the timestamp of its seal."""

    def change(message: bytes) -> bytes:
        content = asn1_cms.ContentInfo.load(message)
        content["content"]["signer_infos"][0]["unsigned_attrs"] = asn1_cms.CMSAttributes([])
        stripped: bytes = content.dump(force=True)
        return stripped

    return _with_message(sealed, change)


def in_capital_letters(sealed: bytes) -> bytes:
    """Return the sealed PDF with its signature's hexadecimal digits in capital letters.

    The signature means the same and does not cover its own digits, but the file's hash differs."""
    start, end = find_signature_gap(sealed)
    return sealed[:start] + sealed[start:end].upper() + sealed[end:]


def second_end(sealed: bytes) -> bytes:
    """Return the sealed PDF with a second end mark (`%%EOF`) after its end."""
    return sealed + b"\n%%EOF\n"


def linearized(sealed: bytes) -> bytes:
    """Return the sealed PDF, rewritten by the program qpdf. The pages look the same, but the seal is broken."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before.pdf"), Path(folder, "after.pdf")
        before.write_bytes(sealed)
        subprocess.run(["qpdf", "--linearize", "--object-streams=generate", before, after], check=True)
        return after.read_bytes()


SHADOWS = (shadow_hide, shadow_replace, shadow_hide_and_replace)

ATTACKS: list[tuple[Callable[[bytes], bytes], str]] = [
    *((attack, "added") for attack in (later_signature, filled_field, *SHADOWS, overwritten, second_end)),
    *((attack, "changed") for attack in (replaced_timestamp, removed_timestamp, in_capital_letters, wrapped)),
    (linearized, "broken"),
]
"""Every attack with the verdict of `/verify`."""


def layers_by_usage() -> bytes:
    """Return a plan of care that shows one frequency of treatment on a screen and prints another one.

    It has two layers, of which viewers show one and printers the other."""

    def layer(view: str, printed: str) -> PdfObject:
        usage = pdf_dict(View=pdf_dict(ViewState=name(view)), Print=pdf_dict(PrintState=name(printed)))
        return pdf_dict(Type=name("OCG"), Name=name("Frequency"), Usage=usage)

    def change(writer: PdfWriter) -> None:
        pair = [writer._add_object(layer("ON", "OFF")), writer._add_object(layer("OFF", "ON"))]
        page, stream = writer.pages[0], DecodedStreamObject()
        font = pdf_dict(Type=name("Font"), Subtype=name("Type1"), BaseFont=name("Helvetica"))
        stream.set_data(
            b"/OC /Shown BDC BT /F1 20 Tf 72 400 Td (2 times a week) Tj ET EMC"
            b" /OC /Printed BDC BT /F1 20 Tf 72 400 Td (5 times a week) Tj ET EMC"
        )
        page[name("Contents")] = writer._add_object(stream)
        page[name("Resources")] = pdf_dict(Font=pdf_dict(F1=font), Properties=pdf_dict(Shown=pair[0], Printed=pair[1]))
        how = ArrayObject(
            pdf_dict(Event=name(event), Category=ArrayObject([name(event)]), OCGs=ArrayObject(pair))
            for event in ("View", "Print")
        )
        writer.root_object[name("OCProperties")] = pdf_dict(OCGs=ArrayObject(pair), D=pdf_dict(AS=how))

    return edited(plan_of_care(1), change)
