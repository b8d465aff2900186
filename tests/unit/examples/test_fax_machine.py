"""Test the mailbox's fax machine: its pages, the form *Send pages back*, and what the clinic then receives."""

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs

import httpx
import pypdfium2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask.testing import FlaskClient
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from examples.fax_carrier.app import Carrier
from examples.fax_carrier.app import create_app as create_carrier
from examples.fax_carrier.exchange import Exchange
from examples.mailbox import fax
from examples.mailbox.app import create_app
from examples.mailbox.box import Box
from examples.mailbox.emulator import MAILS, Emulator
from examples.mailbox.fax_carrier import FaxCarrier, as_email
from examples.mailbox.fax_damage import SHEET, Look
from examples.mailbox.handwriting import Lines, Writing, beside, find_lines, write
from examples.mailbox.reader import Reader
from examples.mailbox.return_form import FormError, Order, PagesBack, read_form
from examples.mailbox.returned_pages import arrange, compose_return

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
TODAY = date(2026, 11, 30)
MACHINE, CLINIC = "+15125550100", "+13125790016"
FORM = {"skew": "1", "size": "95", "to": CLINIC}
STRAIGHT = {"skew": "0", "size": "100", "to": CLINIC}
RANDOM = Random(1)  # noqa: S311 - damage, not secrets
PAGE = "/messages/f8338808-0001/return"
WIDTHS = (100, 200, 300, 400)
"""The widths of the black bars on the four pages of the sample fax, in points. They tell the pages apart."""


@cache
def sample_fax() -> bytes:
    """Return a fax of four pages. Page 3 has lines for a signature and a date, and each page a bar of its width."""
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(612, 792))
    for number, width in enumerate(WIDTHS, start=1):
        canvas.rect(72, 700, width, 20, fill=1)
        canvas.drawString(72, 50, "Signed by hand? Without a signature")
        if number == 3:
            canvas.drawString(72, 300, "Date of the Signature")
            canvas.drawString(72, 200, "Signature:")
            canvas.drawString(400, 200, "Date")
        canvas.showPage()
    canvas.save()
    return target.getvalue()


class LocalCarrier:
    """A fake of the local fax carrier, which records the faxes that it gets."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, list[str]], bytes]] = []
        self.away = False

    def handle(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("nobody there", request=request)
        assert request.url.path == "/returned"
        self.received.append((parse_qs(request.url.query.decode()), request.content))
        return httpx.Response(200, json={"id": "d4e5f6a7-0002"})


@pytest.fixture
def carrier() -> LocalCarrier:
    return LocalCarrier()


def machine(folder: Path, carrier: LocalCarrier | None, pdf: bytes) -> FlaskClient:
    """Return a client of the mailbox's pages, with one fax."""
    box = Box(folder)
    to = f"{MACHINE[1:]}@fax.example.net"
    box.add_mail("f8338808-0001", as_email(to, pdf), to=[to], received_at=NOW, source="smtp")

    def aws(request: httpx.Request) -> httpx.Response:
        empty: dict[str, Any] = {"messages": {}} if request.url.path == MAILS else {"sms_messages": {}}
        return httpx.Response(200, json=empty)

    emulator = Emulator("http://127.0.0.1:4566", box, transport=httpx.MockTransport(aws))
    transport = httpx.MockTransport(carrier.handle) if carrier else None
    local = FaxCarrier("http://carrier.test", box, "fax.example.net", transport) if carrier else None
    return create_app(Reader(box, emulator, "fax.example.net", "http://clinic.test", local, CLINIC)).test_client()


@pytest.fixture
def client(tmp_path: Path, carrier: LocalCarrier) -> Iterator[FlaskClient]:
    with machine(tmp_path, carrier, sample_fax()) as client:
        yield client


def order(**fields: str) -> PagesBack:
    return read_form(FORM | fields, ["2", "3", "4"], 4)


def pictures(pdf: bytes) -> list[Image.Image]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.render(scale=1, grayscale=True).to_pil().convert("L") for page in document]


def sizes(pdf: bytes) -> list[tuple[int, int]]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [(round(page.get_width()), round(page.get_height())) for page in document]


def send(**fields: str) -> bytes:
    """Send only page 3 back, straight and in its full size, but for the given fields of the form."""
    return compose_return(sample_fax(), read_form(STRAIGHT | fields, ["3"], 4), TODAY, RANDOM)


def ink(picture: Image.Image, box: tuple[int, int, int, int]) -> int:
    return sum(picture.crop(box).histogram()[:128])


def bar(picture: Image.Image) -> int:
    """Return the ink of the bar at the top of a page."""
    return ink(picture, (0, 0, picture.width, 140))


# The pages


def test_each_fax_shows_its_pages_with_numbers_and_a_way_to_send_them_back(client: FlaskClient) -> None:
    page = client.get(f"/fax?to=%2B{MACHINE[1:]}").text
    assert "Page 1 of 4" in page
    assert "Page 4 of 4" in page
    assert f'href="{PAGE}"' in page


def test_without_a_fax_carrier_nothing_can_be_sent_back(tmp_path: Path) -> None:
    client = machine(tmp_path, None, sample_fax())
    assert PAGE not in client.get(f"/fax?to=%2B{MACHINE[1:]}").text
    assert client.get(PAGE).status_code == 404
    assert client.post(PAGE, data=FORM | {"pages": "2"}).status_code == 404


def test_a_fax_without_pages_cannot_be_sent_back(tmp_path: Path, carrier: LocalCarrier) -> None:
    client = machine(tmp_path, carrier, b"not a PDF")
    assert client.get(PAGE).status_code == 404
    assert client.post(PAGE, data=FORM | {"pages": "1"}).status_code == 404


def test_the_form_proposes_all_pages_but_the_cover_and_the_clinics_number(client: FlaskClient) -> None:
    page = client.get(PAGE).text
    assert 'value="1" > Page 1' in page
    for number in (2, 3, 4):
        assert f'value="{number}" checked> Page {number} of 4' in page
    assert f'value="{CLINIC}"' in page


def test_the_only_page_of_a_fax_is_proposed(tmp_path: Path, carrier: LocalCarrier) -> None:
    target = io.BytesIO()
    canvas = Canvas(target)
    canvas.showPage()
    canvas.save()
    page = machine(tmp_path, carrier, target.getvalue()).get(PAGE).text
    assert 'value="1" checked> Page 1 of 1' in page


def test_selected_pages_are_faxed_to_the_clinic(client: FlaskClient, carrier: LocalCarrier) -> None:
    answer = client.post(PAGE, data=FORM | {"pages": ["2", "3"]})
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{PAGE}?sent=d4e5f6a7-0002"
    ((query, pdf),) = carrier.received
    assert query == {"to": [CLINIC], "from": [MACHINE]}
    assert len(sizes(pdf)) == 2
    page = client.get(answer.headers["Location"]).text
    assert 'href="http://carrier.test/media/d4e5f6a7-0002.pdf"' in page


def test_a_call_that_breaks_off_is_reported_as_incomplete(client: FlaskClient, carrier: LocalCarrier) -> None:
    client.post(PAGE, data=FORM | {"pages": "2", "breaks_off": "on"})
    assert carrier.received[0][0]["partial"] == ["1"]


def test_a_wrong_field_is_explained_and_what_was_chosen_stays(client: FlaskClient, carrier: LocalCarrier) -> None:
    answer = client.post(PAGE, data=FORM | {"pages": "4", "skew": "11", "order": "reversed", "cut": "on"})
    assert answer.status_code == 422
    assert "Enter a number from -10 to 10." in answer.text
    assert 'value="3" > Page 3' in answer.text
    assert 'value="4" checked> Page 4' in answer.text
    assert 'value="reversed" selected' in answer.text
    assert 'name="cut" checked' in answer.text
    assert carrier.received == []


def test_a_carrier_that_does_not_respond_is_reported(client: FlaskClient, carrier: LocalCarrier) -> None:
    carrier.away = True
    answer = client.post(PAGE, data=FORM | {"pages": "2"})
    assert answer.status_code == 422
    assert "The local fax carrier does not respond" in answer.text


def test_the_id_of_a_sent_fax_cannot_lead_elsewhere(client: FlaskClient) -> None:
    assert "The fax is on its way" not in client.get(f"{PAGE}?sent=../../account").text


# The form


def test_the_simplest_form_sends_a_clean_page_with_a_signature_and_a_date() -> None:
    pages = read_form(FORM, ["3", "2"], 4)
    assert (pages.to, pages.pages, pages.order) == (CLINIC, (2, 3), Order.AS_FAXED)
    assert pages.writing is Writing.SIGNED_AND_DATED
    assert (pages.damage.sent, pages.damage.returned) == (196, 196)
    assert (pages.damage.size, pages.damage.skew, pages.damage.look) == (0.95, 1, Look.CLEAN)
    assert (pages.damage.upside_down, pages.damage.is_cut, pages.breaks_off) == (False, False, False)


def test_each_accident_is_read() -> None:
    pages = order(resolution="standard", look="faded", upside_down="on", cut="on", breaks_off="on", writing="refused")
    assert (pages.damage.returned, pages.damage.look) == (98, Look.FADED)
    assert pages.damage.upside_down
    assert pages.damage.is_cut
    assert pages.breaks_off
    assert pages.writing is Writing.REFUSED


@pytest.mark.parametrize(
    ("field", "value"), [("skew", "-10"), ("skew", "10"), ("size", "50"), ("size", "100"), ("to", "+1 (312) 579-0016")]
)
def test_a_value_at_the_limit_is_accepted(field: str, value: str) -> None:
    order(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("skew", "-10.1"),
        ("skew", "10.1"),
        ("skew", ""),
        ("skew", "nan"),
        ("size", "49.9"),
        ("size", "100.1"),
        ("to", ""),
        ("to", "3125790016"),
        ("to", "+123456"),
        ("to", "+1234567890123456"),
        ("order", "none"),
        ("look", "none"),
        ("writing", "none"),
        ("resolution", "196"),
    ],
)
def test_a_wrong_value_names_its_field(field: str, value: str) -> None:
    with pytest.raises(FormError) as error:
        order(**{field: value})
    assert error.value.field == field


@pytest.mark.parametrize("chosen", [[], ["0"], ["5"], ["x"]])
def test_at_least_one_page_of_the_fax_is_needed(chosen: list[str]) -> None:
    with pytest.raises(FormError, match="Select at least one page"):
        read_form(FORM, chosen, 4)


# The pages that come back


def test_selected_pages_go_back_in_the_chosen_order() -> None:
    pdf = compose_return(sample_fax(), read_form(STRAIGHT | {"order": "reversed"}, ["2", "4"], 4), TODAY, RANDOM)
    assert [bar(picture) for picture in pictures(pdf)] == pytest.approx([8000, 4000], rel=0.1)


def test_reversed_and_unchanged_orders() -> None:
    assert list(arrange((2, 3, 4), Order.AS_FAXED, RANDOM)) == [2, 3, 4]
    assert list(arrange((2, 3, 4), Order.REVERSED, RANDOM)) == [4, 3, 2]


def test_shuffled_pages_are_all_there_and_never_in_order() -> None:
    for _ in range(50):
        shuffled = list(arrange((2, 3, 4), Order.SHUFFLED, RANDOM))
        assert sorted(shuffled) == [2, 3, 4]
        assert shuffled != [2, 3, 4]
    assert list(arrange((2,), Order.SHUFFLED, RANDOM)) == [2]


@pytest.mark.parametrize(("resolution", "height"), [("fine", 2156), ("standard", 1078)])
def test_a_page_has_only_black_and_white_dots_of_its_resolution(resolution: str, height: int) -> None:
    pdf = send(resolution=resolution)
    assert sizes(pdf) == [(612, 792)]
    with pypdfium2.PdfDocument(pdf) as document:
        (picture,) = document[0].get_objects()
        assert picture.get_px_size() == (1734, height)
        assert picture.get_bitmap().to_pil().convert("L").getcolors(2) is not None


def test_a_cut_page_lacks_its_bottom() -> None:
    assert sizes(send(cut="on")) == [(612, 554)]


def test_a_page_upside_down_has_its_bar_at_the_bottom() -> None:
    (picture,) = pictures(send(upside_down="on"))
    assert bar(picture) < 1000
    assert ink(picture, (0, 650, 612, 792)) > 3500


@pytest.mark.parametrize(("skew", "rise"), [("0", 0), ("5", 17), ("-5", -17)])
def test_a_skewed_page_has_a_sloping_bar(skew: str, rise: int) -> None:
    (picture,) = pictures(send(skew=skew))
    edges = [picture.crop((x, 0, x + 5, 300)).point([255 * (value < 128) for value in range(256)]) for x in (100, 300)]
    left, right = (edge.getbbox() or (0, 0, 0, 0) for edge in edges)
    assert left[1] - right[1] == pytest.approx(rise, abs=2)


def test_the_provider_writes_on_the_last_page_with_a_signature_line() -> None:
    before, after = (
        pictures(compose_return(sample_fax(), read_form(STRAIGHT | {"writing": kind}, ["3", "4"], 4), TODAY, RANDOM))
        for kind in ("nothing", "signed")
    )
    assert before[0].tobytes() != after[0].tobytes()
    assert before[1].tobytes() == after[1].tobytes()


def test_without_a_signature_line_the_provider_writes_on_the_last_selected_page() -> None:
    pages = read_form(STRAIGHT, ["1", "2"], 4)
    first, last = pictures(compose_return(sample_fax(), pages, TODAY, RANDOM))
    place = (100, 560, 612, 640)
    assert ink(first, place) == 0
    assert ink(last, place) > 500


def test_a_fax_that_cannot_be_drawn_has_no_pages() -> None:
    with pytest.raises(fax.NoPages):
        compose_return(b"%PDF-1.7", read_form(FORM, ["1"], 1), TODAY, RANDOM)


# The writing


def test_the_lines_are_right_of_the_last_labels() -> None:
    with pypdfium2.PdfDocument(sample_fax()) as document:
        lines, none = find_lines(document[2]), find_lines(document[1])
    assert none is None
    assert lines is not None
    assert lines.signature[0] == pytest.approx((72 + 52) * 204 / 72 + 24, abs=12)
    assert lines.signature[1] == pytest.approx((792 - 200) * 204 / 72, abs=8)
    assert lines.date[0] == pytest.approx((400 + 25) * 204 / 72 + 24, abs=12)
    assert lines.date[1] == pytest.approx(lines.signature[1], abs=8)


@pytest.mark.parametrize(
    ("writing", "at_signature", "at_date"),
    [
        (Writing.SIGNED_AND_DATED, True, True),
        (Writing.SIGNED, True, False),
        (Writing.REFUSED, True, False),
        (Writing.NOTHING, False, False),
    ],
)
def test_each_writing_is_where_it_belongs(writing: Writing, *, at_signature: bool, at_date: bool) -> None:
    paper = Image.new("L", SHEET, 255)
    written = write(paper, writing, Lines((200, 1000), (1200, 1000)), TODAY, RANDOM)
    assert (ink(written, (180, 850, 1000, 1010)) > 2000) is at_signature
    assert (ink(written, (1190, 900, 1734, 1010)) > 2000) is at_date
    assert ink(paper, (0, 0, *SHEET)) == 0


def test_a_date_without_a_line_is_right_of_the_signature() -> None:
    assert beside((100, 200)) == Lines((100, 200), (602, 200))


# The local fax carrier


@pytest.mark.parametrize(("query", "is_partial"), [("", False), ("&partial=1", True)])
def test_the_carrier_reports_a_fax_before_any_order_and_whether_it_is_complete(query: str, *, is_partial: bool) -> None:
    exchange = Exchange(lambda _url: None, lambda _pdf: 0, webhook_url="http://portal.test/fax/telnyx")
    facts = Carrier(exchange, "KEYlocal", Ed25519PrivateKey.generate(), lambda _seconds: None, lambda: NOW)
    answer = create_carrier(facts).test_client().post(f"/returned?to={CLINIC}&from={MACHINE}{query}", data=b"%PDF")
    payloads = [webhook.body["data"]["payload"] for webhook in exchange.due_webhooks(NOW)]
    assert [payload["fax_id"] for payload in payloads] == [answer.get_json()["id"]] * 2
    assert payloads[0]["partial_content"] is is_partial
