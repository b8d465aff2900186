"""A search for the functions in memory whose code a mutant (a change of the app) replaces, without a new import."""

import ast
import gc
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType

from infrastructure.repository import ROOT
from tests.mutants.operators import Mutant

_Key = tuple[str, str, int]


class FunctionIndex:
    """The functions of some source files that exist in this process, found by file, name and first line."""

    def __init__(self, files: Sequence[Path]) -> None:
        names = {str(ROOT / file) for file in files}
        self._functions: dict[_Key, list[FunctionType]] = defaultdict(list)
        for found in gc.get_objects():
            if isinstance(found, FunctionType) and found.__code__.co_filename in names:
                self._functions[_key(found.__code__)].append(found)

    def find_change(self, mutant: Mutant) -> Callable[[], None] | None:
        """Return a function that applies a mutant in this process: it replaces the code of the changed function in
        memory.

        Return None if this is impossible: the mutant is not in the body of a function, or the function has other
        closures."""
        source = mutant.source()
        name = str(ROOT / mutant.path)
        start = _first_line(mutant)
        code = next((found for found in _codes(compile(source, name, "exec")) if found.co_firstlineno == start), None)
        functions = self._functions.get(_key(code), []) if code and start else []
        if code is None or not functions:
            return None
        if any(function.__code__.co_freevars != code.co_freevars for function in functions):
            return None

        def change() -> None:
            for function in functions:
                function.__code__ = code

        return change


def _key(code: CodeType) -> _Key:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield the code object of every function in a compiled module, including methods and inner functions."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _first_line(mutant: Mutant) -> int:
    """Return the first line of the outermost function whose body has the mutant's change, or 0 if none has.

    The compiled function is found by this line."""
    source = mutant.text
    offsets = [0]
    for line in source.encode().splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    for function in _functions_of(ast.parse(source)):
        first, last = function.body[0], function.body[-1]
        start = offsets[first.lineno - 1] + first.col_offset
        end = offsets[int(last.end_lineno or 0) - 1] + int(last.end_col_offset or 0)
        if start <= mutant.start and mutant.end <= end:
            return min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
    return 0


def _functions_of(node: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef]:
    for child in node.body:
        if isinstance(child, ast.FunctionDef):
            yield child
        elif isinstance(child, ast.ClassDef):
            yield from _functions_of(child)
