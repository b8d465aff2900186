import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.signatures import (
    MAX_POINTS,
    MAX_STROKES,
    MAX_TEXT,
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


def points(count: int) -> list[list[float]]:
    return [[number % 2, 0.5] for number in range(count)]


@pytest.mark.parametrize(
    "fits",
    [
        text([LINE] * MAX_STROKES),
        text([points(MAX_POINTS)]),
        text([points(MAX_POINTS - 1), [[0, 0]]]),
        text([LINE], aspect=0.5),
        text([LINE], aspect=10),
        text([[[0, 0], [1, 1]]], aspect=1),
        text([[[0, 0.5], [0.3, 0.5]]], aspect=1),
        text([LINE]) + " " * (MAX_TEXT - len(text([LINE]))),
    ],
)
def test_a_drawing_at_each_limit_is_read(fits: str) -> None:
    assert read_drawing(fits).strokes


@pytest.mark.parametrize(
    "over",
    [
        text([[[0, 0]]] * MAX_STROKES + [LINE]),
        text([points(MAX_POINTS + 1)]),
        text([points(MAX_POINTS), [[0, 0]]]),
        text([LINE], aspect=0.49),
        text([LINE], aspect=10.01),
        text([[[0, -0.0001], [1, 1]]]),
        text([[[0, 0], [1, 1.0001]]]),
        text([[[0, 0.5], [0.2999, 0.5]]], aspect=1),
        text([LINE]) + " " * (MAX_TEXT + 1 - len(text([LINE]))),
        text([LINE, []]),
        text([[[True, 0], [1, 1]]]),
    ],
)
def test_a_drawing_just_over_a_limit_is_refused(over: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_drawing(over)


def test_a_fault_that_more_ink_would_not_mend_is_not_reported_as_too_little_ink() -> None:
    with pytest.raises(ValueError, match="empty stroke"):
        read_drawing(text([LINE, []]))
    with pytest.raises(ValueError, match="too many points"):
        read_drawing(text([points(MAX_POINTS), [[0, 0]]]))


def test_the_limits_keep_a_row_small() -> None:
    assert (MAX_TEXT, MAX_STROKES, MAX_POINTS) == (60_000, 60, 1500)


def test_a_point_has_four_digits() -> None:
    assert read_drawing(text([[[0.123456, 0.5], [0.9, 0.87654]]])).strokes == (((0.1235, 0.5), (0.9, 0.8765)),)


def test_a_signature_is_stored_without_spaces() -> None:
    assert to_text(Signature(drawing=read_drawing(text([LINE])))) == text([LINE]).replace(" ", "")


def test_the_svg_path_is_smoothed_through_the_middle_of_each_line() -> None:
    drawn = svg_path(Drawing(strokes=(((0.1, 0.1), (0.2, 0.3), (0.4, 0.7), (0.55, 0.05)),), aspect=2))
    assert drawn == "M20 10l0 0Q40 30 60.0 50.0Q80 70 95.0 37.5Q110 5 110.0 5.0"
    assert svg_path(Drawing(strokes=(((0.1234, 0.5678),),), aspect=2)).startswith("M24.7 56.8l0 0")
