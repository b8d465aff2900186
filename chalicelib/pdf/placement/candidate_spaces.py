"""The blanks that may be meant by a label: its form field, line, box or empty space, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.pdf.geometry import meets
from chalicelib.pdf.placement.label_columns import column_of, is_over_its_line, is_taken, is_theirs
from chalicelib.pdf.placement.label_context import (
    GAP,
    SEPARATOR,
    TALLEST,
    TO_LINE,
    WIDEST,
    WRITING,
    Blank,
    Label,
    Scene,
    headed,
    writing,
)
from chalicelib.pdf.placement.label_patterns import names_another, names_another_fact
from chalicelib.pdf.placement.page_marks import Field
from chalicelib.pdf.reader import Box

SHORTEST = 60.0
"""Points of a line that has room for a signature."""
_LINE_ABOVE = 18.0
_CLOSE = 0.6


def blanks_of(scene: Scene) -> Iterator[list[Blank]]:
    """Each with its equals: the block goes whole into any of them, rather than in parts into the first."""
    yield from ([blank] for blank in _fields_of(scene))
    yield from ([blank] for blank in _lines_beside(scene))
    if not scene.label.colon:
        yield from ([blank] for blank in _lines_above(scene))
        if is_over_its_line(scene):
            return
    if scene.label.asks != "provider" or headed(scene.sheet, scene.label) is not None:
        return
    cell = scene.cell(scene.label.box)
    if cell is not None:
        yield list(_cells(scene, cell))
        return
    if scene.label.colon:
        yield list(_open_room(scene))
        yield from ([blank] for blank in _lines_above(scene))
    yield from ([blank] for blank in _above_label(scene))


def _end_of(label: Label) -> float:
    """Where the label ends, with a colon or credentials after it, but without a date."""
    boxes = [word.box for word in label.piece.words if word.box[0] >= label.box[0]]
    dates = [word.box[0] for word in label.piece.words if word.text.lower().startswith("date")]
    right = (
        min([*dates, label.piece.box[2] + 1])
        if dates and min(dates) > label.box[2]
        else label.piece.box[2] + 1
    )
    return max(box[2] for box in boxes if box[0] < right)


def _fields_of(scene: Scene) -> Iterator[Blank]:
    """The empty form field beside, above or below the label, that is not named for somebody else."""
    label, end = scene.label, _end_of(scene.label)
    stacked = _field_of_column(scene)
    for field in scene.marks.fields:
        beside = (
            field.box[0] >= label.box[2] - GAP
            and field.box[0] - end <= TO_LINE
            and field.box[1] < label.box[3]
            and label.box[1] < field.box[3]
            and scene.next_in_row(end) >= field.box[0]
        )
        others = names_another(field.name) or names_another_fact(field.name)
        if field.open and not others and (beside or field is stacked):
            yield field_blank(scene, field)


def _field_of_column(scene: Scene) -> Field | None:
    """The field right over or under the label, where the fields around it leave no doubt which of them."""
    boxes = [field.box for field in scene.marks.fields]
    column = column_of(scene, boxes, WRITING)
    if column.above is not None and column.below is not None:
        under = column.begins_with_blank and not column.ends_with_blank
        over = column.ends_with_blank and not column.begins_with_blank
        box = column.above if under else column.below if over else None
    elif column.above is not None:
        # Under somebody else's label it may be theirs.
        box = None if column.others_above and not column.begins_with_blank else column.above
    else:
        box = None if column.others_below and not column.ends_with_blank else column.below
    # After a colon nothing is written over it.
    if scene.label.colon and box == column.above:
        return None
    return next((field for field in scene.marks.fields if field.box == box), None)


def field_blank(scene: Scene, field: Field) -> Blank:
    left, bottom, right, top = field.box
    lines = [rule for rule in scene.marks.rules if meets(rule, field.box)]
    low = [rule[3] for rule in lines if rule[3] < (bottom + top) / 2]
    floor = max([bottom + 1, *(edge + _CLOSE for edge in low)])
    borders = [rule for rule in lines if rule[3] <= floor]
    return Blank((left + 1, floor, right - 1, top), right, tuple(borders))


def _lines_beside(scene: Scene) -> Iterator[Blank]:
    """The line that begins after the label, or goes on under it."""
    label, end = scene.label, _end_of(scene.label)
    _, bottom, _, top = label.box
    cell, beyond = scene.cell(label.box), scene.next_in_row(end)
    for rule in sorted(scene.marks.rules):
        heading = not label.colon and rule[0] < end and rule[2] - rule[0] > SEPARATOR
        if heading or (cell is not None and rule[3] <= cell[1] + _CLOSE):
            continue
        left = max(rule[0], end + GAP)
        is_low = bottom - 8 <= rule[1] <= bottom + (top - bottom) / 3
        if is_low and left - end <= TO_LINE and beyond >= left:
            right = min(rule[2], beyond)
            if right - left >= SHORTEST:
                yield _on_line(scene, rule, left, right)


def _lines_above(scene: Scene) -> Iterator[Blank]:
    """The line that the label stands under."""
    label = scene.label.box
    cell = scene.cell(label)
    for rule in sorted(scene.marks.rules, key=lambda box: box[1]):
        overlap = min(rule[2], label[2]) - max(rule[0], label[0])
        if not (-_CLOSE <= rule[1] - label[3] <= _LINE_ABOVE) or overlap < (label[2] - label[0]) / 3:
            continue
        if (cell is not None and rule[1] >= cell[3] - _CLOSE) or is_taken(scene, rule):
            continue
        if is_theirs(scene, rule):
            return
        left, right = _share(scene, rule)
        if right - left >= SHORTEST:
            yield _on_line(scene, rule, left, right)
        return


def _share(scene: Scene, rule: Box) -> tuple[float, float]:
    """The part of a line that is the label's, where several labels stand under one line."""
    left, right, label = rule[0], rule[2], scene.label.box
    for box in [*scene.row, *scene.label.rest]:
        if box[2] <= label[0] and box[0] >= rule[0] - GAP:
            left = max(left, label[0])
        apart = any(abs(other[1] - rule[1]) <= GAP and other[0] > rule[2] for other in scene.marks.rules)
        if box[0] >= label[2] and not apart:
            right = min(right, box[0] - 2 * GAP)
    return left, right


def _on_line(scene: Scene, rule: Box, left: float, right: float) -> Blank:
    floor = rule[3] + _CLOSE
    edge = min(max(right, left + WIDEST), scene.page[2])
    double = [
        other for other in scene.marks.rules if abs(other[1] - rule[1]) <= GAP and meets(other, writing(rule))
    ]
    return Blank((left, floor, edge, floor + TALLEST), right, (rule, *double), scene.cell(scene.label.box))


def _cells(scene: Scene, cell: Box) -> Iterator[Blank]:
    """The drawn box that the label is in: under it, beside it, over it; else the empty one to its right."""
    label = scene.label.box
    left, bottom, right, top = (cell[0] + GAP, cell[1] + _CLOSE, cell[2] - GAP, cell[3] - _CLOSE)
    end = _end_of(scene.label)
    areas = [
        (left, bottom, right, label[1] - GAP),
        (end + 2 * GAP, bottom, right, top),
        (left, label[3] + GAP, right, top),
    ]
    own = tuple(rule for rule in scene.marks.rules if rule[3] <= bottom and rule[3] >= cell[1] - GAP)
    whole = sorted(areas, key=lambda area: (area[2] - area[0]) * max(0.0, area[3] - area[1]), reverse=True)
    for area in whole:
        yield Blank(area, area[2], own, cell)
    beyond = scene.cell((cell[2] + 2 * GAP, label[1], cell[2] + 4 * GAP, label[3]))
    if beyond is not None and not any(meets(piece.box, beyond) for piece in scene.others):
        area = (beyond[0] + GAP, beyond[1] + _CLOSE, beyond[2] - GAP, beyond[3] - _CLOSE)
        yield Blank(area, area[2], own, beyond)


def _open_room(scene: Scene) -> Iterator[Blank]:
    """The space after a colon, from the label's foot or a little lower."""
    left, bottom = _end_of(scene.label) + 3 * GAP, scene.label.box[1]
    right = min(left + WIDEST, scene.page[2])
    for lower in (0.0, 6.0, 12.0, 18.0, 24.0):
        floor = max(bottom - lower, scene.page[1])
        yield Blank((left, floor, right, floor + TALLEST), right)


def _above_label(scene: Scene) -> Iterator[Blank]:
    """The space over a label without a line. Words in small letters may be the end of a sentence."""
    left, _, _, top = scene.label.box
    if scene.label.piece.text[0].islower() and not scene.label.colon:
        return
    right = min(left + WIDEST, scene.page[2])
    yield Blank((left, top + GAP, right, top + GAP + TALLEST), right)
    if not scene.label.colon:
        yield from _open_room(scene)
