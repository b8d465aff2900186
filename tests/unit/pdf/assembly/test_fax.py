from dataclasses import replace
from typing import Any

import pytest
from reportlab.pdfgen.canvas import Canvas

from chalicelib.pdf.assembly.fax import compose_fax
from chalicelib.pdf.inspection import inspect_pdf
from chalicelib.pdf.models import FaxCover, FaxOnline
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.shaped_words import SHAPED

SIDE = 25 * 72 / 25.4


def full_bleed(canvas: Canvas, _page: int) -> None:
    canvas.setFont("Helvetica", 10)
    for line in range(52):
        canvas.drawString(20, 775 - line * 15, f"line {line} of a page that is full from edge to edge")


def test_the_cover_is_the_first_page_and_counts_itself() -> None:
    result = compose_fax(samples.COVER, samples.plan_of_care(3))
    assert inspect_pdf(result).page_sizes == ((612, 792),) * 4
    cover = samples.one_line(samples.texts(result)[0])
    for part in (
        "Hill Country Physical Therapy",
        "Luis Rivera-Muñoz, MD",
        "+1 512 555 0199",
        "+1 512 555 0177",
        "November 22, 2026",
        "4 including cover",
        "December 20, 2026",
        "portal.example.com/fax",
        "ACDE-FGHJ-KMNP",
        "Fax all 3 pages back",
        "Confidential.",
    ):
        assert part in cover


def test_without_electronic_signature_the_cover_offers_no_online_signing() -> None:
    cover = samples.texts(compose_fax(replace(samples.COVER, online=None), samples.plan_of_care(1)))[0]
    assert "secure page" not in cover
    assert "account" not in cover
    assert "ACDE" not in cover
    assert "Report it" not in cover
    assert "Sign by hand" in cover


def test_the_cover_offers_only_the_uses_of_the_code() -> None:
    cover = samples.one_line(samples.texts(compose_fax(samples.COVER, samples.plan_of_care(1)))[0])
    assert "Or use the secure page" in cover
    assert "upload a photo or scan of the signed page" in cover
    assert "log in first to add the document to your list" in cover
    assert "Not your patient? Report it at portal.example.com/fax/report with the code above." in cover


@pytest.mark.parametrize("original", [samples.plan_of_care(2), samples.drawn_pdf(full_bleed, pages=2)])
def test_every_page_carries_the_mark_and_its_number(original: bytes) -> None:
    result = compose_fax(samples.COVER, original)
    for page in (2, 3):
        sheet = samples.raster(result, page, scale=4)
        assert samples.shows_code(
            sheet, (4 * (572 - SIDE), 4 * (772 - SIDE)), 4 * SIDE, f"{samples.COVER.link_stem}{page - 1}"
        )
        text = samples.one_line(samples.texts(result)[page - 1])
        assert f"Page {page - 1} of 2 · Document TJ4K-9Q2P · Due December 20, 2026" in text
        assert "Online: portal.example.com/fax, code ACDE-FGHJ-KMNP" in text


def test_the_cover_says_that_the_document_can_be_signed_there() -> None:
    online = replace(samples.COVER.online, signs_there=True) if samples.COVER.online else None
    fax = compose_fax(replace(samples.COVER, online=online), samples.plan_of_care(1))
    cover = samples.one_line(samples.texts(fax)[0])
    assert "Or sign on your phone" in cover
    assert "sign or decline it on your phone, without an account" in cover
    assert "upload a photo" not in cover


def test_the_cover_has_the_link_of_page_zero_with_the_code() -> None:
    sheet = samples.raster(compose_fax(samples.COVER, samples.plan_of_care(1)), 1, scale=4)
    side = 32 * 72 / 25.4
    corner = (4 * (612 - 54 - 18 - side), 4 * (792 - 269 - side / 2))
    assert samples.shows_code(sheet, corner, 4 * side, f"{samples.COVER.link_stem}0.ACDEFGHJKMNP")


def test_a_cover_without_the_web_page_has_the_link_too() -> None:
    sheet = samples.raster(compose_fax(replace(samples.COVER, online=None), samples.plan_of_care(1)), 1, scale=4)
    corner = (4 * (612 - 54 - SIDE), 4 * (792 - 116 - SIDE))
    assert samples.shows_code(sheet, corner, 4 * SIDE, f"{samples.COVER.link_stem}0")


def test_without_the_web_page_no_page_names_a_code() -> None:
    text = samples.texts(compose_fax(replace(samples.COVER, online=None), samples.plan_of_care(1)))[1]
    assert "Online" not in text
    assert "Hill Country Physical Therapy" in text


def test_every_page_of_a_reminder_says_so() -> None:
    first = samples.texts(compose_fax(samples.COVER, samples.plan_of_care(2)))
    reminder = samples.texts(compose_fax(replace(samples.COVER, is_reminder=True), samples.plan_of_care(2)))
    assert [text.count("REMINDER") for text in reminder] == [1, 1, 1]
    assert not any("REMINDER" in text for text in first)


def test_a_document_without_a_due_date_names_none() -> None:
    texts = samples.texts(compose_fax(replace(samples.COVER, due_on=None), samples.plan_of_care(1)))
    assert not any("Due" in text for text in texts)


def test_the_mark_covers_no_content_of_the_page() -> None:
    result = compose_fax(samples.COVER, samples.drawn_pdf(full_bleed))
    strip = samples.raster(result, 2, scale=2).crop((0, 2 * (792 - 101), 2 * 612, 2 * (792 - 92)))
    assert samples.extremes(strip) == (255, 255)
    assert "line 51 of a page" in samples.texts(result)[1]


def test_a_page_with_margins_keeps_its_size() -> None:
    def bar(canvas: Canvas, _page: int) -> None:
        canvas.rect(72, 80, 400, 600, stroke=0, fill=1)

    sheet = samples.raster(compose_fax(samples.COVER, samples.drawn_pdf(bar)), 2)
    ink = sheet.crop((0, 0, 612, 500)).point([255 if value < 128 else 0 for value in range(256)]).getbbox()
    assert ink is not None
    assert ink[2] - ink[0] == pytest.approx(400, abs=2)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_every_page_is_complete_and_upright_on_letter_paper(rotate: int) -> None:
    def draw(canvas: Canvas, _page: int) -> None:
        canvas.drawString(100, 100, "first words")
        canvas.drawString(100, 700, "last words")

    original = samples.shaped(samples.drawn_pdf(draw), rotate=rotate, crop=(50, 50, 600, 750), unit=1.5)
    result = compose_fax(samples.COVER, original)
    assert inspect_pdf(result).page_sizes[1] == (612, 792)
    text = samples.texts(result)[1]
    assert "first words" in text
    assert "last words" in text


def test_a_landscape_page_is_turned_to_the_left() -> None:
    def top_bar(canvas: Canvas, _page: int) -> None:
        canvas.rect(0, 560, 792, 52, stroke=0, fill=1)

    sheet = samples.raster(compose_fax(samples.COVER, samples.drawn_pdf(top_bar, size=(792, 612))), 2)
    assert samples.grey(sheet, (60, 300)) == 0
    assert samples.grey(sheet, (560, 300)) == 255


def test_a_blank_page_is_faxed_too() -> None:
    assert inspect_pdf(compose_fax(samples.COVER, samples.blank_pdf())).pages == 2


def test_the_same_inputs_give_the_same_bytes() -> None:
    original = samples.plan_of_care(1)
    assert compose_fax(samples.COVER, original) == compose_fax(samples.COVER, original)


def test_a_long_name_does_not_reach_the_word_reminder() -> None:
    short, long = (replace(samples.COVER, is_reminder=True, provider_name="Name " * times) for times in (1, 40))
    boxes = [
        samples.raster(compose_fax(cover, samples.plan_of_care(1))).crop((400, 105, 612, 150))
        for cover in (short, long)
    ]
    assert boxes[0].tobytes() == boxes[1].tobytes()


def test_long_names_stay_on_the_cover() -> None:
    cover = replace(samples.COVER, practice_name="Practice of " * 15, provider_name="Name " * 40)
    sheet = samples.raster(compose_fax(cover, samples.plan_of_care(1)))
    assert samples.extremes(sheet.crop((560, 0, 612, 792))) == (255, 255)


def test_scripts_are_left_out() -> None:
    assert inspect_pdf(compose_fax(samples.COVER, samples.active())).active_content == ()


@pytest.mark.parametrize("words", SHAPED.values(), ids=SHAPED)
def test_the_cover_names_a_provider_in_any_script(words: str) -> None:
    cover = replace(samples.COVER, provider_name=f"{words}, MD", practice_name=words)
    text = "".join(samples.texts(compose_fax(cover, samples.plan_of_care(1)))[0].split())
    assert text.count(words.replace(" ", "")) >= 2


# Several documents


def joint(*pages: int, **changes: Any) -> bytes:
    """Return the PDF of a fax with several documents, of these numbers of pages. Each has its own link and code."""
    first, *others = [(part(number, **changes), samples.plan_of_care(count)) for number, count in enumerate(pages)]
    return compose_fax(*first, others)


def part(number: int, **changes: Any) -> FaxCover:
    facts = {
        "link_stem": f"HTTPS://PORTAL.EXAMPLE.COM/F/DOC{number}.9F86D0.",
        "short_code": f"TJ4K-9Q{number}P",
        "kind": "Plan of care" if number % 2 else "Recertification",
        "online": FaxOnline("https://portal.example.com/fax", f"ACDE-FGHJ-KM{number}P"),
        "is_reminder": number == 1,
        **changes,
    }
    return replace(samples.COVER, **facts)


def cover_text(*pages: int, **changes: Any) -> str:
    return samples.one_line(samples.texts(joint(*pages, **changes))[0])


def test_one_cover_lists_all_documents_with_their_codes_and_no_patient() -> None:
    assert inspect_pdf(joint(3, 1, 2)).page_sizes == ((612, 792),) * 7
    cover = cover_text(3, 1, 2, due_on=None)
    for words in (
        "3 documents are waiting for signature",
        "To Luis Rivera-Muñoz, MD Fax",
        "7 including cover",
        "1. Recertification, 3 pages (TJ4K-9Q0P)",
        "2. REMINDER: Plan of care, 1 page (TJ4K-9Q1P)",
        "3. Recertification, 2 pages (TJ4K-9Q2P)",
        "+1 512 555 0199",
        "go to portal.example.com/fax and enter",
        "Report it at portal.example.com/fax/report with the code above.",
        *(f"ACDE-FGHJ-KM{number}P" for number in range(3)),
    ):
        assert words in cover, words
    assert "Ada" not in cover
    assert cover.count("REMINDER") == 1


def test_a_joint_cover_names_the_due_day_of_each_document() -> None:
    cover = cover_text(1, 2)
    assert "1. Recertification, 1 page, due 12/20 (TJ4K-9Q0P)" in cover
    assert "December 20" not in cover


def test_a_joint_cover_of_reminders_says_so_at_its_top() -> None:
    assert cover_text(1, 2, is_reminder=True).count("REMINDER") == 3


def test_documents_for_several_people_name_each_of_them() -> None:
    first, second = part(0), replace(part(1), provider_name="Jane Okafor, PA-C", is_reminder=False)
    pdf = samples.plan_of_care(1)
    cover = samples.one_line(samples.texts(compose_fax(first, pdf, [(second, pdf)]))[0])
    assert "Luis Rivera-Muñoz, MD, and others named below" in cover
    assert "1. Recertification for Luis Rivera-Muñoz, MD, 1 page, due 12/20 (TJ4K-9Q0P)" in cover
    assert "2. Plan of care for Jane Okafor, PA-C, 1 page, due 12/20 (TJ4K-9Q1P)" in cover


def test_every_page_of_several_documents_has_the_mark_of_its_document() -> None:
    result = joint(2, 1)
    for page, name, words in (
        (2, "DOC0.9F86D0.1", "Page 1 of 2 · Document TJ4K-9Q0P"),
        (3, "DOC0.9F86D0.2", "Page 2 of 2 · Document TJ4K-9Q0P"),
        (4, "DOC1.9F86D0.1", "Page 1 of 1 · Document TJ4K-9Q1P"),
    ):
        sheet = samples.raster(result, page, scale=4)
        link = f"HTTPS://PORTAL.EXAMPLE.COM/F/{name}"
        assert samples.shows_code(sheet, (4 * (572 - SIDE), 4 * (772 - SIDE)), 4 * SIDE, link)
        assert words in samples.one_line(samples.texts(result)[page - 1])


@pytest.mark.parametrize("online", [None, FaxOnline("https://portal.example.com/fax", "ACDE-FGHJ-KMNP")])
def test_a_joint_cover_that_is_faxed_back_is_recognized(online: FaxOnline | None) -> None:
    sheet = samples.raster(joint(1, 1, online=online), 1, scale=4)
    link = "HTTPS://PORTAL.EXAMPLE.COM/F/DOC0.9F86D0.0"
    assert samples.shows_code(sheet, (4 * (612 - 54 - SIDE), 4 * (792 - 116 - SIDE)), 4 * SIDE, link)


def test_ten_documents_stay_on_one_cover_above_its_foot() -> None:
    result = joint(*[1] * 10)
    assert inspect_pdf(result).pages == 11
    assert "10. Plan of care, 1 page" in samples.texts(result)[0]
    sheet = samples.raster(result, 1, scale=2)
    assert samples.extremes(sheet.crop((0, 2 * 655, 2 * 480, 2 * 662))) == (255, 255)


def test_without_electronic_signature_a_joint_cover_has_no_codes() -> None:
    cover = cover_text(1, 1, online=None)
    assert "2. REMINDER: Plan of care, 1 page, due 12/20 (TJ4K-9Q1P)" in cover
    for words in ("ACDE", "Report it", "portal.example.com"):
        assert words not in cover


def test_the_same_documents_in_another_order_are_another_pdf() -> None:
    assert joint(1, 2) == joint(1, 2)
    assert joint(1, 2) != joint(2, 1)
