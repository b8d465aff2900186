import io
import re
from dataclasses import replace

import pypdfium2
import pytest

from chalicelib.pdf.assembly.reportlab_pages import draw_and_open
from chalicelib.pdf.drawing.certificate_page import draw_certificate
from chalicelib.pdf.models import CertificateFacts, SignatureBlock
from chalicelib.services.labels import CONSENT_TEXTS
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.shaped_words import SHAPED


def certificate_pdf(facts: CertificateFacts, block: SignatureBlock | None = None) -> bytes:
    stream = draw_and_open(lambda canvas: draw_certificate(canvas, facts, block)).stream
    assert isinstance(stream, io.BytesIO)
    return stream.getvalue()


def text_of(facts: CertificateFacts, block: SignatureBlock | None = None) -> str:
    return samples.one_line(" ".join(samples.texts(certificate_pdf(facts, block))))


def test_a_short_trail_fits_on_one_page() -> None:
    assert len(samples.texts(certificate_pdf(samples.CERTIFICATE, samples.BLOCK))) == 1


def test_the_certificate_of_a_certified_plan_fits_on_one_page() -> None:
    facts = replace(
        samples.certificate_of(events=6),
        addressed_to="dr.r…@example.com, an address given by Hill Country Physical Therapy",
        identity="Account at the email address dr.r…@example.com; the NPI was stated by 1 clinic",
        consent_text=next(iter(CONSENT_TEXTS.values())),
        read_statement="The signer confirmed to have read every page",
    )
    (page,) = samples.texts(certificate_pdf(facts, samples.BLOCK))
    assert "Consent 2026-11" in samples.one_line(page)


def test_the_certificate_of_a_signature_shows_all_facts() -> None:
    text = text_of(samples.CERTIFICATE, samples.BLOCK)
    for part in (
        "Certificate of electronic signature",
        "Luis Rivera-Muñoz, MD, NPI 1234567893 signed this document electronically on November 22, 2026",
        "9f86d081 884c7d65 9a2feaa0 c55ad015 a3bf4f1b 2b0b822c d15d6c15 b0f00a08",
        "Hill Country Physical Therapy",
        "Plan of Care, initial evaluation",
        "Password, entered again",
        "Twice a week is fine.",
        "1, 2, 3",
        "2026-11-22 17:05:33 Sent by Hill Country Physical Therapy",
        "203.0.113.24, Safari on iPhone",
        "portal.example.com/verify",
        "60303ae2 2b998861",
        f"Document ID {samples.DOCUMENT_ID}",
        "Patient Ada Byron, DOB 12/10/1950",
        "Clinic's ID POC-1001",
        "page 1 of 1",
    ):
        assert part in text


def test_a_right_to_left_name_changes_no_order_beside_it() -> None:
    entry = replace(samples.CERTIFICATE.trail[0], ip="203.0.113.24", device="דהו")
    facts = replace(samples.CERTIFICATE, signer_name="אבג", trail=(entry,))
    lines = samples.lines_as_drawn(certificate_pdf(facts))
    assert "Nameגבא,MD,NPI1234567893" in lines
    assert any(line.startswith("גבא,MD,NPI1234567893signedthis") for line in lines)
    assert any(line.endswith("203.0.113.24,והד") for line in lines)


def test_a_certificate_of_decline_shows_the_reason() -> None:
    facts = replace(
        samples.CERTIFICATE, certificate_type="declined", decline_reason="Needs a visit", note="Please call."
    )
    text = text_of(facts)
    assert "Certificate of decline" in text
    assert "declined to sign this document" in text
    assert "Needs a visit" in text
    assert "Please call." in text


def test_a_signature_by_hand_is_not_called_electronic() -> None:
    text = text_of(replace(samples.CERTIFICATE, certificate_type="by_hand", note=None))
    assert "Certificate of signature by hand" in text
    assert "was received as signed by hand on" in text
    assert "The uploader named Luis Rivera" in text
    assert "Named by uploader" in text
    assert "lectronic" not in text


def test_two_hundred_events_span_pages_without_loss() -> None:
    pages = samples.texts(certificate_pdf(samples.certificate_of(200), samples.BLOCK))
    assert len(pages) > 3
    whole = samples.one_line(" ".join(pages))
    assert all(f"Event {index} happened" in whole for index in range(200))
    assert all("Time (UTC)" in page for page in pages if "happened" in page)
    assert f"page {len(pages)} of {len(pages)}" in pages[-1]


def test_no_text_leaves_the_page_or_touches_the_footer() -> None:
    facts = replace(
        samples.certificate_of(60),
        note="A long note. " * 300,
        title="T" * 300,
        practice_name="Practice " * 20,
        signer_name="Name " * 30,
    )
    with pypdfium2.PdfDocument(certificate_pdf(facts, samples.BLOCK)) as document:
        for page in document:
            reader = page.get_textpage()
            boxes = [reader.get_rect(index) for index in range(reader.count_rects())]
            assert all(box[0] >= 53 and box[2] <= 560 and box[1] >= 25 and box[3] <= 770 for box in boxes)
            assert not [box for box in boxes if 43 < box[1] < 50]


def test_a_note_in_any_script_and_with_line_breaks_is_printed() -> None:
    text = text_of(replace(samples.CERTIFICATE, note="Première ligne\n第二行\nЮлин"))
    for part in ("Première ligne", "第二行", "Юлин"):
        assert part in text


@pytest.mark.parametrize("url", ["https://portal.example.com/verify", "http://localhost:8000/verify"])
def test_the_qr_code_links_to_the_verification(url: str) -> None:
    page = samples.raster(certificate_pdf(replace(samples.CERTIFICATE, verify_url=url)), scale=4)
    side = 25 * 72 / 25.4
    assert samples.shows_code(page, (4 * (612 - 54 - side), 4 * 50), 4 * side, url)


def test_all_print_is_black_on_white_and_nine_points_or_more() -> None:
    content = draw_and_open(lambda canvas: draw_certificate(canvas, samples.CERTIFICATE, None)).pages[0].get_contents()
    assert content is not None
    sizes = [float(size) for size in re.findall(rb"/F\d\+?\d* ([\d.]+) Tf", content.get_data())]
    assert sizes
    assert min(sizes) >= 9
    page = samples.raster(certificate_pdf(samples.CERTIFICATE))
    assert samples.extremes(page)[1] == 255


def test_the_statement_to_have_read_every_page_is_printed() -> None:
    statement = "Statement ticked: I have read all 3 pages."
    facts = replace(samples.CERTIFICATE, pages_shown=None, read_statement=statement)
    assert f"Pages {statement}" in text_of(facts, samples.BLOCK)
    assert "Pages shown" not in text_of(facts, samples.BLOCK)


def test_signatures_that_the_file_lost_are_named() -> None:
    assert "Earlier signatures" not in text_of(samples.CERTIFICATE)
    facts = replace(samples.CERTIFICATE, lost_signatures=("Sam Lee, PT", ""))
    expected = "Earlier signatures Signed digitally before by: Sam Lee, PT, An unnamed signer. This copy shows those"
    assert expected in text_of(facts)
    assert "certificates, which the portal hasn't checked." in text_of(facts)


def test_names_in_certificates_add_no_lines_and_no_pages() -> None:
    names = ("Sam\n\nLee", "x" * 64, "y" * 65, *(f"P{number}" for number in range(7)))
    ten = f"before by: Sam Lee, {'x' * 64}, {'y' * 64}…, P0, P1, P2, P3, P4, P5, P6"
    assert f"{ten}. This copy" in text_of(replace(samples.CERTIFICATE, lost_signatures=names))
    more = replace(samples.CERTIFICATE, lost_signatures=(*names, "P7", "P8"))
    assert f"{ten}, and 2 more. This copy" in text_of(more)


@pytest.mark.parametrize("words", SHAPED.values(), ids=SHAPED)
def test_names_and_notes_of_any_script_are_printed(words: str) -> None:
    facts = replace(samples.CERTIFICATE, signer_name=words, practice_name=words, note=f"{words} " * 30)
    text = "".join(text_of(facts).split())
    assert text.count(words.replace(" ", "")) >= 33
