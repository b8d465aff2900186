"""Free room on a page, for a signature on its line and for the words that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, product

from chalicelib.pdf.geometry import Box, contains, overlaps

ASIDE, ABOVE = 3.0, 1.0
"""Points between the block and what is beside it, and what is above or below it."""
_MOST = 60
"""Obstacles in one place: where there are more, nobody could sign."""
_MOST_EDGES = 45
"""Of them, that the words are tried at."""
_MOST_FREE = 500
"""Free boxes for the words that are asked about."""
_UNDER, _ALONG = 40.0, 220.0
"""How far the words may be from the signature: below or above it, and beside it in its row."""


def _add_spacing(box: Box) -> Box:
    return (box[0] - ASIDE, box[1] - ABOVE, box[2] + ASIDE, box[3] + ABOVE)


def free_boxes_on_floor(area: Box, obstacles: list[Box]) -> Iterator[Box]:
    """The free boxes that stand on the area's floor, from the left; each as high as it can be."""
    near = [box for box in map(_add_spacing, obstacles) if overlaps(box, area)]
    if len(near) > _MOST or area[2] <= area[0] or area[3] <= area[1]:
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
    """The free box of one of these sizes that is nearest to the signature; the first sizes are liked best."""
    reach = (
        signature[0] - _ALONG,
        signature[1] - 2 * _UNDER,
        signature[2] + 2 * _ALONG,
        signature[3] + 2 * _UNDER,
    )
    near = [box for box in map(_add_spacing, obstacles) if overlaps(box, reach)]
    found: list[tuple[float, Box]] = []
    for rank, (across, up) in enumerate(sizes):
        edges = near if len(near) <= _MOST_EDGES else []
        for x, y in product(_lefts(signature, edges, across), _floors(signature, edges, up)):
            box = (x, y, x + across, y + up)
            distance = _distance(signature, box)
            if distance is not None and contains(within, box):
                found.append((distance + 12 * rank, box))
    free = (box for _, box in sorted(found) if not any(overlaps(box, other) for other in near))
    return next(filter(allowed, islice(free, _MOST_FREE)), None)


def _lefts(signature: Box, near: list[Box], across: float) -> set[float]:
    own = (signature[0], signature[2] + 2 * ASIDE, signature[2] - across)
    return {*own, *(box[2] for box in near), *(box[0] - across for box in near)}


def _floors(signature: Box, near: list[Box], up: float) -> set[float]:
    middle = (signature[1] + signature[3] - up) / 2
    own = (signature[1] - up - 2 * ABOVE, signature[3] + ABOVE, signature[1], middle)
    return {*own, *(box[1] - up for box in near), *(box[3] for box in near)}


def _distance(signature: Box, box: Box) -> float | None:
    """How far the words would be; None where nobody would take them for the signature's."""
    beside = max(box[0] - signature[2], signature[0] - box[2], 0.0)
    below = max(signature[1] - box[3], box[1] - signature[3], 0.0)
    if beside and below:
        return None
    if beside:
        aslant = abs(box[1] + box[3] - signature[1] - signature[3]) / 2
        return beside + 2 * aslant if beside <= _ALONG and box[0] > signature[0] else None
    return below + abs(box[0] - signature[0]) / 4 if below <= _UNDER else None
