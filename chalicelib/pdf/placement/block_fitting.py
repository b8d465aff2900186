"""Whether the signature block fits into a blank: whole, or the signature on the line and its words nearby."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.pdf.drawing.signature_block import is_legible, measure_words_height
from chalicelib.pdf.geometry import Box
from chalicelib.pdf.models import SignatureBlock
from chalicelib.pdf.placement.candidate_spaces import SHORTEST
from chalicelib.pdf.placement.free_space import find_box_beside, free_boxes_on_floor
from chalicelib.pdf.placement.label_context import SHIFT, TALLEST, WIDEST, Blank, LabelContext

_LOWEST, _LINE_MOST = 8.0, (150.0, 26.0)
"""The least height, and the most width and height, of a signature whose words are elsewhere."""
_WORDS = (250.0, 200.0, 160.0, 130.0)
"""Widths that the words may have then."""
_AMPLE = 0.6
"""Of the largest room for a signature, that the likeliest place must have."""


@dataclass(frozen=True)
class BlockPlacement:
    """The whole block's box, or that of the signature and that of the words."""

    box: Box
    words: Box | None = None


def fit_block(context: LabelContext, blanks: list[Blank], block: SignatureBlock) -> BlockPlacement | None:
    """All words over the signature, else all words beside it, else fewer over it."""
    surveyed = [(blank, *_survey(context, blank)) for blank in blanks]

    def whole(*, brief: bool) -> BlockPlacement | None:
        return next(filter(None, (_fit_whole(free, block, brief=brief) for _, free, _ in surveyed)), None)

    return whole(brief=False) or _fit_apart(context, surveyed, block) or whole(brief=True)


def _fit_apart(
    context: LabelContext, surveyed: list[tuple[Blank, list[Box], list[Box]]], block: SignatureBlock
) -> BlockPlacement | None:
    tried = [_fit_in_parts(context, blank, free, obstacles, block) for blank, free, obstacles in surveyed]
    parts = [place for place in tried if place is not None]
    largest = max((_area_of(place.box) for place in parts), default=0.0)
    return next((place for place in parts if _area_of(place.box) >= _AMPLE * largest), None)


def _survey(context: LabelContext, blank: Blank) -> tuple[list[Box], list[Box]]:
    """The free boxes that stand in the blank, near to where it begins; and what they leave free."""
    left, floor, right, top = blank.area
    area = (max(left, context.page[0]), floor, min(right, context.page[2]), min(top, context.page[3]))
    obstacles = context.obstacles(blank)
    return [box for box in free_boxes_on_floor(area, obstacles) if box[0] <= left + SHIFT], obstacles


def _fit_whole(free: list[Box], block: SignatureBlock, *, brief: bool) -> BlockPlacement | None:
    for box in sorted((_cap(box, (WIDEST, TALLEST)) for box in free), key=_area_of, reverse=True):
        if is_legible(block, box[2] - box[0], box[3] - box[1], brief=brief):
            return BlockPlacement(box)
    return None


def _cap(box: Box, most: tuple[float, float]) -> Box:
    return (box[0], box[1], min(box[2], box[0] + most[0]), min(box[3], box[1] + most[1]))


def _area_of(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _fit_in_parts(
    context: LabelContext, blank: Blank, free: list[Box], obstacles: list[Box], block: SignatureBlock
) -> BlockPlacement | None:
    """The signature on the line, its words nearby."""
    lines = [_cap((box[0], box[1], min(box[2], blank.line_end), box[3]), _LINE_MOST) for box in free]
    lines = [b for b in lines if b[2] - b[0] >= SHORTEST and b[3] - b[1] >= _LOWEST]
    if not lines:
        return None
    signature = max(lines, key=_area_of)
    words = find_box_beside(
        signature,
        [(across, measure_words_height(block, across)) for across in _WORDS],
        within=context.page,
        obstacles=[*obstacles, signature, *blank.own_rules],
        allowed=lambda box: (
            context.cell(box) in (None, blank.cell) and not context.is_separated(signature, box, blank)
        ),
    )
    return None if words is None else BlockPlacement(signature, words)
