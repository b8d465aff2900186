"""The fit of the signature block into a blank space: the whole block, or the signature there and its words nearby."""

from dataclasses import dataclass

from chalicelib.pdf.drawing.signature_block import is_legible, measure_words_height
from chalicelib.pdf.geometry import Box
from chalicelib.pdf.models import SignatureBlock
from chalicelib.pdf.placement.candidate_spaces import MIN_LINE_TO_SIGN
from chalicelib.pdf.placement.free_space import find_box_beside, free_boxes_on_floor
from chalicelib.pdf.placement.label_context import MAX_HEIGHT, MAX_SHIFT, MAX_WIDTH, Blank, LabelContext

_MIN_SIGNATURE_HEIGHT = 8.0
_MAX_SIGNATURE = (150.0, 26.0)
"""The largest width and height in points of a signature that is separate from its words."""
_WORDS_WIDTHS = (250.0, 200.0, 160.0, 130.0)
"""The widths in points that the block's words may have if they are separate from the signature, the best first."""
_MIN_SHARE_OF_LARGEST = 0.6
"""The least area of a signature in a likelier place, as a share of the largest possible signature elsewhere."""


@dataclass(frozen=True)
class BlockPlacement:
    """The place of a signature block on a page: the box of the whole block, or two boxes for signature and words.

    `words` is None if the whole block is in `box`; otherwise only the signature is in `box`."""

    box: Box
    words: Box | None = None


@dataclass(frozen=True)
class _Survey:
    """The facts about a blank space in which the signature may go.

    `free` are the free boxes along the bottom edge of the space, where the signature block can be placed. `obstacles`
    are the boxes of text and lines that the block must not cover."""

    blank: Blank
    free: list[Box]
    obstacles: list[Box]


def fit_block(context: LabelContext, blanks: list[Blank], block: SignatureBlock) -> BlockPlacement | None:
    """Return the best place for the signature block in the blank spaces; None if the block is legible in no space.

    The whole block with all words is best, then the signature with all words nearby, then the whole block in
    its brief form (without the time in UTC)."""
    surveys = [_survey(context, blank) for blank in blanks]

    def whole(*, brief: bool) -> BlockPlacement | None:
        return next(filter(None, (_fit_whole(survey.free, block, brief=brief) for survey in surveys)), None)

    return whole(brief=False) or _fit_apart(context, surveys, block) or whole(brief=True)


def _fit_apart(context: LabelContext, surveys: list[_Survey], block: SignatureBlock) -> BlockPlacement | None:
    places = [place for survey in surveys if (place := _fit_in_parts(context, survey, block)) is not None]
    largest = max((_area_of(place.box) for place in places), default=0.0)
    return next((place for place in places if _area_of(place.box) >= _MIN_SHARE_OF_LARGEST * largest), None)


def _survey(context: LabelContext, blank: Blank) -> _Survey:
    left, floor, right, top = blank.area
    area = (max(left, context.printable[0]), floor, min(right, context.printable[2]), min(top, context.printable[3]))
    obstacles = context.obstacles(blank)
    free = [box for box in free_boxes_on_floor(area, obstacles) if box[0] <= left + MAX_SHIFT]
    return _Survey(blank, free, obstacles)


def _fit_whole(free: list[Box], block: SignatureBlock, *, brief: bool) -> BlockPlacement | None:
    for box in sorted((_cap(box, (MAX_WIDTH, MAX_HEIGHT)) for box in free), key=_area_of, reverse=True):
        if is_legible(block, box[2] - box[0], box[3] - box[1], brief=brief):
            return BlockPlacement(box)
    return None


def _cap(box: Box, size: tuple[float, float]) -> Box:
    """Return the lower left part of a free box, no larger than `size` (width, height).

    A signature in a large free space would otherwise be drawn too large."""
    return (box[0], box[1], min(box[2], box[0] + size[0]), min(box[3], box[1] + size[1]))


def _area_of(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _fit_in_parts(context: LabelContext, survey: _Survey, block: SignatureBlock) -> BlockPlacement | None:
    """Return a place with the signature in the blank space and its words nearby; None if either has no room."""
    blank = survey.blank
    lines = [_cap((box[0], box[1], min(box[2], blank.line_end), box[3]), _MAX_SIGNATURE) for box in survey.free]
    lines = [b for b in lines if b[2] - b[0] >= MIN_LINE_TO_SIGN and b[3] - b[1] >= _MIN_SIGNATURE_HEIGHT]
    if not lines:
        return None
    signature = max(lines, key=_area_of)
    words = find_box_beside(
        signature,
        [(width, measure_words_height(block, width)) for width in _WORDS_WIDTHS],
        within=context.printable,
        obstacles=[*survey.obstacles, signature, *blank.own_rules],
        allowed=lambda box: (
            context.find_cell(box) in (None, blank.cell) and not context.is_separated(signature, box, blank)
        ),
    )
    return None if words is None else BlockPlacement(signature, words)
