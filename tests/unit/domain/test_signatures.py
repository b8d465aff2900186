import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.signatures import (
    MAX_POINTS,
    MAX_STROKES,
    Drawing,
    Signature,
    from_text,
    read_drawing,
    svg_path,
    to_text,
)

LINE = [[0.1, 0.5], [0.5, 0.2], [0.9, 0.8]]


def text(strokes: Any, aspect: Any = 2.5) -> str:
    return json.dumps({"aspect": aspect, "strokes": strokes})


def test_a_drawing_from_a_browser_is_read() -> None:
    drawing = read_drawing(text([LINE, [[0.3, 0.3]]]))
    assert drawing.aspect == 2.5
    assert drawing.strokes == (((0.1, 0.5), (0.5, 0.2), (0.9, 0.8)), ((0.3, 0.3),))


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "null",
        "[]",
        "{}",
        "x" * 70_000,
        "[" * 50_000,
        text(None),
        text([]),
        text([[]]),
        text("strokes"),
        text([LINE], aspect=0),
        text([LINE], aspect=float("nan")),
        text([LINE], aspect="2"),
        text([LINE], aspect=True),
        text([[[0.1, 0.5], [1.2, 0.5]]]),
        text([[[0.1, 0.5], [0.9, float("nan")]]]),
        text([[[0.1, 0.5], [0.9, float("inf")]]]),
        text([[[0.1, 0.5], [0.9]]]),
        text([[[0.1, 0.5, 0.7], LINE[1]]]),
        text([[[0.1, None], LINE[1]]]),
        text([LINE] * (MAX_STROKES + 1)),
        text([LINE * MAX_POINTS]),
        text([LINE * (MAX_POINTS // 6)] * 3),
    ],
)
def test_anything_else_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_drawing(wrong)


@given(st.text())
def test_no_text_causes_another_error_than_value_error(anything: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_drawing(anything)


def test_a_tap_is_not_a_signature() -> None:
    with pytest.raises(ValueError, match="too little ink"):
        read_drawing(text([[[0.5, 0.5], [0.51, 0.5]]]))


@pytest.mark.parametrize(
    "signature",
    [Signature(typed="L. Rivera, MD"), Signature(drawing=read_drawing(text([LINE])))],
    ids=["typed", "drawn"],
)
def test_a_saved_signature_is_read_back(signature: Signature) -> None:
    assert from_text(to_text(signature)) == signature


def test_an_empty_text_is_no_signature() -> None:
    assert from_text(None) is None


def test_the_svg_path_stays_in_its_box_and_shows_a_dot() -> None:
    drawn = svg_path(Drawing(strokes=(((0, 0), (1, 1)), ((0.5, 0.5),)), aspect=2.5))
    assert drawn == "M0 0l0 0Q250 100 250.0 100.0 M125 50l0 0"
    assert max(float(number) for number in re.findall(r"[0-9.]+", drawn)) == 250
