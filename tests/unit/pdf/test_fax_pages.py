import pytest
import segno

from chalicelib.pdf.fax_pages import (
    FaxPage,
    cover_link,
    link_stem,
    page_link,
    read_cover_code,
    read_page_link,
    read_page_name,
)

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
DOCUMENT = "doc_mfrggzdfmztwq2lknnwg23tpoa"
STEM = link_stem("https://portal.example.com", DOCUMENT, SHA256)


def test_the_link_has_document_version_and_page() -> None:
    link = page_link(STEM, 3)
    assert link == "HTTPS://PORTAL.EXAMPLE.COM/F/MFRGGZDFMZTWQ2LKNNWG23TPOA.9F86D0.3"
    assert read_page_link(link) == FaxPage(DOCUMENT, "9f86d0", 3)


@pytest.mark.parametrize("number", [0, 9, 200, 999])
def test_every_page_number_can_be_read(number: int) -> None:
    assert read_page_link(page_link(STEM, number)) == FaxPage(DOCUMENT, "9f86d0", number)


@pytest.mark.parametrize("number", [1, 200])
def test_the_qr_code_has_at_most_33_modules_with_much_redundancy(number: int) -> None:
    code = segno.make(page_link(STEM, number), error="m", micro=False)
    assert (code.mode, code.designator) == ("alphanumeric", "4-Q")


def test_a_link_of_the_local_portal_can_be_read() -> None:
    link = page_link(link_stem("http://portal.localhost:4566", DOCUMENT, SHA256), 1)
    assert read_page_link(link) == FaxPage(DOCUMENT, "9f86d0", 1)


def test_a_browser_may_change_the_case_of_the_letters() -> None:
    assert read_page_link(page_link(STEM, 1).lower().replace("/f/", "/F/")) == FaxPage(DOCUMENT, "9f86d0", 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        DOCUMENT,
        "https://portal.example.com/by-hand/doc_mfrggzdfmztwq2lknnwg23tpoa",
        "HTTPS://PORTAL.EXAMPLE.COM/F/",
        "HTTPS://PORTAL.EXAMPLE.COM/F/MFRGG.9F86D0",
        "HTTPS://PORTAL.EXAMPLE.COM/F/MFRGG.9F86D.3",
        "HTTPS://PORTAL.EXAMPLE.COM/F/MFRGG.9F86D0A.3",
        "HTTPS://PORTAL.EXAMPLE.COM/F/MFRGG.9F86DG.3",
        "HTTPS://PORTAL.EXAMPLE.COM/F/MFRGG.9F86D0.1000",
        "HTTPS://PORTAL.EXAMPLE.COM/F/MFRGG.9F86D0.3/",
        "HTTPS://PORTAL.EXAMPLE.COM/X/F/MFRGG.9F86D0.3",
        "HTTPS://PORTAL.EXAMPLE.COM/F/.9F86D0.3",
        "HTTPS://PORTAL.EXAMPLE.COM/F/MF-GG.9F86D0.3",
        f"HTTPS://PORTAL.EXAMPLE.COM/F/{'A' * 41}.9F86D0.3",
        "FTP://PORTAL.EXAMPLE.COM/F/MFRGG.9F86D0.3",
        " HTTPS://PORTAL.EXAMPLE.COM/F/MFRGG.9F86D0.3",
        "HTTPS://PORTAL.EXAMPLE.COM/F/MFRGG.9F86D0.\u0663",
    ],
)
def test_any_other_text_names_no_page(text: str) -> None:
    assert read_page_link(text) is None


def test_the_longest_id_can_be_read() -> None:
    assert read_page_name(f"{'A' * 40}.9F86D0.3") == FaxPage(f"doc_{'a' * 40}", "9f86d0", 3)


def test_the_cover_carries_its_code_and_is_still_page_zero() -> None:
    link = cover_link(STEM, "ACDE-FGHJ-KMNP")
    assert link == f"{STEM}0.ACDEFGHJKMNP"
    assert read_page_link(link) == FaxPage(DOCUMENT, "9f86d0", 0)
    assert read_cover_code(link.rpartition("/")[2]) == "ACDEFGHJKMNP"
    assert read_cover_code("mfrgg.9f86d0.0.acdefghjkmnp") == "ACDEFGHJKMNP"


def test_the_code_makes_the_qr_code_of_the_cover_no_finer() -> None:
    code = segno.make(cover_link(STEM, "ACDE-FGHJ-KMNP"), error="m", micro=False)
    assert (code.mode, code.designator) == ("alphanumeric", "4-M")


@pytest.mark.parametrize("name", ["", "MFRGG.9F86D0.0", "MFRGG.9F86D0.0.", "MFRGG.9F86D0.0.ACDEFGHJKMN", "x"])
def test_a_link_without_a_code_has_none(name: str) -> None:
    assert read_cover_code(name) is None
