"""Has functions of Python's own library tell what they are called with.

It runs in kernels too, so it needs nothing but Python's standard library.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from itertools import islice, takewhile
from types import CodeType
from typing import Any

_ONLY_TREE = 0x400  # of `compile`; the module `ast` would cost more than all else here


def hear(owner: Any, name: str, tell: Callable[[Any], None], *, argument: int = 0) -> None:
    """Have a function tell of an argument before it does what it always did.

    The call is put into the function's own code, so it stays the same object, for pickles and
    signatures, and no other frame shows in tracebacks or shifts the place of warnings. Where its
    source isn't at hand, another function is put in its place.

    Args:
        owner: Module or class.
        name: Name of the function.
        tell: Called with the argument, from the function's own frame; it must not raise.
        argument: Position of the argument.
    """
    function = getattr(owner, name)
    try:
        code = _with_call(function, heard := f"_heard_by_{name}", argument)
        function.__globals__[heard] = tell
        function.__code__ = code
    except Exception:  # whatever is odd about it, it is still called
        setattr(owner, name, _telling(function, tell, argument))


def prepare(owner: Any, name: str, *, argument: int = 0) -> None:
    """Make what `hear` needs of a function, for this process and those that are forked from it."""
    with contextlib.suppress(Exception):  # `hear` does without
        _with_call(getattr(owner, name), f"_heard_by_{name}", argument)


@functools.cache
def _with_call(function: Any, heard: str, argument: int) -> CodeType:
    """Return a function's code with a call before its first statement, all else in its place."""
    code: CodeType = function.__code__
    line = code.co_firstlineno
    with open(function.__globals__["__file__"], encoding="utf-8") as file:
        lines = islice(file, line - 1, None)
        first = next(lines)
        indent = len(first) - len(first.lstrip())
        body = "".join(takewhile(lambda each: not each.strip() or each[indent] == " ", lines))
    start = "\n" * (line - 2) + ("if 1:\n" if indent else "\n")
    tree: Any = compile(start + first + body, code.co_filename, "exec", _ONLY_TREE)
    definition = tree.body[0].body[0] if indent else tree.body[0]
    before = "\n" * (definition.body[0].lineno - 1)
    call: Any = compile(f"{before}{heard}({code.co_varnames[argument]})", "", "exec", _ONLY_TREE)
    definition.body.insert(0, call.body[0])
    made = compile(tree, code.co_filename, "exec", dont_inherit=True)
    new = next(each for each in made.co_consts if isinstance(each, CodeType))
    kept = {n: getattr(code, n) for n in ("co_name", "co_qualname") if hasattr(code, n)}
    return new.replace(**kept)


def _telling(
    original: Callable[..., Any], tell: Callable[[Any], None], argument: int
) -> Callable[..., Any]:
    @functools.wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        if len(args) > argument:
            tell(args[argument])
        return original(*args, **kwargs)

    return function
