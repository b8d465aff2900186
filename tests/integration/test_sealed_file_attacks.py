"""Test attacks on sealed PDFs through the upload at `/verify`, which checks whether the portal sealed a file.

The tests use the packaged and deployed portal."""

import datetime as dt
import html
import re
from collections.abc import Callable, Mapping

import httpx
import pytest
from pypdf import PdfWriter
from pypdf.generic import TextStringObject

from chalicelib.pdf.signing.picture_check import compare_pages
from chalicelib.pdf.signing.verification import read_signatures
from tests.support.integration.signing import Clinic, a_physician, checked_at_verify
from tests.support.pdf import attacks, sealing_key
from tests.support.pdf import sample_pdfs as samples
from tests.support.pdf.sealing_key import Authority
from tests.support.stack import Stack
from tests.support.timestamp_server import Reply, now

SHOWN = {
    "added": "Signed by us, and something was added",
    "changed": "Changed after it was sealed",
    "broken": "Not what was sealed",
}
WITHOUT_TIME = "None by an authority that we know"


def signed_with_field_and_script() -> bytes:
    """Return a PDF page with a text field and a script, which another person has already digitally signed."""

    def change(writer: PdfWriter) -> None:
        script = samples.pdf_dict(S=samples.name("JavaScript"), JS=TextStringObject("app.alert(1)"))
        writer.root_object[samples.name("OpenAction")] = script

    return sealing_key.sign_as_another(samples.edited(samples.with_bare_field("Twice a week"), change))


ORIGINALS: Mapping[str, Callable[[], bytes]] = {
    "plain": samples.plan_of_care,
    "fields": signed_with_field_and_script,
    "layers": lambda: sealing_key.sign_as_another(attacks.layers_by_usage()),
}


@pytest.fixture(scope="module")
def released(stack: Stack) -> dict[str, bytes]:
    """Return the sealed PDFs of three signed documents by name. Several tests attack these files."""
    clinic = Clinic(stack, stack.practice())
    ids = {name: clinic.send(make()) for name, make in ORIGINALS.items()}
    with a_physician(stack, clinic.address) as physician:
        for document_id in ids.values():
            physician.sign(document_id)
    return {name: clinic.sealed(document_id) for name, document_id in ids.items()}


def test_the_released_file_is_genuine_with_the_time_of_the_authority(released: dict[str, bytes], stack: Stack) -> None:
    page = checked_at_verify(stack, released["plain"])
    assert "Genuine and unchanged" in page
    assert "PAdES B-T" in page


@pytest.mark.parametrize(("attack", "verdict"), attacks.ATTACKS, ids=lambda item: getattr(item, "__name__", item))
def test_no_attacked_file_is_genuine(
    attack: Callable[[bytes], bytes], verdict: str, released: dict[str, bytes], stack: Stack
) -> None:
    page = checked_at_verify(stack, attack(released["plain"]), read=str)
    assert SHOWN[verdict] in page
    assert "Genuine" not in page
    if verdict == "added":
        (place,) = re.findall(r'href="(http[^"]+signed[^"]+)"', page)
        assert httpx.get(html.unescape(place)).content == released["plain"]


def test_a_field_of_a_file_that_came_signed_cannot_be_filled_after_the_seal(
    released: dict[str, bytes], stack: Stack
) -> None:
    sealed = released["fields"]
    (seal,) = read_signatures(sealed)
    assert seal.locked
    assert b"/Tx" not in sealed
    assert b"/JavaScript" not in sealed
    assert SHOWN["added"] in checked_at_verify(stack, attacks.filled_field(sealed))


def test_layers_by_usage_are_sealed_as_the_signer_saw_them(released: dict[str, bytes], stack: Stack) -> None:
    sealed = released["layers"]
    assert b"/OCG" not in sealed
    assert not any(compare_pages(attacks.layers_by_usage(), sealed, None))
    assert "Genuine and unchanged" in checked_at_verify(stack, sealed)


def test_a_token_by_the_pinned_authority_of_two_years_earlier_is_not_genuine(
    released: dict[str, bytes], stack: Stack
) -> None:
    earlier = now() - dt.timedelta(days=730)
    page = checked_at_verify(stack, attacks.with_timestamp(released["plain"], stack.authority.authority, earlier))
    assert SHOWN["changed"] in page
    assert f"{earlier:%Y}" not in page


# At release

WEB = sealing_key.authority("server_auth", at=now() - dt.timedelta(days=1))


def by_another(query: bytes, _: Authority) -> bytes:
    return sealing_key.timestamps(query, at=now(), by=attacks.FALSE_AUTHORITY)


def not_for_timestamps(query: bytes, _: Authority) -> bytes:
    return sealing_key.timestamps(query, at=now(), by=WEB)


def with_another_nonce(query: bytes, by: Authority) -> bytes:
    return sealing_key.timestamps(query, at=now(), by=by, nonce=5)


def minutes_late(query: bytes, by: Authority) -> bytes:
    return sealing_key.timestamps(query, at=now() + dt.timedelta(minutes=6), by=by)


def minutes_early(query: bytes, by: Authority) -> bytes:
    return sealing_key.timestamps(query, at=now() - dt.timedelta(minutes=6), by=by)


BAD: tuple[Reply, ...] = (by_another, not_for_timestamps, with_another_nonce, minutes_late, minutes_early)


def test_no_file_is_released_with_a_timestamp_that_the_pinned_authority_did_not_make_now(stack: Stack) -> None:
    clinic = Clinic(stack, stack.practice())
    before = stack.authority.queries
    ids = [clinic.send(samples.plan_of_care()) for _ in BAD]
    with a_physician(stack, clinic.address) as physician, stack.authority.replying(*BAD):
        for document_id in ids:
            physician.decline(document_id)
        sealed = [clinic.sealed(document_id) for document_id in ids]
    assert stack.authority.queries >= before + len(BAD)
    pins = {stack.authority.pins}
    assert [read_signatures(data, pins=pins)[-1].timestamped_at for data in sealed] == [None] * len(BAD)
    page = checked_at_verify(stack, sealed[0])
    assert "Genuine and unchanged" in page
    assert WITHOUT_TIME in page
