"""What a Python traceback tells: the lines of the user's own, and where a library gave up.

Kernels send tracebacks as text, in the forms that IPython has had since version 7, and Python's
own. Lines of cells are taken from the notebook, since what a magic ran is not quoted there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbexp

_WIDTH = 200  # characters of a quoted line
_BEFORE, _AFTER = 2, 1  # lines of a cell around the one that failed
_MOST_OTHERS = 3  # causes, or members of a group, that are told

_AS_CELL = re.compile(
    r"\s*(?:Cell In ?\[(?P<a>\d+)\], line (?P<line>\d+)|Input In \[(?P<b>\d+)\]"
    r"|<ipython-input-(?P<c>\d+)-\w+>)(?:,? in (?P<function>.*?))?(?:, line (?P<at>\d+).*)?$"
)
_AS_FILE = re.compile(
    r'\s*File (?:"(?P<path>[^"]+)", line (?P<line>\d+)|(?P<path2>\S.*?):(?P<line2>\d+))'
    r"(?:,? in (?P<function>.*))?$"
)
_AS_OLD_FILE = re.compile(r"(?P<path>\S+\.\w+) in (?P<function>[\w.<>]+\(.*\))$")
_ARROW = re.compile(r"-+> ?(\d+) ?(.*)$")
_EXCEPTION = re.compile(r"(?!Traceback)[^\W\d][\w.]*(?::(?: .*)?)?$")
_CELL_FILE = re.compile(r"/ipykernel_\d+/\d+\.py$")
_MARGIN = re.compile(r"^(?: *\| ?| *\+(?=[ -]))", re.MULTILINE)
_MEMBER = re.compile(r"^-?\+?-+ \d+ -+$|^-+$", re.MULTILINE)
_CHAIN = re.compile(
    r"^(?:The above exception was the direct cause of the following exception"
    r"|During handling of the above exception, another exception occurred):$",
    re.MULTILINE,
)
_UNKNOWN = "Could not get source, probably due"
_LIBRARY = re.compile(
    r"/(?:site|dist)-packages/|/lib/python3[^/]*/|^<|\.(?:pyx|pxi|pxd)$|^(?![/~])"
)


@dataclass(frozen=True)
class Cell:
    """A code cell of the notebook.

    Attributes:
        number: Its number among all cells of the template, from 1; None for the one put in.
        count: The number that the kernel gave its execution; None for one that has not run.
        source: Its source.
    """

    number: int | None
    count: int | None
    source: str

    @property
    def name(self) -> str:
        """What it is called."""
        return "the parameters" if self.number is None else f"cell {self.number}"


@dataclass(frozen=True)
class TracebackFrame:
    """A line of a traceback.

    Attributes:
        place: The file, as short as it can be told; ``cell 3`` for a cell.
        line: The line in it, from 1.
        text: What stands there.
        function: Name of the function; empty where it is in none.
        cell: The cell, if it is in one.
        is_own: Whether it is the user's own: in a cell or a file of the project.
        is_ours: Whether it is in a file of nbexp.
    """

    place: str
    line: int
    text: str
    function: str = ""
    cell: Cell | None = None
    is_own: bool = False
    is_ours: bool = False

    @property
    def head(self) -> str:
        """Where it is, in words."""
        return f"{self.place}, line {self.line}{f', in {self.function}' if self.function else ''}"

    @property
    def pointed(self) -> str:
        """The line with its number and an arrow."""
        return f"{self.line} --> {self.text.strip()[:_WIDTH]}"


@dataclass(frozen=True)
class Raised:
    """An exception in a traceback, with the way to it, outermost first."""

    text: str
    frames: tuple[TracebackFrame, ...]

    @property
    def own(self) -> TracebackFrame | None:
        """The innermost line of the user's own."""
        return next((frame for frame in reversed(self.frames) if frame.is_own), None)


class Traceback:
    """A traceback that was read.

    Args:
        text: The traceback, without control sequences.
        name: Name of the exception.
        cells: The code cells; the last one is the one that failed.
        project: The folder of the user's files.
    """

    def __init__(self, text: str, name: str, cells: Sequence[Cell], project: Path) -> None:
        self._cells = cells
        self._project = project
        is_group = "Exception Group Traceback" in text
        parts = _MEMBER.split(_MARGIN.sub("", text)) if is_group else _CHAIN.split(text)
        raised = [self._raised(part) for part in parts if part.strip()]
        named = [each for each in raised if _name(each.text) == name] or raised
        self._word = "one of them" if is_group else "caused by"
        self._main = (named[0] if is_group else named[-1]) if named else Raised("", ())
        self._others = [each for each in raised if each is not self._main and each.text]
        self._others = [e for e in self._others if e.own or e.text != self._main.text]

    def quote(self) -> str:
        """Return the user's own failing line, with an arrow; empty where there is none.

        It stands among its neighbours where it is in the cell that failed; otherwise it is below
        the line of that cell from which it was called.
        """
        own = self._own()
        if own is None:
            return ""
        here = self._cells[-1] if self._cells else None
        if own.cell is here and here is not None:
            return _excerpt(here.source, own.line)
        called = [f for f in self._main.frames if f.cell is here and here is not None]
        return "\n".join([*(f.pointed for f in called[-1:]), own.head, own.pointed])

    def rest(self) -> str:
        """Return where the library gave up, what the error came from, and the error itself."""
        return "\n".join([*self._innermost(), *self._causes(), self._main.text]).strip("\n")

    def _own(self) -> TracebackFrame | None:
        every = (self._main, *reversed(self._others))
        return next((each.own for each in every if each.own is not None), None)

    def _innermost(self) -> Iterator[str]:
        last = next((frame for frame in reversed(self._main.frames) if not frame.is_ours), None)
        if last is not None and not last.is_own:
            yield last.head
            if last.text:
                yield last.pointed

    def _causes(self) -> Iterator[str]:
        for each in self._others[-_MOST_OTHERS:]:
            yield f"{self._word}: {each.text}"
            if each.own is not None and each.own != self._own():
                yield f"  {each.own.head}"
                yield f"  {each.own.pointed}"

    def _raised(self, part: str) -> Raised:
        lines = part.strip("\n").split("\n")
        heads: list[tuple[int, re.Match[str]]] = []
        text = ""
        for number, line in enumerate(lines):
            if head := _AS_CELL.match(line) or _AS_FILE.match(line) or _AS_OLD_FILE.match(line):
                heads.append((number, head))
            elif _EXCEPTION.match(line):
                text = line  # and what follows is its message
                break
        ends = [number for number, _ in heads[1:]] + [number if text else len(lines)]
        frames = (
            self._frame(head, lines[start + 1 : end])
            for (start, head), end in zip(heads, ends, strict=False)
        )
        return Raised(text[: 2 * _WIDTH], tuple(frame for frame in frames if frame is not None))

    def _frame(self, head: re.Match[str], body: list[str]) -> TracebackFrame | None:
        found = head.groupdict()
        arrow = next(filter(None, map(_ARROW.match, body)), None)
        told = found.get("line") or found.get("line2") or found.get("at")
        line = int(told or (arrow[1] if arrow else 0))
        quoted = next((text for text in body if text.strip()), "")
        text = arrow[2] if arrow else quoted if re.match(r"\s+\D", quoted) else ""
        text = "" if _UNKNOWN in text else text
        function = re.sub(r"\(.*|<(?:module|cell line).*", "", found.get("function") or "")
        path = found.get("path") or found.get("path2")
        if path is None:
            count = int(found["a"] or found["b"] or found["c"])
            return self._in_cell(count, line, text, function)
        if path == "<timed exec>" or _CELL_FILE.search(path):
            return self._in_cell(None, line, text, function)
        return self._in_file(path, line, text, function) if line else None

    def _in_cell(
        self, count: int | None, line: int, text: str, function: str
    ) -> TracebackFrame | None:
        """Return a line of a cell: of the one with that number, or of the one that says so."""
        numbered = [cell for cell in self._cells if count is not None and cell.count == count]
        places = [(cell, _offset(cell.source, text)) for cell in (*numbered, *self._cells[::-1])]
        found = [
            (cell, line + offset)
            for cell, offset in places
            if 0 < line + offset <= len(cell.source.splitlines())
        ]
        said = [(c, n) for c, n in found if text and _line(c.source, n).strip() == text.strip()]
        for cell, number in (said or found)[:1]:
            shown = _line(cell.source, number)
            return TracebackFrame(cell.name, number, shown, function, cell, is_own=True)
        return None

    def _in_file(self, path: str, line: int, text: str, function: str) -> TracebackFrame:
        whole = Path(path).expanduser()
        is_ours = whole.is_relative_to(Path(nbexp.__file__).parent)
        is_own = not is_ours and _LIBRARY.search(path) is None
        short = path
        if whole.is_relative_to(self._project):
            short = str(whole.relative_to(self._project))
        elif not is_own:
            short = re.sub(r".*/(?:(?:site|dist)-packages|lib/python3[^/]*)/", "", path)
        return TracebackFrame(short, line, text, function, is_own=is_own, is_ours=is_ours)


def _excerpt(source: str, line: int) -> str:
    """Return some lines of a cell, with their numbers and an arrow at one of them."""
    lines = source.splitlines()
    first, last = max(1, line - _BEFORE), min(len(lines), line + _AFTER)
    width = len(str(last))
    return "\n".join(
        f"{n:<{width}} {'-->' if n == line else '   '} {lines[n - 1][:_WIDTH]}".rstrip()
        for n in range(first, last + 1)
    )


def _offset(source: str, text: str) -> int:
    """Return how many lines of a cell come before what Python calls its first."""
    blank = len(source) - len(source.lstrip())
    offset = source[:blank].count("\n")
    is_body = source.lstrip().startswith("%%") and "run_cell_magic(" not in text
    return offset + is_body


def _line(source: str, number: int) -> str:
    return source.splitlines()[number - 1]


def _name(text: str) -> str:
    return text.split(":", maxsplit=1)[0].rpartition(".")[2]
