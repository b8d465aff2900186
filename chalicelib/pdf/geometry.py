"""Boxes and affine matrices on a page, in points (1/72 inch) with the origin at the bottom left."""

Point = tuple[float, float]
Matrix = tuple[float, float, float, float, float, float]
"""An affine matrix (a, b, c, d, e, f), as PDF writes it."""
Box = tuple[float, float, float, float]
"""The left, bottom, right and top edges of an upright rectangle."""

IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
TURNS: dict[int, Matrix] = {
    0: IDENTITY,
    90: (0.0, 1.0, -1.0, 0.0, 0.0, 0.0),
    180: (-1.0, 0.0, 0.0, -1.0, 0.0, 0.0),
    270: (0.0, -1.0, 1.0, 0.0, 0.0, 0.0),
}
"""The matrices that turn a drawing counterclockwise, so that it is upright on a page rotated clockwise by as many
degrees."""


def sort_corners(corners: list[float]) -> Box:
    """Return the box with two opposite corners [x0, y0, x1, y1], which a PDF may list in any order."""
    (x0, x1), (y0, y1) = sorted(corners[0::2]), sorted(corners[1::2])
    return (x0, y0, x1, y1)


def bounding_box(boxes: list[Box]) -> Box:
    """Return the smallest box around all the boxes; raise `ValueError` if the list is empty."""
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return (min(lefts), min(bottoms), max(rights), max(tops))


def contains(outer: Box, inner: Box) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]


def overlaps(one: Box, other: Box) -> bool:
    """Return True if the boxes share an area; boxes that only touch do not overlap."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def multiply(first: Matrix, then: Matrix) -> Matrix:
    """Return the matrix that applies `first`, then `then`."""
    a, b, c, d, e, f = first
    g, h, i, j, k, m = then
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def invert(matrix: Matrix) -> Matrix:
    """Return the matrix that reverses the transformation; raise `ZeroDivisionError` if no matrix does."""
    a, b, c, d, e, f = matrix
    det = a * d - b * c
    return (d / det, -b / det, -c / det, a / det, (c * f - d * e) / det, (b * e - a * f) / det)


def transform_box(rectangle: Box, matrix: Matrix) -> Box:
    """Return the smallest upright box around the rectangle after its transformation by the matrix."""
    x0, y0, x1, y1 = rectangle
    a, b, c, d, e, f = matrix
    xs = [a * x + c * y + e for x in (x0, x1) for y in (y0, y1)]
    ys = [b * x + d * y + f for x in (x0, x1) for y in (y0, y1)]
    return (min(xs), min(ys), max(xs), max(ys))
