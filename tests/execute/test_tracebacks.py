"""Errors of a real kernel: the user's own line comes first, wherever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel
from nbformat import v4

from nbexp.execute.failures import cell_failed, told
from nbexp.execute.tracebacks import Cell, Traceback
from nbexp.masks import Mask
from nbexp.runs.outcome import CellError

LOADING = "import json\n\ndef load(text):\n    return json.loads(\n        text,\n    )\n"
GROUP = """\
errors = []
for word in ("a", "b"):
    try:
        int(word)
    except ValueError as error:
        errors.append(error)
raise ExceptionGroup("several", errors)"""
SHOWN = "class Odd:\n    def {0}(self):\n        raise ValueError('odd')\nOdd()"
DECORATED = (
    "def twice(f):\n    return lambda *a: f(f(*a))\n@twice\ndef first(a):\n    return a[0]\n"
)

# What a cell runs, and what the error quotes first, and after that.
CASES = {
    "library": ("a = 1\nb = 2\nimport json\njson.loads('')\nc = 3\nd = 4", "4 --> json.loads('')",
                "json/decoder.py, line "),
    "module": ("import loading\nx = 1\nloading.load('{')",
               "3 --> loading.load('{')\nloading.py, line 4, in load\n4 --> return json.loads(",
               "json/decoder.py, line "),
    "broken module": ("x = 1\nimport broken",
                      "2 --> import broken\nbroken.py, line 2\n2 --> y = = 2",
                      "SyntaxError: invalid syntax"),
    "statement over lines": ("x = 1\nprint(\n    1,\n    int('a'),\n    3,\n)",
                             "4 -->     int('a'),", "ValueError: invalid"),
    "comprehension": ("[\n 1 / n\n for n in (1, 0)]", "2 -->  1 / n", "ZeroDivisionError"),
    "decorator": (DECORATED + "first([])", "5 -->     return a[0]", "IndexError"),
    "other cell": ("x = 1\nboth = helper(0)", "2 --> both = helper(0)\ncell 1, line 3, in helper\n"
                   "3 --> return 1 / number", "ZeroDivisionError"),
    "chain": ("try:\n    {}['q']\nexcept KeyError as e:\n    raise ValueError('no') from e",
              "4 -->     raise ValueError('no') from e", "caused by: KeyError: 'q'"),
    "while handled": ("try:\n    {}['q']\nexcept KeyError:\n    int('z')", "4 -->     int('z')",
                      "ValueError: invalid"),
    "group": (GROUP, "7 --> raise ExceptionGroup", "one of them: ValueError: invalid literal for "
              "int() with base 10: 'a'\n  cell 11, line 4\n  4 --> int(word)\none of them:"),
    "syntax": ("x = 1\ny = = 2", "2 --> y = = 2", "SyntaxError: invalid syntax"),
    "blank lines": ("\n\n\nx = 1\nint('b')", "5 --> int('b')", "ValueError: invalid"),
    "line magic": ("x = 1\n%time int('c')", "2 --> %time int('c')", "ValueError: invalid"),
    "cell magic": ("%%time\nx = 1\nint('b')", "3 --> int('b')", "ValueError: invalid"),
    "captured": ("%%capture\nx = 1\nint('b')\nx = 2", "3 --> int('b')", "ValueError: invalid"),
    "script": ("%%bash\nexit 3", "1 --> %%bash", "CalledProcessError"),
    "run": ("x = 1\n%run failing.py", "failing.py, line 2\n2 --> 1 / 0", "ZeroDivisionError"),
    "evaluated": ("x = 1\nexec('1/0')", "2 --> exec('1/0')", "ZeroDivisionError"),
    "recursion": ("def down(n):\n    return down(n + 1)\ndown(0)", "2 -->     return down(n + 1)",
                  "RecursionError: maximum"),
    "long": ("\n".join(f"v{n} = {n}" for n in range(499)) + "\nint('z')", "500 --> int('z')",
             "ValueError: invalid"),
    "html": (SHOWN.format("_repr_html_"), "3 -->         raise ValueError('odd')", "ValueError: o"),
    "repr": (SHOWN.format("__repr__"), "3 -->         raise ValueError('odd')", "ValueError: odd"),
    "bundle": (SHOWN.format("_repr_mimebundle_").replace("self", "self, **_"),
               "3 -->         raise ValueError('odd')", "ValueError: odd"),
    "ours": ("import nbexp\nx = 1\nnbexp.glue('x', object())", "3 --> nbexp.glue('x', object())",
             "GlueError: "),
    "below ours": ("import json, nbexp\nfor x in nbexp.loop('e', map(json.loads, ['{'])):\n    x",
                   "2 --> for x in nbexp.loop", "json/decoder.py, line "),
    "plain": ("%xmode Plain\nx = 1\nloading.load('{')",
              "3 --> loading.load('{')\nloading.py, line 4, in load\n4 --> return json.loads(",
              "json/decoder.py, line "),
}  # fmt: skip
HELPER = "# in the first cell\ndef helper(number):\n    return 1 / number"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "loading.py").write_text(LOADING)
    (folder / "broken.py").write_text("x = 1\ny = = 2\n")
    (folder / "failing.py").write_text("x = 1\n1 / 0\n")
    return folder


@pytest.fixture(scope="module")
def errors(project: Path) -> Iterator[Callable[[str], CellError]]:
    """Run all cells in one kernel, and return what is told of each."""
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(project))
    cells: list[Any] = []
    found: dict[str, CellError] = {}
    for name, source in {"": HELPER, **{name: case[0] for name, case in CASES.items()}}.items():
        cells.append(v4.new_code_cell(source))
        reply = run(client, cells[-1])
        if name:
            numbers = {cell.id: number for number, cell in enumerate(cells, 1)}
            reply = told(reply, cells[-1].outputs)
            number_of = lambda cell, numbers=numbers: numbers[cell.id]  # noqa: E731
            found[name] = cell_failed(reply, cells, number_of, project, Mask([]))
    yield found.__getitem__
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client: Any, cell: Any) -> dict[str, Any]:
    def collect(message: dict[str, Any]) -> None:
        if message["msg_type"] == "execute_input":
            cell.execution_count = message["content"]["execution_count"]
        if message["msg_type"] in ("error", "stream", "display_data", "execute_result"):
            cell.outputs.append(v4.output_from_msg(message))

    reply = client.execute_interactive(
        cell.source, output_hook=collect, allow_stdin=False, stop_on_error=False, timeout=60
    )
    return dict(reply["content"])


@pytest.mark.parametrize("name", CASES)
def test_error_shows_the_users_own_line_first(errors, name: str) -> None:
    error = errors(name)
    _, own, rest = CASES[name]
    assert own in error.source
    assert len(error.source.splitlines()) <= 4
    assert rest in error.traceback
    assert len(error.traceback.splitlines()) <= 12
    assert error.traceback.splitlines()[-1].startswith(error.name)


@pytest.mark.parametrize("name", ["ours", "below ours"])
def test_error_shows_no_lines_of_nbexp_itself(errors, name: str) -> None:
    assert "nbexp/" not in f"{errors(name).source}\n{errors(name).traceback}"


def test_error_of_a_display_has_its_own_name(errors) -> None:
    for name in ("html", "repr", "bundle"):
        assert (errors(name).name, errors(name).message) == ("ValueError", "odd")


def test_message_of_a_syntax_error_names_no_temporary_file(errors) -> None:
    assert errors("syntax").message == "invalid syntax (line 2)"


OLD = """\
ValueError                                Traceback (most recent call last)
{head}
      1 x = 1
----> 2 work(x)

{file}
      4     y = 1
----> 5     raise ValueError("far")

ValueError: far
File "made/up.py", line 3, in a_message"""


@pytest.mark.parametrize(
    ("head", "file"),
    [
        ("Input In [7], in <cell line: 2>()", "File /there/far.py:5, in work(x)"),
        ("<ipython-input-7-0a1b2c> in <module>", "/there/far.py in work(x)"),
        ("Cell In [7], line 2", "File /there/far.py:5, in work(x)"),
    ],
)  # fmt: skip
def test_tracebacks_of_earlier_versions_of_ipython_are_read(head: str, file: str) -> None:
    text = OLD.format(head=head, file=file)
    cell = Cell(3, 7, "x = 1\nwork(x)")
    quote = Traceback(text, "ValueError", [cell], Path("/there")).quote()
    assert quote == '2 --> work(x)\nfar.py, line 5, in work\n5 --> raise ValueError("far")'


def test_text_that_is_no_traceback_of_python_quotes_nothing() -> None:
    text = "Error in f(x) : object 'y' not found\nTraceback:\n1. f(1)"
    assert Traceback(text, "ERROR", [], Path("/there")).quote() == ""
