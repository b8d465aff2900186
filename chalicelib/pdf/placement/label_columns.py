"""Columns of labels and blanks: is a blank of the label over it, or of the one under it?"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.pdf.geometry import Box
from chalicelib.pdf.placement.label_context import (
    GAP,
    LINE_SHORT,
    SHIFT,
    TALLEST,
    WORDY,
    WRITING,
    LabelContext,
    mentions_other_signer,
)
from chalicelib.pdf.placement.page_marks import TextSpan

_LONGEST_COLUMN = 20
"""Blanks of one column that are followed up and down."""


@dataclass(frozen=True)
class Column:
    """The blanks right above and below a label, and how the column of labels and blanks begins and ends.

    Where labels are over their blanks it begins with a label and ends with a blank.
    """

    above: Box | None
    below: Box | None
    begins_with_blank: bool
    ends_with_blank: bool
    others_above: bool
    others_below: bool


def find_column(context: LabelContext, blanks: list[Box], reach: float) -> Column:
    """`reach` is how far a label may be from its blank."""
    label = context.label.box
    labels = [span for span in context.others if len(span.words) <= WORDY and not span.text.endswith(".")]
    above, first, others_above = _follow_column(label, blanks, labels, reach, up=True)
    below, last, others_below = _follow_column(label, blanks, labels, reach, up=False)
    return Column(above, below, first, last, others_above, others_below)


def _follow_column(
    start: Box, blanks: list[Box], labels: list[TextSpan], reach: float, *, up: bool
) -> tuple[Box | None, bool, bool]:
    """The next blank; whether the column ends that way with a blank; whether the next label is another's."""
    boxes = [span.box for span in labels]
    nearest = _find_nearest(start, blanks, boxes, reach, up=up)
    if nearest is None:
        return None, False, False
    following = _find_nearest(nearest, boxes, blanks, reach, up=up)
    others = any(span.box == following and mentions_other_signer(span.text) for span in labels)
    blank: Box | None = nearest
    for _ in range(_LONGEST_COLUMN):
        label = None if blank is None else _find_nearest(blank, boxes, blanks, reach, up=up)
        if blank is None or label is None:
            break
        blank = _find_nearest(label, blanks, boxes, reach, up=up)
    return nearest, blank is not None, others


def _find_nearest(start: Box, wanted: list[Box], between: list[Box], reach: float, *, up: bool) -> Box | None:
    """The nearest of these boxes above (or below) that one and of its column, unless something is between."""

    def away(box: Box) -> float:
        return box[1] - start[3] if up else start[1] - box[3]

    def nearest(boxes: list[Box]) -> Box | None:
        near = [
            box
            for box in boxes
            if -GAP <= away(box) <= reach and box != start and box[0] < start[2] and start[0] < box[2]
        ]
        return min(near, key=away, default=None)

    found, nearer = nearest(wanted), nearest(between)
    return found if found is None or nearer is None or away(found) <= away(nearer) else None


def belongs_to_label_above(context: LabelContext, rule: Box) -> bool:
    """Whether a line over our label may be of the label over it, for there is one under ours too."""
    lines = [
        line
        for line in context.marks.rules
        if line == rule
        or (
            line[2] - line[0] >= LINE_SHORT
            and _are_alike(line, rule)
            and not belongs_to_other_label(context, line)
        )
    ]
    column = find_column(context, lines, TALLEST)
    if column.above != rule or column.below is None:
        return False
    sure = column.begins_with_blank and not column.ends_with_blank
    return not sure and (column.others_above or column.ends_with_blank)


def belongs_to_other_label(context: LabelContext, rule: Box) -> bool:
    """Whether a label of another row leads to the line."""
    for span in context.others:
        _, bottom, right, _ = span.box
        if -WRITING <= rule[0] - right <= WRITING and abs(bottom - rule[1]) <= WRITING / 2:
            return span.text.lower() != "x"
    return False


def is_above_own_line(context: LabelContext) -> bool:
    """Whether the label's line may be the one under it: the room over it is somebody else's then."""
    over = _find_nearest(context.label.box, context.marks.rules, [], TALLEST, up=True)
    return (
        over is not None and context.cell(context.label.box) is None and belongs_to_label_above(context, over)
    )


def _are_alike(one: Box, other: Box) -> bool:
    """Of one length: those of other lengths part sections, or are of another column."""
    shorter = min(one[2] - one[0], other[2] - other[0])
    return abs(one[0] - other[0]) <= SHIFT and min(one[2], other[2]) - max(one[0], other[0]) >= shorter / 2
