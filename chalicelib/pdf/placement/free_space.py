"""The search for free boxes on a page: for a signature on a line, and for its words (signer, time, document id)."""

from collections.abc import Callable, Iterator
from itertools import islice, product

from chalicelib.pdf.geometry import Box, contains, overlaps

ASIDE, ABOVE = 3.0, 1.0
"""The least distance in points from the signature block to other content beside it, and above or below it."""
_MAX_OBSTACLES = 60
"""The most obstacles in one area. An area with more is not searched: it has no room to sign."""
_MAX_EDGES = 45
_MAX_FREE = 500
_MAX_BELOW, _MAX_BESIDE = 40.0, 220.0
"""The largest distance in points from the signature to words below or above it, and to words beside it."""


def _add_spacing(box: Box) -> Box:
    return (box[0] - ASIDE, box[1] - ABOVE, box[2] + ASIDE, box[3] + ABOVE)


def free_boxes_on_floor(area: Box, obstacles: list[Box]) -> Iterator[Box]:
    """Yield the boxes along the bottom of an area that overlap no obstacle, from the left, each as high as possible.

    The boxes are places for a signature, and they may overlap one another."""
    near = [box for box in map(_add_spacing, obstacles) if overlaps(box, area)]
    if len(near) > _MAX_OBSTACLES or area[2] <= area[0] or area[3] <= area[1]:
        return
    lefts = sorted({area[0], *(box[2] for box in near if area[0] < box[2] < area[2])})
    rights = sorted({area[2], *(box[0] for box in near if area[0] < box[0] < area[2])}, reverse=True)
    for left, right in product(lefts, rights):
        top = min([area[3], *(box[1] for box in near if box[0] < right and left < box[2])])
        if right > left and top > area[1]:
            yield (left, area[1], right, top)


def find_box_beside(
    signature: Box,
    sizes: list[tuple[float, float]],
    *,
    within: Box,
    obstacles: list[Box],
    allowed: Callable[[Box], bool],
) -> Box | None:
    """Return the free box nearest to a signature for its words (signer, time, document id), or None if there is none.

    The box has one of the `sizes` (width, height), of which the first ones are preferred. It is inside `within`,
    overlaps no obstacle, and passes the test `allowed`."""
    left, bottom, right, top = signature
    reach = (left - _MAX_BESIDE, bottom - 2 * _MAX_BELOW, right + 2 * _MAX_BESIDE, top + 2 * _MAX_BELOW)
    near = [box for box in map(_add_spacing, obstacles) if overlaps(box, reach)]
    candidates: list[tuple[float, Box]] = []
    for rank, (width, height) in enumerate(sizes):
        edges = near if len(near) <= _MAX_EDGES else []
        for x, y in product(_left_edges(signature, edges, width), _bottom_edges(signature, edges, height)):
            box = (x, y, x + width, y + height)
            distance = _distance(signature, box)
            if distance is not None and contains(within, box):
                candidates.append((distance + 12 * rank, box))
    free = (box for _, box in sorted(candidates) if not any(overlaps(box, other) for other in near))
    return next(filter(allowed, islice(free, _MAX_FREE)), None)


def _left_edges(signature: Box, near: list[Box], width: float) -> set[float]:
    own = (signature[0], signature[2] + 2 * ASIDE, signature[2] - width)
    return {*own, *(box[2] for box in near), *(box[0] - width for box in near)}


def _bottom_edges(signature: Box, near: list[Box], height: float) -> set[float]:
    middle = (signature[1] + signature[3] - height) / 2
    own = (signature[1] - height - 2 * ABOVE, signature[3] + ABOVE, signature[1], middle)
    return {*own, *(box[1] - height for box in near), *(box[3] for box in near)}


def _distance(signature: Box, box: Box) -> float | None:
    """Return how far a box for the words (signer, time) is from the signature, to choose the nearest box.

    The result is in points, with additions for an offset. Return None if the box is too far from the signature,
    diagonal to the signature, or to the left of the signature."""
    beside = max(box[0] - signature[2], signature[0] - box[2], 0.0)
    below = max(signature[1] - box[3], box[1] - signature[3], 0.0)
    if beside and below:
        return None
    if beside:
        offset = abs(box[1] + box[3] - signature[1] - signature[3]) / 2
        return beside + 2 * offset if beside <= _MAX_BESIDE and box[0] > signature[0] else None
    return below + abs(box[0] - signature[0]) / 4 if below <= _MAX_BELOW else None
