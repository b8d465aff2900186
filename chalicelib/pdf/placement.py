"""Finding where a document asks for the provider's signature, and the free room there.

A label is a piece of text that asks for the signature and says nothing else (`wording`); its blank is the
form field, the line, the box or the empty space that belongs to it. The block goes there whole where it is
legible, else the signature goes there and its words nearby. When in doubt there is no place: then the
certificate page alone shows the signature.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

import pypdfium2

from chalicelib.pdf.facts import Area, SignatureBlock, SignatureField, SignatureParts
from chalicelib.pdf.marks import (
    Field,
    Marks,
    Piece,
    TooMuch,
    add_annotations,
    add_drawings,
    around,
    read_text,
)
from chalicelib.pdf.reading import Box, Display, Matrix, invert
from chalicelib.pdf.render import open_for_display
from chalicelib.pdf.room import beside_signature, holds, meets, standing
from chalicelib.pdf.stamp import is_legible, words_height
from chalicelib.pdf.wording import (
    Asks,
    asked,
    is_anothers,
    is_providers_name,
    names_another,
    names_another_fact,
    names_providers_signature,
)

_WIDEST, _TALLEST = 250.0, 58.0
_LINE_LEAST, _LINE_MOST = (60.0, 8.0), (150.0, 26.0)
"""Width and height of a signature whose words are elsewhere."""
_WORDS = (250.0, 200.0, 160.0, 130.0)
"""Widths that the words may have then."""
_AMPLE = 0.6
"""Of the largest room for a signature, that the likeliest place must have."""
_MARGIN = 18.0
_GAP = 2.0
_CLOSE = 0.6
_SHIFT = 25.0
"""How far from the beginning of its line the block may begin."""
_TO_LINE = 40.0
"""From a label to a line, or a field, that is beside it."""
_TO_NAME = 200.0
"""From the provider's name to a *Signature* of its row."""
_LINE_ABOVE = 18.0
_WRITING = 12.0
"""Height over somebody else's line that is kept free."""
_LINE_SHORT = 36.0
_SEPARATOR = 400.0
"""Points: a rule of that length parts sections, and is nobody's line."""
_CELL = (600.0, 170.0)
_NEIGHBOURS = 45.0
_LONGEST_COLUMN = 20
"""Blanks of one column that are followed up and down."""
_SHORT = 5
"""Words of a label."""
_TRIED = 8
"""Labels of a document: more would be for a machine to read."""
_MOST_LABELS = 40
"""Of a page: one with more is given up."""
_MOST_BLANKS = 16
"""Of a label, that are tried."""
_WORDY = 8
"""Words that a label of somebody else may have."""


@dataclass(frozen=True)
class _Blank:
    """A place to sign, whose floor is the line.

    `end` is where the line ends, `own` are the lines that are its own, `cell` is the drawn box around it.
    """

    area: Box
    end: float
    own: tuple[Box, ...] = ()
    cell: Box | None = None


@dataclass(frozen=True)
class _Found:
    """A label: the box of the words that say so, and of all of its piece up to a colon."""

    asks: Asks
    piece: Piece
    box: Box
    rest: list[Box]
    colon: bool


@dataclass(frozen=True)
class _Place:
    """The whole block's box, or that of the signature and that of the words."""

    box: Box
    words: Box | None = None


class _Sheet:
    """A page as displayed, in points; what is drawn on it is read once a label was found."""

    def __init__(self, page: pypdfium2.PdfPage, unit: float) -> None:
        display = Display(page.get_bbox(), page.get_rotation(), unit)
        self.size = display.size
        self._page = page
        self._move: Matrix = invert(display.to_user)
        annotated = Marks()
        add_annotations(annotated, page, self._move)
        self._fields, self._over = annotated.fields, annotated.areas
        self.named = [field for field in self._fields if _is_providers(field)]
        self._text = read_text(page.get_textpage(), self._move, self.named)

    @cached_property
    def asks(self) -> list[_Found]:
        """The labels, from the last one of the page."""
        found = [label for label in map(_label, reversed(self._text.pieces)) if label is not None]
        if len(found) > _MOST_LABELS:
            raise TooMuch
        return [self._with_owner(label) for label in found]

    def _with_owner(self, label: _Found) -> _Found:
        """*Signature* is the provider's where the provider's name is before it in the row."""
        if label.asks != "anybody":
            return label
        left, bottom, _, top = label.box
        before = [p for p in self._text.pieces if p.box[2] <= left and p.box[1] < top and bottom < p.box[3]]
        nearest = max(before, key=lambda piece: piece.box[2], default=None)
        if nearest is None or not is_providers_name(nearest.text):
            return label
        # A name to fill in goes as far as its blank.
        blanks = [b[2] for b in self._text.blanks if b[2] <= left and b[1] < top and bottom - _GAP < b[3]]
        owned = left - max([nearest.box[2], *blanks]) <= _TO_NAME
        return replace(label, asks="provider") if owned else label

    def labels(self, kind: Asks) -> list[_Found]:
        return [label for label in self.asks if label.asks == kind]

    def marks(self, ground: Box) -> Marks:
        marks = replace(self._text, rules=[], walls=[], areas=list(self._over), fields=self._fields)
        add_drawings(marks, self._page, self._move, ground)
        return marks


def _is_providers(field: Field) -> bool:
    return field.open and names_providers_signature(field.name, is_signature=field.is_signature)


def _label(piece: Piece) -> _Found | None:
    text = piece.text
    words = asked(text)
    if words is None:
        return None
    kind, end = words
    at, own = 0, []
    for word in piece.words:
        if at < end:
            own.append(word.box)
        at += len(word.text) + 1
    box = around(own)
    if box[3] - box[1] > box[2] - box[0]:
        return None
    rest = [word.box for word in piece.words[len(own) :]]
    return _Found(kind, piece, box, rest, ":" in text[end:] or ":" in text[end - 1 : end + 1])


class _Scene:
    """A label among what is around it."""

    def __init__(self, sheet: _Sheet, label: _Found) -> None:
        self.sheet, self.size, self.label = sheet, sheet.size, label
        self.marks = sheet.marks(label.box)
        self.others = [piece for piece in self.marks.pieces if piece is not label.piece]
        self.page: Box = (_MARGIN, _MARGIN, self.size[0] - _MARGIN, self.size[1] - _MARGIN)

    def obstacles(self, blank: _Blank) -> list[Box]:
        """What the block must not cover, and the places where others write."""
        marks = self.marks
        rules = [rule for rule in marks.rules if rule not in blank.own]
        words = [word.box for word in self.label.piece.words]
        own = [field.box for field in marks.fields if not holds(field.box, blank.area)]
        solid = [piece.box for piece in self.others] + words + rules + marks.walls + marks.areas + own
        return solid + [_writing(rule) for rule in rules if rule[2] - rule[0] <= _SEPARATOR] + self._asked

    @cached_property
    def _asked(self) -> list[Box]:
        """Where somebody is asked to write without a line."""
        places = []
        for piece in self.others:
            left, bottom, right, top = piece.box
            is_signature = "signature" in piece.text.lower() and len(piece.words) <= _WORDY
            if not is_signature and not (piece.text.endswith(":") and len(piece.words) <= _SHORT):
                continue
            ruled = any(
                abs(rule[1] - bottom) <= _WRITING / 2 and -_GAP <= rule[0] - right <= _TO_LINE
                for rule in self.marks.rules
            )
            if any(_belongs(field.box, piece.box) for field in self.marks.fields):
                continue
            if piece.text.endswith(":") and len(piece.words) <= _SHORT and not ruled:
                places.append((right, bottom, right + (_WIDEST if is_signature else _WIDEST / 2), top))
            elif is_signature and not piece.text.endswith(":"):
                places.append((left, top, left + _WIDEST / 2, top + 2 * _WRITING))
        return places

    @cached_property
    def row(self) -> list[Box]:
        """The other pieces in the label's row."""
        _, bottom, _, top = self.label.box
        return [piece.box for piece in self.others if piece.box[1] < top and bottom < piece.box[3]]

    def next_in_row(self, right: float) -> float:
        """Where the next piece of the row begins."""
        return min([self.size[0], *(box[0] for box in [*self.row, *self.label.rest] if box[0] >= right)])

    def parted(self, signature: Box, words: Box, blank: _Blank) -> bool:
        """Whether somebody else's line or label is between the signature and its words."""
        left, right = min(signature[0], words[0]), max(signature[2], words[2])
        if words[1] >= signature[3]:
            between = (left, signature[3], right, words[1])
        elif words[3] <= signature[1]:
            between = (left, words[3], right, signature[1] - _GAP)
        else:
            between = (signature[2], signature[1], words[0], signature[3])
        cell = blank.cell or self.page
        lines = [
            rule
            for rule in self.marks.rules
            if rule[2] - rule[0] >= _LINE_SHORT and min(abs(rule[1] - cell[1]), abs(rule[1] - cell[3])) > _GAP
        ]
        apart = between[1] >= signature[3] or between[3] <= signature[1]
        crossed = apart and any(meets(line, between) for line in lines if line not in blank.own)
        return crossed or any(meets(box, between) for box in self._of_others)

    @cached_property
    def _of_others(self) -> list[Box]:
        return [piece.box for piece in self.others if _asks_or_names_others(piece.text)]

    def cell(self, box: Box) -> Box | None:
        """The drawn box around the middle of that one, unless it is as large as a section."""
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        rules = [
            rule for rule in self.marks.rules if rule[0] <= x <= rule[2] and rule not in self.marks.blanks
        ]
        walls = [wall for wall in self.marks.walls if wall[1] <= y <= wall[3]]
        floors, roofs = [r[3] for r in rules if r[3] <= y], [r[1] for r in rules if r[1] >= y]
        lefts, rights = [w[2] for w in walls if w[2] <= x], [w[0] for w in walls if w[0] >= x]
        if not (floors and roofs and lefts and rights):
            return None
        found = (max(lefts), max(floors), min(rights), min(roofs))
        is_small = found[2] - found[0] <= _CELL[0] and found[3] - found[1] <= _CELL[1]
        return found if is_small else None


def _asks_or_names_others(text: str) -> bool:
    return is_anothers(text) or ("signature" in text.lower() and len(text.split()) <= _WORDY)


def _belongs(field: Box, label: Box) -> bool:
    """Whether a form field, and no box to tick, is right beside, over or under a label: its place then."""
    reach = (label[0], label[1] - _WRITING, label[2] + _TO_LINE, label[3] + _WRITING)
    return field[2] - field[0] >= _LINE_SHORT and meets(field, reach)


def _writing(rule: Box) -> Box:
    return (rule[0], rule[1], rule[2], rule[3] + _WRITING)


# Columns of labels and blanks: is a blank of the label over it, or of the one under it?


@dataclass(frozen=True)
class _Column:
    """The blanks right above and below a label, and how the column of labels and blanks begins and ends.

    Where labels are over their blanks it begins with a label and ends with a blank.
    """

    above: Box | None
    below: Box | None
    begins_with_blank: bool
    ends_with_blank: bool
    others_above: bool
    others_below: bool


def _column(scene: _Scene, blanks: list[Box], reach: float) -> _Column:
    """`reach` is how far a label may be from its blank."""
    label = scene.label.box
    labels = [piece for piece in scene.others if len(piece.words) <= _WORDY and not piece.text.endswith(".")]
    above, first, others_above = _walk(label, blanks, labels, reach, up=True)
    below, last, others_below = _walk(label, blanks, labels, reach, up=False)
    return _Column(above, below, first, last, others_above, others_below)


def _walk(
    start: Box, blanks: list[Box], labels: list[Piece], reach: float, *, up: bool
) -> tuple[Box | None, bool, bool]:
    """The next blank; whether the column ends that way with a blank; whether the next label is another's."""
    boxes = [piece.box for piece in labels]
    nearest = _next(start, blanks, boxes, reach, up=up)
    if nearest is None:
        return None, False, False
    following = _next(nearest, boxes, blanks, reach, up=up)
    others = any(piece.box == following and _asks_or_names_others(piece.text) for piece in labels)
    blank: Box | None = nearest
    for _ in range(_LONGEST_COLUMN):
        label = None if blank is None else _next(blank, boxes, blanks, reach, up=up)
        if blank is None or label is None:
            break
        blank = _next(label, blanks, boxes, reach, up=up)
    return nearest, blank is not None, others


def _next(start: Box, wanted: list[Box], between: list[Box], reach: float, *, up: bool) -> Box | None:
    """The nearest of these boxes above (or below) that one and of its column, unless something is between."""

    def away(box: Box) -> float:
        return box[1] - start[3] if up else start[1] - box[3]

    def nearest(boxes: list[Box]) -> Box | None:
        near = [
            box for box in boxes
            if -_GAP <= away(box) <= reach and box != start and box[0] < start[2] and start[0] < box[2]
        ]  # fmt: skip
        return min(near, key=away, default=None)

    found, nearer = nearest(wanted), nearest(between)
    return found if found is None or nearer is None or away(found) <= away(nearer) else None


def _is_theirs(scene: _Scene, rule: Box) -> bool:
    """Whether a line over our label may be of the label over it, for there is one under ours too."""
    lines = [
        line
        for line in scene.marks.rules
        if line == rule
        or (line[2] - line[0] >= _LINE_SHORT and _are_alike(line, rule) and not _is_taken(scene, line))
    ]
    column = _column(scene, lines, _TALLEST)
    if column.above != rule or column.below is None:
        return False
    sure = column.begins_with_blank and not column.ends_with_blank
    return not sure and (column.others_above or column.ends_with_blank)


def _is_over_its_line(scene: _Scene) -> bool:
    """Whether the label's line may be the one under it: the room over it is somebody else's then."""
    over = _next(scene.label.box, scene.marks.rules, [], _TALLEST, up=True)
    return over is not None and scene.cell(scene.label.box) is None and _is_theirs(scene, over)


def _are_alike(one: Box, other: Box) -> bool:
    """Of one length: those of other lengths part sections, or are of another column."""
    shorter = min(one[2] - one[0], other[2] - other[0])
    return abs(one[0] - other[0]) <= _SHIFT and min(one[2], other[2]) - max(one[0], other[0]) >= shorter / 2


# The blanks that may be meant, the likeliest first


def _blanks(scene: _Scene) -> Iterator[list[_Blank]]:
    """Each with its equals: the block goes whole into any of them, rather than in parts into the first."""
    yield from ([blank] for blank in _fields_of(scene))
    yield from ([blank] for blank in _lines_beside(scene))
    if not scene.label.colon:
        yield from ([blank] for blank in _lines_above(scene))
        if _is_over_its_line(scene):
            return
    if scene.label.asks != "provider" or _headed(scene.sheet, scene.label) is not None:
        return
    cell = scene.cell(scene.label.box)
    if cell is not None:
        yield list(_cells(scene, cell))
        return
    if scene.label.colon:
        yield list(_open_room(scene))
        yield from ([blank] for blank in _lines_above(scene))
    yield from ([blank] for blank in _above_label(scene))


def _end_of(label: _Found) -> float:
    """Where the label ends, with a colon or credentials after it, but without a date."""
    boxes = [word.box for word in label.piece.words if word.box[0] >= label.box[0]]
    dates = [word.box[0] for word in label.piece.words if word.text.lower().startswith("date")]
    right = (
        min([*dates, label.piece.box[2] + 1])
        if dates and min(dates) > label.box[2]
        else label.piece.box[2] + 1
    )
    return max(box[2] for box in boxes if box[0] < right)


def _fields_of(scene: _Scene) -> Iterator[_Blank]:
    """The empty form field beside, above or below the label, that is not named for somebody else."""
    label, end = scene.label, _end_of(scene.label)
    stacked = _field_of_column(scene)
    for field in scene.marks.fields:
        beside = (
            field.box[0] >= label.box[2] - _GAP
            and field.box[0] - end <= _TO_LINE
            and field.box[1] < label.box[3]
            and label.box[1] < field.box[3]
            and scene.next_in_row(end) >= field.box[0]
        )
        others = names_another(field.name) or names_another_fact(field.name)
        if field.open and not others and (beside or field is stacked):
            yield _field_blank(scene, field)


def _field_of_column(scene: _Scene) -> Field | None:
    """The field right over or under the label, where the fields around it leave no doubt which of them."""
    boxes = [field.box for field in scene.marks.fields]
    column = _column(scene, boxes, _WRITING)
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


def _field_blank(scene: _Scene, field: Field) -> _Blank:
    left, bottom, right, top = field.box
    lines = [rule for rule in scene.marks.rules if meets(rule, field.box)]
    low = [rule[3] for rule in lines if rule[3] < (bottom + top) / 2]
    floor = max([bottom + 1, *(edge + _CLOSE for edge in low)])
    borders = [rule for rule in lines if rule[3] <= floor]
    return _Blank((left + 1, floor, right - 1, top), right, tuple(borders))


def _lines_beside(scene: _Scene) -> Iterator[_Blank]:
    """The line that begins after the label, or goes on under it."""
    label, end = scene.label, _end_of(scene.label)
    _, bottom, _, top = label.box
    cell, beyond = scene.cell(label.box), scene.next_in_row(end)
    for rule in sorted(scene.marks.rules):
        heading = not label.colon and rule[0] < end and rule[2] - rule[0] > _SEPARATOR
        if heading or (cell is not None and rule[3] <= cell[1] + _CLOSE):
            continue
        left = max(rule[0], end + _GAP)
        is_low = bottom - 8 <= rule[1] <= bottom + (top - bottom) / 3
        if is_low and left - end <= _TO_LINE and beyond >= left:
            right = min(rule[2], beyond)
            if right - left >= _LINE_LEAST[0]:
                yield _on_line(scene, rule, left, right)


def _lines_above(scene: _Scene) -> Iterator[_Blank]:
    """The line that the label stands under."""
    label = scene.label.box
    cell = scene.cell(label)
    for rule in sorted(scene.marks.rules, key=lambda box: box[1]):
        overlap = min(rule[2], label[2]) - max(rule[0], label[0])
        if not (-_CLOSE <= rule[1] - label[3] <= _LINE_ABOVE) or overlap < (label[2] - label[0]) / 3:
            continue
        if (cell is not None and rule[1] >= cell[3] - _CLOSE) or _is_taken(scene, rule):
            continue
        if _is_theirs(scene, rule):
            return
        left, right = _share(scene, rule)
        if right - left >= _LINE_LEAST[0]:
            yield _on_line(scene, rule, left, right)
        return


def _is_taken(scene: _Scene, rule: Box) -> bool:
    """Whether a label of another row leads to the line."""
    for piece in scene.others:
        _, bottom, right, _ = piece.box
        if -_WRITING <= rule[0] - right <= _WRITING and abs(bottom - rule[1]) <= _WRITING / 2:
            return piece.text.lower() != "x"
    return False


def _share(scene: _Scene, rule: Box) -> tuple[float, float]:
    """The part of a line that is the label's, where several labels stand under one line."""
    left, right, label = rule[0], rule[2], scene.label.box
    for box in [*scene.row, *scene.label.rest]:
        if box[2] <= label[0] and box[0] >= rule[0] - _GAP:
            left = max(left, label[0])
        apart = any(abs(other[1] - rule[1]) <= _GAP and other[0] > rule[2] for other in scene.marks.rules)
        if box[0] >= label[2] and not apart:
            right = min(right, box[0] - 2 * _GAP)
    return left, right


def _on_line(scene: _Scene, rule: Box, left: float, right: float) -> _Blank:
    floor = rule[3] + _CLOSE
    edge = min(max(right, left + _WIDEST), scene.page[2])
    double = [
        other
        for other in scene.marks.rules
        if abs(other[1] - rule[1]) <= _GAP and meets(other, _writing(rule))
    ]
    return _Blank((left, floor, edge, floor + _TALLEST), right, (rule, *double), scene.cell(scene.label.box))


def _cells(scene: _Scene, cell: Box) -> Iterator[_Blank]:
    """The drawn box that the label is in: under it, beside it, over it; else the empty one to its right."""
    label = scene.label.box
    left, bottom, right, top = (cell[0] + _GAP, cell[1] + _CLOSE, cell[2] - _GAP, cell[3] - _CLOSE)
    end = _end_of(scene.label)
    areas = [
        (left, bottom, right, label[1] - _GAP),
        (end + 2 * _GAP, bottom, right, top),
        (left, label[3] + _GAP, right, top),
    ]
    own = tuple(rule for rule in scene.marks.rules if rule[3] <= bottom and rule[3] >= cell[1] - _GAP)
    whole = sorted(areas, key=lambda area: (area[2] - area[0]) * max(0.0, area[3] - area[1]), reverse=True)
    for area in whole:
        yield _Blank(area, area[2], own, cell)
    beyond = scene.cell((cell[2] + 2 * _GAP, label[1], cell[2] + 4 * _GAP, label[3]))
    if beyond is not None and not any(meets(piece.box, beyond) for piece in scene.others):
        area = (beyond[0] + _GAP, beyond[1] + _CLOSE, beyond[2] - _GAP, beyond[3] - _CLOSE)
        yield _Blank(area, area[2], own, beyond)


def _open_room(scene: _Scene) -> Iterator[_Blank]:
    """The space after a colon, from the label's foot or a little lower."""
    left, bottom = _end_of(scene.label) + 3 * _GAP, scene.label.box[1]
    right = min(left + _WIDEST, scene.page[2])
    for lower in (0.0, 6.0, 12.0, 18.0, 24.0):
        floor = max(bottom - lower, scene.page[1])
        yield _Blank((left, floor, right, floor + _TALLEST), right)


def _above_label(scene: _Scene) -> Iterator[_Blank]:
    """The space over a label without a line. Words in small letters may be the end of a sentence."""
    left, _, _, top = scene.label.box
    if scene.label.piece.text[0].islower() and not scene.label.colon:
        return
    right = min(left + _WIDEST, scene.page[2])
    yield _Blank((left, top + _GAP, right, top + _GAP + _TALLEST), right)
    if not scene.label.colon:
        yield from _open_room(scene)


# Whether the block fits


def _fit(scene: _Scene, blanks: list[_Blank], block: SignatureBlock) -> _Place | None:
    """All words over the signature, else all words beside it, else fewer over it."""
    surveyed = [(blank, *_surveyed(scene, blank)) for blank in blanks]

    def whole(*, brief: bool) -> _Place | None:
        return next(filter(None, (_whole(free, block, brief=brief) for _, free, _ in surveyed)), None)

    return whole(brief=False) or _apart(scene, surveyed, block) or whole(brief=True)


def _apart(
    scene: _Scene, surveyed: list[tuple[_Blank, list[Box], list[Box]]], block: SignatureBlock
) -> _Place | None:
    tried = [_in_parts(scene, blank, free, obstacles, block) for blank, free, obstacles in surveyed]
    parts = [place for place in tried if place is not None]
    largest = max((_extent(place.box) for place in parts), default=0.0)
    return next((place for place in parts if _extent(place.box) >= _AMPLE * largest), None)


def _surveyed(scene: _Scene, blank: _Blank) -> tuple[list[Box], list[Box]]:
    """The free boxes that stand in the blank, near to where it begins; and what they leave free."""
    left, floor, right, top = blank.area
    area = (max(left, scene.page[0]), floor, min(right, scene.page[2]), min(top, scene.page[3]))
    obstacles = scene.obstacles(blank)
    return [box for box in standing(area, obstacles) if box[0] <= left + _SHIFT], obstacles


def _whole(free: list[Box], block: SignatureBlock, *, brief: bool) -> _Place | None:
    for box in sorted((_capped(box, (_WIDEST, _TALLEST)) for box in free), key=_extent, reverse=True):
        if is_legible(block, box[2] - box[0], box[3] - box[1], brief=brief):
            return _Place(box)
    return None


def _capped(box: Box, most: tuple[float, float]) -> Box:
    return (box[0], box[1], min(box[2], box[0] + most[0]), min(box[3], box[1] + most[1]))


def _extent(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _in_parts(
    scene: _Scene, blank: _Blank, free: list[Box], obstacles: list[Box], block: SignatureBlock
) -> _Place | None:
    """The signature on the line, its words nearby."""
    lines = [_capped((box[0], box[1], min(box[2], blank.end), box[3]), _LINE_MOST) for box in free]
    lines = [b for b in lines if b[2] - b[0] >= _LINE_LEAST[0] and b[3] - b[1] >= _LINE_LEAST[1]]
    if not lines:
        return None
    signature = max(lines, key=_extent)
    words = beside_signature(
        signature,
        [(across, words_height(block, across)) for across in _WORDS],
        within=scene.page,
        obstacles=[*obstacles, signature, *blank.own],
        allowed=lambda box: scene.cell(box) in (None, blank.cell) and not scene.parted(signature, box, blank),
    )
    return None if words is None else _Place(signature, words)


# The document


def _on_label(sheet: _Sheet, label: _Found, block: SignatureBlock) -> _Place | None:
    scene = _Scene(sheet, label)
    if label.asks == "named" and not _is_for_signing(scene):
        return None
    if label.asks == "anybody" and _is_anothers(scene):
        return None
    tried = islice(_blanks(scene), _MOST_BLANKS)
    place = next(filter(None, (_fit(scene, blanks, block) for blanks in tried)), None)
    headed = _headed(sheet, label)
    return place if place is not None or headed is None else _on_label(sheet, headed, block)


def _headed(sheet: _Sheet, label: _Found) -> _Found | None:
    """The *Signature* of the section that the label heads, if it heads one."""
    if label.asks != "provider" or label.colon:
        return None
    left, bottom, _, _ = label.box
    below = (left - _SHIFT, bottom - 2 * _NEIGHBOURS, left + _WIDEST, bottom)
    return next((found for found in sheet.labels("anybody") if meets(found.box, below)), None)


def _is_for_signing(scene: _Scene) -> bool:
    """Whether a blank for the referring provider is at the foot of a page, or a date is asked for beside it.

    Elsewhere a name is to be filled in.
    """
    text = scene.label.piece.text.lower()
    _, bottom, _, top = scene.label.box
    row = [
        p.text.lower() for p in scene.others if p.box[1] < top and bottom < p.box[3] and p.text.lower() != "x"
    ]
    if any(not each.startswith("date") for each in row):
        return False
    return bool(row) or "date" in text or bottom < scene.size[1] / 2


def _is_anothers(scene: _Scene) -> bool:
    """Whether the therapist, the patient or a witness is named around the label."""
    left, bottom, right, top = scene.label.box
    around_it = (left - _NEIGHBOURS, bottom - _NEIGHBOURS, right + _WIDEST, top + _NEIGHBOURS)
    before = (left - _TO_NAME, bottom, left, top)
    near = [piece for piece in scene.others if meets(piece.box, around_it) or meets(piece.box, before)]
    return any(is_anothers(piece.text) for piece in near)


def _in_field(sheet: _Sheet, block: SignatureBlock) -> _Place | None:
    """The empty form field whose name says that the provider signs there."""
    if len(sheet.named) != 1:
        return None
    field = sheet.named[0]
    scene = _Scene(sheet, _Found("provider", Piece(()), field.box, [], colon=True))
    return _fit(scene, [_field_blank(scene, field)], block)


def _on_sheet(sheet: _Sheet, block: SignatureBlock, most: int) -> _Place | None:
    """`most` is how many labels may be tried."""
    place = _in_field(sheet, block)
    labels = sheet.labels("provider")[:most] if place is None else []
    return place or next(filter(None, (_on_label(sheet, label, block) for label in labels)), None)


def _sole_line(sheets: list[tuple[int, _Sheet]], block: SignatureBlock) -> tuple[int, _Place] | None:
    """Where no label says whose signature: the last line for the referring provider, or the only one."""
    if any(sheet.labels("provider") for _, sheet in sheets):
        return None
    kinds: tuple[Asks, ...] = ("named", "anybody")
    for kind in kinds:
        found = [(index, sheet, label) for index, sheet in sheets for label in sheet.labels(kind)]
        if kind == "anybody" and len(found) != 1:
            return None
        for index, sheet, label in found[:_TRIED]:
            place = _on_label(sheet, label, block)
            if place is not None:
                return index, place
    return None


def find_signature_field(
    data: bytes, units: tuple[float, ...], block: SignatureBlock
) -> SignatureField | None:  # fmt: skip
    """Where the text asks for the provider's signature, the last such place first; None if nowhere.

    `units` is each page's UserUnit, which PDFium does not know; `block` is what has to be legible there.
    """
    with open_for_display(data) as document:
        sheets: list[tuple[int, _Sheet]] = []
        left, all_read = _TRIED, True
        for index in reversed(range(min(len(document), len(units)))):
            # A page that cannot be loaded asks for nothing.
            with suppress(pypdfium2.PdfiumError):
                try:
                    sheet = _Sheet(document[index], units[index])
                    if sheet.asks:
                        sheets.append((index, sheet))
                    most, left = left, max(0, left - len(sheet.labels("provider")))
                    place = _on_sheet(sheet, block, most)
                except TooMuch:
                    all_read = False
                    continue
                if place is not None:
                    return _as_field(index, place)
        # What was given up may ask for a signature too: then no line is the only one.
        with suppress(pypdfium2.PdfiumError, TooMuch):
            sole = _sole_line(sheets, block) if all_read else None
            return None if sole is None else _as_field(*sole)
    return None


def _as_field(index: int, place: _Place) -> SignatureField:
    if place.words is None:
        left, bottom, right, top = place.box
        return SignatureField(index + 1, left, bottom, right - left, top - bottom)
    left, bottom, right, top = around([place.box, place.words])
    parts = SignatureParts(_from((left, bottom), place.box), _from((left, bottom), place.words))
    return SignatureField(index + 1, left, bottom, right - left, top - bottom, parts)


def _from(corner: tuple[float, float], box: Box) -> Area:
    return (box[0] - corner[0], box[1] - corner[1], box[2] - box[0], box[3] - box[1])
