import math

import pytest

from chalicelib.pdf.page_slices import plan_slices

LETTER = (612.0, 792.0)
INCH = 72.0


@pytest.mark.parametrize(
    ("size", "scale"),
    [
        (LETTER, 1500 / 612),
        ((792.0, 612.0), 1500 / 792),
        ((612.0, 44 * INCH), 1500 / 612),
        ((100.0, 1000.0), 8.0),
        ((1200.0, 612.0), 1.25),
        ((36 * INCH, 24 * INCH), 1.25),
    ],
    ids=["letter", "landscape", "just-not-sliced", "narrow", "just-not-wide", "wide"],
)
def test_a_page_that_is_not_very_long_is_one_image(size: tuple[float, float], scale: float) -> None:
    slices = plan_slices(size, 1500)
    assert slices.count == 1
    assert slices.scale == pytest.approx(scale)
    assert plan_slices(size, 750).scale == pytest.approx(scale / 2)


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ((612.0, 3263.0), 1),
        ((612.0, 3265.0), 2),
        ((612.0, 100 * INCH), 3),
        ((612.0, 200 * INCH), 5),
        ((100.0, 200 * INCH), 5),
        ((200 * INCH, 612.0), 1),
        ((200 * INCH, 1080.0), 2),
        ((200 * INCH, 200 * INCH), 16),
    ],
)
def test_a_long_or_large_page_has_slices_with_enough_dots(size: tuple[float, float], count: int) -> None:
    for width in (750, 1500):
        slices = plan_slices(size, width)
        assert slices.count == count
        if count > 1:
            assert slices.scale * 72 >= min(90, 16_000 / size[0] * 72)
    assert math.ceil(size[0] * slices.scale) <= 16_001
    assert math.ceil(size[1] * slices.scale / count) <= 8000
    assert size[0] * size[1] * slices.scale**2 / count <= 16_000_001


@pytest.mark.parametrize("height", [3265.0, 7200.0, 7200.3, 14_399.7])
def test_the_slices_cover_the_page_without_gaps_and_overlaps(height: float) -> None:
    slices = plan_slices((612.0, height), 750)
    rows, end = math.ceil(height * slices.scale), 0
    for number in range(1, slices.count + 1):
        left, below, right, above = (math.ceil(points * slices.scale) for points in slices.crop(number))
        assert (left, right, above) == (0, 0, end)
        end = rows - below
    assert end == rows
