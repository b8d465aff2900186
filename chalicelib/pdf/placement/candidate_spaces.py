"""The blank spaces where a label (such as "Physician signature") may ask to sign: field, line, box or empty area."""

from collections.abc import Iterator

from chalicelib.pdf.geometry import Box, overlaps
from chalicelib.pdf.placement.label_columns import (
    belongs_to_label_above,
    belongs_to_other_label,
    find_column,
    is_above_own_line,
)
from chalicelib.pdf.placement.label_context import (
    GAP,
    MAX_HEIGHT,
    MAX_LABEL_TO_LINE,
    MAX_WIDTH,
    MIN_SEPARATOR,
    WRITING_HEIGHT,
    Blank,
    Label,
    LabelContext,
    find_section_label,
    writing_area,
)
from chalicelib.pdf.placement.label_patterns import field_is_for_fact, field_is_for_other
from chalicelib.pdf.placement.page_marks import FormField

MIN_LINE_TO_SIGN = 60.0
"""The shortest line in points that has room for a signature."""
_MAX_LINE_ABOVE = 18.0
_CLEARANCE = 0.6


def find_blanks(context: LabelContext) -> Iterator[list[Blank]]:
    """Yield groups of equally likely blank spaces for a label such as "Physician signature", the likeliest group first.

    Within a group, a space that has room for the whole signature block is better than an earlier space without it."""
    yield from ([blank] for blank in _find_fields(context))
    yield from ([blank] for blank in _find_lines_beside(context))
    if not context.label.has_colon:
        yield from ([blank] for blank in _find_lines_above(context))
        if is_above_own_line(context):
            return
    if context.label.kind != "provider" or find_section_label(context.page_view, context.label) is not None:
        return
    cell = context.find_cell(context.label.box)
    if cell is not None:
        yield list(_find_cells(context, cell))
        return
    if context.label.has_colon:
        yield list(_find_open_space(context))
        yield from ([blank] for blank in _find_lines_above(context))
    yield from ([blank] for blank in _find_space_above(context))


def _label_end(label: Label) -> float:
    """Return the right edge of a text that asks for a signature, with its colon or credentials, but without *Date*."""
    boxes = [word.box for word in label.span.words if word.box[0] >= label.box[0]]
    dates = [word.box[0] for word in label.span.words if word.text.lower().startswith("date")]
    right = min([*dates, label.span.box[2] + 1]) if dates and min(dates) > label.box[2] else label.span.box[2] + 1
    return max(box[2] for box in boxes if box[0] < right)


def _find_fields(context: LabelContext) -> Iterator[Blank]:
    """Yield the empty form fields beside, above or below a signature label, as spaces to sign in.

    A field is left out if its name is for another person or for a fact such as a date."""
    label, end = context.label, _label_end(context.label)
    stacked = _find_stacked_field(context)
    for field in context.marks.fields:
        beside = (
            field.box[0] >= label.box[2] - GAP
            and field.box[0] - end <= MAX_LABEL_TO_LINE
            and field.box[1] < label.box[3]
            and label.box[1] < field.box[3]
            and context.next_left_edge(end) >= field.box[0]
        )
        wrong_name = field_is_for_other(field.name) or field_is_for_fact(field.name)
        if field.open and not wrong_name and (beside or field is stacked):
            yield blank_of_field(context, field)


def _find_stacked_field(context: LabelContext) -> FormField | None:
    """Return the form field directly above or below a signature label, as the field to sign in.

    Return None if there is no field there, or if the field may belong to another label."""
    boxes = [field.box for field in context.marks.fields]
    column = find_column(context, boxes, WRITING_HEIGHT)
    if column.above is not None and column.below is not None:
        under = column.begins_with_blank and not column.ends_with_blank
        over = column.ends_with_blank and not column.begins_with_blank
        box = column.above if under else column.below if over else None
    elif column.above is not None:
        # A field below another person's label may belong to that person.
        box = None if column.others_above and not column.begins_with_blank else column.above
    else:
        box = None if column.others_below and not column.ends_with_blank else column.below
    # A label with a colon never refers to a field above it.
    if context.label.has_colon and box == column.above:
        return None
    return next((field for field in context.marks.fields if field.box == box), None)


def blank_of_field(context: LabelContext, field: FormField) -> Blank:
    """Return the space to sign inside a form field, above any line that is drawn near the bottom of the field."""
    left, bottom, right, top = field.box
    lines = [rule for rule in context.marks.rules if overlaps(rule, field.box)]
    low = [rule[3] for rule in lines if rule[3] < (bottom + top) / 2]
    floor = max([bottom + 1, *(edge + _CLEARANCE for edge in low)])
    borders = [rule for rule in lines if rule[3] <= floor]
    return Blank((left + 1, floor, right - 1, top), right, tuple(borders))


def _find_lines_beside(context: LabelContext) -> Iterator[Blank]:
    """Yield the spaces above drawn lines that go to the right of a signature label, as places to sign."""
    label, end = context.label, _label_end(context.label)
    _, bottom, _, top = label.box
    cell, beyond = context.find_cell(label.box), context.next_left_edge(end)
    for rule in sorted(context.marks.rules):
        heading = not label.has_colon and rule[0] < end and rule[2] - rule[0] > MIN_SEPARATOR
        if heading or (cell is not None and rule[3] <= cell[1] + _CLEARANCE):
            continue
        left = max(rule[0], end + GAP)
        is_low = bottom - 8 <= rule[1] <= bottom + (top - bottom) / 3
        if is_low and left - end <= MAX_LABEL_TO_LINE and beyond >= left:
            right = min(rule[2], beyond)
            if right - left >= MIN_LINE_TO_SIGN:
                yield _blank_on_line(context, rule, left, right)


def _find_lines_above(context: LabelContext) -> Iterator[Blank]:
    """Yield the space to sign above a drawn line that is directly above a signature label, the label's own line.

    Yield nothing if the line may belong to another label."""
    label = context.label.box
    cell = context.find_cell(label)
    for rule in sorted(context.marks.rules, key=lambda box: box[1]):
        overlap = min(rule[2], label[2]) - max(rule[0], label[0])
        if not (-_CLEARANCE <= rule[1] - label[3] <= _MAX_LINE_ABOVE) or overlap < (label[2] - label[0]) / 3:
            continue
        if (cell is not None and rule[1] >= cell[3] - _CLEARANCE) or belongs_to_other_label(context, rule):
            continue
        if belongs_to_label_above(context, rule):
            return
        left, right = _own_share(context, rule)
        if right - left >= MIN_LINE_TO_SIGN:
            yield _blank_on_line(context, rule, left, right)
        return


def _own_share(context: LabelContext, rule: Box) -> tuple[float, float]:
    """Return the left and right end of the part of a drawn line (`rule`) that belongs to this signature label.

    One line may run past several labels, so the rest of the line belongs to the neighboring texts."""
    left, right, label = rule[0], rule[2], context.label.box
    for box in [*context.row_boxes, *context.label.rest]:
        if box[2] <= label[0] and box[0] >= rule[0] - GAP:
            left = max(left, label[0])
        separate = any(abs(other[1] - rule[1]) <= GAP and other[0] > rule[2] for other in context.marks.rules)
        if box[0] >= label[2] and not separate:
            right = min(right, box[0] - 2 * GAP)
    return left, right


def _blank_on_line(context: LabelContext, rule: Box, left: float, right: float) -> Blank:
    """Return the space to sign above a drawn line (`rule`), on the part of the line from `left` to `right`."""
    floor = rule[3] + _CLEARANCE
    edge = min(max(right, left + MAX_WIDTH), context.printable[2])
    level = [other for other in context.marks.rules if abs(other[1] - rule[1]) <= GAP]
    double = [other for other in level if overlaps(other, writing_area(rule))]
    return Blank((left, floor, edge, floor + MAX_HEIGHT), right, (rule, *double), context.find_cell(context.label.box))


def _find_cells(context: LabelContext, cell: Box) -> Iterator[Blank]:
    """Yield the spaces below, beside and above a signature label in the drawn box around it, the largest first.

    The last space is the next drawn box to the right, if it has no text."""
    label = context.label.box
    left, bottom, right, top = (cell[0] + GAP, cell[1] + _CLEARANCE, cell[2] - GAP, cell[3] - _CLEARANCE)
    end = _label_end(context.label)
    below, above = (left, bottom, right, label[1] - GAP), (left, label[3] + GAP, right, top)
    areas = [below, (end + 2 * GAP, bottom, right, top), above]
    own_rules = tuple(rule for rule in context.marks.rules if rule[3] <= bottom and rule[3] >= cell[1] - GAP)
    by_size = sorted(areas, key=lambda area: (area[2] - area[0]) * max(0.0, area[3] - area[1]), reverse=True)
    for area in by_size:
        yield Blank(area, area[2], own_rules, cell)
    beyond = context.find_cell((cell[2] + 2 * GAP, label[1], cell[2] + 4 * GAP, label[3]))
    if beyond is not None and not any(overlaps(span.box, beyond) for span in context.other_spans):
        area = (beyond[0] + GAP, beyond[1] + _CLEARANCE, beyond[2] - GAP, beyond[3] - _CLEARANCE)
        yield Blank(area, area[2], own_rules, beyond)


def _find_open_space(context: LabelContext) -> Iterator[Blank]:
    """Yield spaces to sign to the right of a signature label, from its bottom edge down to 24 points below it."""
    left, bottom = _label_end(context.label) + 3 * GAP, context.label.box[1]
    right = min(left + MAX_WIDTH, context.printable[2])
    for lower in (0.0, 6.0, 12.0, 18.0, 24.0):
        floor = max(bottom - lower, context.printable[1])
        yield Blank((left, floor, right, floor + MAX_HEIGHT), right)


def _find_space_above(context: LabelContext) -> Iterator[Blank]:
    """Yield the space above a signature label, which `find_blanks` tries last.

    If the label has no colon, also yield the spaces to the right of the label. Yield nothing for a label that starts in
    lower case and has no colon, because it may be the end of a sentence."""
    left, _, _, top = context.label.box
    if context.label.span.text[0].islower() and not context.label.has_colon:
        return
    right = min(left + MAX_WIDTH, context.printable[2])
    yield Blank((left, top + GAP, right, top + GAP + MAX_HEIGHT), right)
    if not context.label.has_colon:
        yield from _find_open_space(context)
