"""The sizes of page images. A very long or large page is shown in slices: images one under the other.

A browser shows no image with too many pixels, and on one small image nobody could read such a page."""

import math
from dataclasses import dataclass

MAX_SLICES = 24
"""The most slices of a page. A page that needs more, such as one of 100 meters, cannot be shown."""

_FULL_WIDTH = 1500
_LEAST_SCALE, _GOOD_SCALE = 90 / 72, 180 / 72
"""Pixels per point: 90 dots per inch, with which small print can be read, and twice as many."""

_MAX_HEIGHT, _MAX_WIDTH, _MAX_PIXELS = 8000, 16_000, 16_000_000
"""The largest image, in pixels. A browser draws up to 16 million pixels, and WebP has up to 16,383 in a row."""

Size = tuple[float, float]
"""The width and the height of a page in points, as displayed."""


@dataclass(frozen=True)
class Slices:
    """How a page is drawn at one width: with `scale` pixels per point, in `count` slices from the top."""

    scale: float
    count: int
    size: Size

    def crop(self, number: int) -> tuple[float, float, float, float]:
        """Return how many points slice `number` (from 1) cuts off the page: left, bottom, right and top.

        The edges are between two rows of pixels, so no row is missing or drawn twice."""
        height = math.ceil(self.size[1] * self.scale)
        rows = math.ceil(height / self.count)
        above, below = (number - 1) * rows, height - number * rows
        return (0.0, self._points(below), 0.0, self._points(above))

    def _points(self, rows: int) -> float:
        # Half a row less, because PDFium's wrapper rounds up to whole rows.
        return max(0.0, (rows - 0.5) / self.scale)


def plan_slices(size: Size, width: int) -> Slices:
    """Return how a page is drawn for an image `width` pixels wide. The page has the same slices at every width.

    A page up to 16 inches wide and 44 inches long is one image with this width. Other pages have 90 dots per inch or
    more, so that their images may be wider."""
    full = _full_scale(size)
    count = max(1, math.ceil(size[1] * full / _MAX_HEIGHT), math.ceil(size[0] * size[1] * full * full / _MAX_PIXELS))
    # In this order, the scale of a usual page is exact, and PDFium adds no row for a rounding error.
    scale = width / size[0] * (full / (_FULL_WIDTH / size[0]))
    return Slices(scale if count == 1 else min(full, max(scale, _LEAST_SCALE)), count, size)


def _full_scale(size: Size) -> float:
    """Return the pixels per point of the largest image of a page."""
    width, height = size
    longest = max(_MAX_HEIGHT / height, _GOOD_SCALE)
    return min(max(min(_FULL_WIDTH / width, longest), _LEAST_SCALE), _MAX_WIDTH / width)
