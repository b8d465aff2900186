"""Mutation operators: each changes one place of a source file as a careless edit would, for example `<` to `<=`.

No operator changes texts, since no test should pin every word. No operator changes annotations, since mypy checks
annotations."""

import ast
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
}


@dataclass(frozen=True)
class Mutant:
    """A change of one place of one source file, which a test should notice.

    `scope` is the dotted name of the function or class that holds the change. `text` is the whole file before the
    change. `number` is empty, or ` #2` for the second place in this scope with the same change."""

    path: Path
    scope: str
    line: int
    before: str
    after: str
    start: int
    end: int
    text: str = field(repr=False)
    number: str = ""

    @property
    def name(self) -> str:
        """Return the name of the mutant: its file, scope and change.

        The name has no line number, because every edit moves line numbers."""
        return f"{self.path}::{self.scope}::{self.before} -> {self.after}{self.number}"

    def source(self) -> str:
        """Return the whole source of the file with the mutant's change."""
        original = self.text.encode()
        return (original[: self.start] + self.after.encode() + original[self.end :]).decode()


def find_mutants(path: Path) -> list[Mutant]:
    """Return every possible mutant (change of one place) of a source file, in the order of the source."""
    source = path.read_text()
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    mutants: list[Mutant] = []
    names: Counter[str] = Counter()
    for scope, node, replacement in _changes(ast.parse(source), ""):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[int(node.end_lineno or 0) - 1] + int(node.end_col_offset or 0)
        before = " ".join(source.encode()[start:end].decode().split())
        mutant = Mutant(path, scope, node.lineno, before, replacement, start, end, source)
        names[mutant.name] += 1
        same = names[mutant.name]
        mutants.append(replace(mutant, number=f" #{same}") if same > 1 else mutant)
    return mutants


def _changes(node: ast.AST, scope: str) -> Iterator[tuple[str, ast.expr | ast.stmt, str]]:
    for child in _mutable_children(node):
        inner = scope
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inner = f"{scope}.{child.name}".lstrip(".")
        for place, replacement in _mutations(child):
            yield inner, place, replacement
        yield from _changes(child, inner)


def _mutable_children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a syntax node that may be changed: not its annotations, decorators and imports."""
    skipped = {"annotation", "returns", "decorator_list", "type_params", "bases"}
    for name, value in ast.iter_fields(node):
        if name in skipped:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_checked_elsewhere(child):
                yield child


def _is_checked_elsewhere(node: ast.AST) -> bool:
    """Return True for code that mypy or another test checks, so that a mutant in it would say nothing.

    That is an import or the block `if TYPE_CHECKING:`."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _mutations(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    if isinstance(node, ast.expr):
        for changed in _changed_expressions(node):
            yield node, f"({ast.unparse(changed)})"
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield node.test, f"(not ({ast.unparse(node.test)}))"
    if isinstance(node, ast.comprehension):
        for test in node.ifs:
            yield test, f"(not ({ast.unparse(test)}))"
    if isinstance(node, ast.Return) and node.value is not None and not _is_empty(node.value):
        yield node.value, "None"
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield node, "pass"
    if isinstance(node, ast.Raise) and node.exc is not None:
        yield node, "pass"


def _changed_expressions(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        changed = deepcopy(node)
        changed.ops[0] = _COMPARISONS[type(node.ops[0])]()
        yield changed
    if isinstance(node, ast.BoolOp):
        changed_bool = deepcopy(node)
        changed_bool.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield changed_bool
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC and not _has_text(node):
        changed_sum = deepcopy(node)
        changed_sum.op = _ARITHMETIC[type(node.op)]()
        yield changed_sum
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "replace":
        yield from _with_one_field_less(node)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield ast.Constant(node.value + 1)


def _with_one_field_less(node: ast.Call) -> Iterator[ast.expr]:
    for number, keyword in enumerate(node.keywords):
        if keyword.arg is not None:
            changed = deepcopy(node)
            del changed.keywords[number]
            yield changed


def _is_empty(node: ast.expr) -> bool:
    """Return True for a value such as False, `""` or `()`, which tests can hardly distinguish from None.

    A mutant that returns None in place of such a value is left out, because mypy notices it."""
    if isinstance(node, ast.Constant):
        return node.value is None or node.value is False or node.value == ""
    return isinstance(node, ast.Tuple) and not node.elts


def _has_text(node: ast.BinOp) -> bool:
    return any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in ast.walk(node))
