import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.documents import FieldBox
from chalicelib.domain.signatures import Signature, read_drawing, to_text
from chalicelib.services.pdf_requests import DrawPreview
from chalicelib.services.review.signature_input import (
    MAX_NAME,
    block_size,
    clean_text,
    is_own_name,
    read_signature,
    render_preview,
)
from tests.support.fakes import START
from tests.support.provider_fixtures import PROVIDER, a_document

LINE = [[0.1, 0.5], [0.9, 0.5]]
DRAWING = json.dumps({"aspect": 2.5, "strokes": [LINE]})
TAP = json.dumps({"aspect": 2.5, "strokes": [[[0.5, 0.5], [0.51, 0.5]]]})


def errors(method: str, *, typed: str = "", drawing: str = "", saved: str | None = None) -> list[tuple[str, str]]:
    signature, found = read_signature(method, typed, drawing, PROVIDER, saved=saved)
    assert (signature is not None) or found
    return [(error.field, error.message[:25]) for error in found]


def test_a_signature_is_typed_drawn_or_saved() -> None:
    saved = to_text(Signature(typed="L. Rivera"))
    assert errors("typed", typed=" Luis Rivera ") == []
    assert errors("drawn", drawing=DRAWING) == []
    assert errors("saved", saved=saved) == []
    assert read_signature("saved", "", "", PROVIDER, saved=saved)[0] == Signature(typed="L. Rivera")
    assert read_signature("typed", " Luis Rivera ", "", PROVIDER)[0] == Signature(typed="Luis Rivera")


def test_each_refusal_names_its_field_and_its_reason() -> None:
    assert errors("saved") == [("drawing", "Your saved signature is g")]
    assert errors("drawn", drawing=TAP) == [("drawing", "That signature is too sma")]
    assert errors("drawn", drawing="{}") == [("drawing", "Draw your signature, or t")]
    assert errors("typed", typed="Jane Okafor") == [("typed_name", "Type your own name to sig")]
    assert errors("saved", saved=to_text(Signature(typed="Jane Okafor"))) == [
        ("typed_name", "Type your own name to sig")
    ]


@pytest.mark.parametrize(("length", "fits"), [(MAX_NAME, True), (MAX_NAME + 1, False)])
def test_a_typed_signature_has_at_most_100_characters(*, length: int, fits: bool) -> None:
    assert (errors("typed", typed="Luis Rivera ".ljust(length, "x")) == []) is fits


@pytest.mark.parametrize(
    ("first", "last", "typed", "own"),
    [
        ("Luis", "Rivera", "Rivera", False),
        ("Luis", "Rivera", "Luis", False),
        ("Luis", "Rivera", "Luis Rivera", True),
        ("Luis", "Rivera", "L Rivera MD", True),
        ("Luis", "Rivera", "Lu Rivera", False),
        ("Luis", "Rivera", "Rivera Luis", False),
        ("", "Rivera", "Rivera", True),
        ("", "Rivera", "", False),
        ("Ann", "O'Brien", "Ann OBrien", True),
        ("Ann", "OBrien", "A. O'Brien, MD", True),
        ("Eva", "Müller", "Eva Maria Mueller", True),
        ("Luis", "Rivera Jr.", "Luis Rivera", True),
        ("Luis", "Rivera MD", "Luis Rivera", True),
        ("Ann", "O'Brien", "Ann Obrian", False),
        ("Juan", "de la Cruz", "Juan Delacruz MD", True),
        ("Luis", "Rivera Lopez", "Luis Rivera", False),
        ("Luis", "Rivera Lopez", "Luis Lopez Rivera", True),
        ("Luis", "Rivera", "Dr. Luis Rivera", True),
        ("Luis", "Rivera", "Prof. L. Rivera, MD", True),
        ("Dr. Luis", "Rivera", "Luis Rivera", True),
        ("Dr. Luis", "Rivera", "Dr. Luis Rivera", True),
        ("Miss", "Rivera", "Miss Rivera", True),
        ("Luis", "Rivera", "Dr. Rivera", False),
        ("Luis", "Rivera", "Dr. Jane Rivera", False),
        ("Luis", "Rivera", "Dr", False),
        ("", "Rivera", "Dr. Rivera", True),
        ("", "Rivera", "Dr. Jane Okafor", False),
    ],
)
def test_an_own_name_has_the_last_name_and_the_first_name_or_its_initial(
    *, first: str, last: str, typed: str, own: bool
) -> None:
    assert is_own_name(replace(PROVIDER, first_name=first, last_name=last), typed) is own


def test_the_preview_is_the_block_of_the_signed_pdf() -> None:
    seen: list[Any] = []

    class Drawing:
        def run(self, request: DrawPreview, result: Any) -> Any:
            seen.append((request.block, (request.width, request.height)))
            return result("png")

    pdf: Any = Drawing()
    document = a_document(signature_field=FieldBox(page=1, x=1, y=2, width=300, height=40))
    drawing = read_drawing(DRAWING)
    drawn = Signature(drawing=drawing)
    assert render_preview(document, PROVIDER, drawn, START, pdf) == "png"
    render_preview(document, replace(PROVIDER, credential=None), Signature(typed="Luis Rivera"), START, pdf)
    (first, size), (second, _) = seen
    assert (first.signer_name, first.credential, first.npi) == ("Luis Rivera", "MD", "1234567893")
    assert (first.signed_at, first.time_zone, first.document_id) == (START, "America/Chicago", document.id)
    assert (first.typed_name, first.strokes, first.strokes_aspect) == (None, drawing.strokes, 2.5)
    assert (second.credential, second.typed_name, second.strokes, second.strokes_aspect) == (
        "",
        "Luis Rivera",
        None,
        1.0,
    )
    assert size == (300, 40)
    assert block_size(a_document(signature_field=None)) == (250, 54)


def test_typed_text_keeps_its_lines_and_nothing_invisible() -> None:
    assert clean_text("  one\r\ntwo\rthree\n\x07four\u200b \n") == "one\ntwo\nthree\nfour"
