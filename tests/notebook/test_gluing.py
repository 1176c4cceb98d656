"""What a real notebook glues is read back by scrapbook's reader and by ours, and is the same."""

import io
import math
import subprocess
import sys
import warnings
from functools import reduce

import nbformat
import numpy as np
import pandas as pd
import pytest
import scrapbook
from nbclient import NotebookClient

from nbexp.errors import GlueError
from nbexp.notebook import glue
from nbexp.notebook.reader import Scraps, scraps

NAN = float("nan")
INF = float("inf")

# How a cell writes it, and what both readers give back.
VALUES = {
    "True": True,
    "3": 3,
    "2**60 + 1": 2**60 + 1,
    "-10**400": -(10**400),
    "0.1": 0.1,
    "-0.0": -0.0,
    "float('nan')": NAN,
    "float('inf')": INF,
    "-float('inf')": -INF,
    "None": None,
    "'text'": "text",
    "''": "",
    "'nan'": "nan",
    "'null'": "null",
    "'[1, 2]'": "[1, 2]",
    "'zwölf\\n\"quoted\"'": 'zwölf\n"quoted"',
    "[]": [],
    "{}": {},
    "[1, 'nan', None, 0.5]": [1, "nan", None, 0.5],
    "[float('nan'), 'nan', {'a': [-float('inf')]}]": [NAN, "nan", {"a": [-INF]}],
    "{'a': {'b': [None, True]}, 'c': 'x'}": {"a": {"b": [None, True]}, "c": "x"},
    "{1: 'a', None: 'b', 0.5: 'c', False: 'd'}": {"1": "a", "null": "b", "0.5": "c", "false": "d"},
    "(1, (2, 3))": [1, [2, 3]],
    "np.float32(0.5)": 0.5,
    "np.float64('nan')": NAN,
    "np.longdouble(0.5)": 0.5,
    "np.int64(7)": 7,
    "np.bool_(True)": True,
    "np.str_('x')": "x",
    "np.arange(4).reshape(2, 2)": [[0, 1], [2, 3]],
    "np.array(1.5)": 1.5,
    "np.array([float('nan')])": [NAN],
    "{'a': np.array([np.float32(1)]), np.int64(2): np.int8(3)}": {"a": [1.0], "2": 3},
    "Level.HIGH": 2,
    "Color.RED": "red",
}
FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=["p", "q"])
SETUP = """
import enum
import numpy as np
import pandas as pd
import matplotlib
from matplotlib.figure import Figure
import matplotlib.pyplot as plt
from IPython.display import HTML
import nbexp.notebook as nbexp
class Level(enum.IntEnum):
    HIGH = 2
class Color(str, enum.Enum):
    RED = "red"
class Rich:
    def _repr_html_(self):
        return "<b>rich</b>"
"""
DISPLAYS = """
nbexp.glue("html", HTML("<i>it</i>"))
nbexp.glue("rich", Rich())
plt.plot([1, 2])
nbexp.glue("pyplot figure", plt.gcf())
nbexp.glue("own figure", Figure(figsize=(1, 1)))
nbexp.glue("shown number", 5, display=True)
nbexp.glue("only as html", Rich(), display=["text/html"])
nbexp.glue("shown frame", pd.DataFrame({"a": [1]}), display={"include": ["text/html"]})
"""


def execute(*cells: str) -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    return nbformat.reads(nbformat.writes(notebook), as_version=4)


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    return execute(
        SETUP,
        *(f"nbexp.glue({code!r}, {code})" for code in VALUES),
        "nbexp.glue('frame', pd.DataFrame({'a': [1, 2], 'b': ['x', None]}, index=['p', 'q']))",
        DISPLAYS,
        "nbexp.glue('twice', 1); nbexp.glue('twice', pd.DataFrame()); nbexp.glue('twice', 2)",
        "nbexp.glue('twice after all', HTML('x'))\nnbexp.glue('twice after all', 3)",
    )


@pytest.fixture(scope="module")
def ours(notebook: nbformat.NotebookNode) -> Scraps:
    return scraps(notebook)


@pytest.fixture(scope="module")
def theirs(notebook: nbformat.NotebookNode) -> scrapbook.scraps.Scraps:
    return scrapbook.models.Notebook(notebook).scraps


def same(left: object, right: object) -> bool:
    if isinstance(left, list):
        return isinstance(right, list) and all(
            same(*pair) for pair in zip(left, right, strict=True)
        )
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, float) and math.isnan(left):
        return isinstance(right, float) and math.isnan(right)
    return type(left) is type(right) and repr(left) == repr(right)


@pytest.mark.parametrize("name", VALUES)
def test_value_is_the_same_in_both_readers(ours, theirs, name):
    assert same(VALUES[name], ours.values[name])
    assert same(VALUES[name], theirs[name].data)


def test_frame_is_the_same_in_both_readers(ours, theirs):
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(ours.frames["frame"])), FRAME)
    pd.testing.assert_frame_equal(theirs["frame"].data, FRAME)


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("html", "text/html"),
        ("rich", "text/html"),
        ("pyplot figure", "image/png"),
        ("own figure", "image/png"),
        ("shown number", "text/plain"),
        ("only as html", "text/html"),
        ("shown frame", "text/html"),
    ],
)
def test_display_is_the_same_in_both_readers(ours, theirs, name, mime):
    assert ours.displays[name][mime]
    assert theirs[name].display["data"][mime] == ours.displays[name][mime]
    assert not any(mime.startswith("application/scrapbook") for mime in ours.displays[name])


def test_shown_value_keeps_its_value(ours, theirs):
    assert ours.values["shown number"] == theirs["shown number"].data == 5
    assert "shown frame" in ours.frames


def test_last_value_of_a_name_counts(ours, theirs):
    assert ours.values["twice"] == theirs["twice"].data == 2
    assert "twice" not in ours.frames
    assert ours.values["twice after all"] == theirs["twice after all"].data == 3
    assert "twice after all" not in ours.displays


def test_everything_was_readable(ours, theirs):
    names = ours.values.keys() | ours.frames.keys() | ours.displays.keys()
    assert ours.unreadable == {}
    assert names == set(theirs)


def test_scrapbook_writes_the_same_output():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        notebook = execute(
            "import warnings; warnings.simplefilter('ignore')\n"
            "import scrapbook as sb, nbexp.notebook as nbexp",
            *(f"{module}.glue('it', {v})" for module in ("sb", "nbexp") for v in ("1.5", "'x'")),
            *(f"{module}.glue('it', [1, {{'a': None}}])" for module in ("sb", "nbexp")),
        )
    one, two, three, four, five, six = (cell.outputs for cell in notebook.cells[1:])
    assert [one, two, five] == [three, four, six]


class Circle(list):
    """A list that holds itself."""

    def __init__(self) -> None:
        super().__init__([self])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "a value of type object can't be glued. Save it as an artifact: nbexp.save"),
        ("caf\udce9", r"the text 'caf\\udce9' holds '\\udce9', half of a character"),
        ([{"\ud800": 1}], r"item 0, a key: the text '\\ud800' holds"),
        (reduce(lambda deep, _: [deep], range(400), []), "nested too deeply"),
        ({1}, r"type set can't be glued. Make it a list first: sorted\(value\)"),
        ({"a": [1, {2}]}, "scrap 'it', key 'a', item 1: a value of type set"),
        ({(1, 2): 3}, "a key of type tuple has no place in JSON"),
        ({1: "a", "1": "b"}, "two keys become the same text '1'"),
        (np.zeros(10_001), "10,001 items are too many .* nbexp.save"),
        (np.datetime64("2020"), "type numpy.datetime64 can't be glued"),
        (np.complex128(1), "type numpy.complex128 can't be glued"),
        (np.array([object()]), "item 0: a value of type object"),
        (1j, "type complex can't be glued"),
        (b"bytes", "type bytes can't be glued"),
        (pd.Series([1]), "type pandas.*Series can't be glued"),
        (pd.Timestamp("2020"), "can't be glued"),
        (pd.DataFrame({"a": [1, "x"]}), "does not fit into parquet"),
        (Circle(), "holds itself"),
    ],
)
def test_what_can_not_be_glued_is_refused_with_a_remedy(value, message):
    with pytest.raises(GlueError, match=message):
        glue("it", value)


@pytest.mark.parametrize("name", ["", None, 3])
def test_name_must_be_a_text(name):
    with pytest.raises(GlueError, match="name of a scrap must be a text"):
        glue(name, 1)


def test_gluing_a_number_imports_nothing_large_and_says_nothing_outside_of_jupyter():
    code = """
import sys
from nbexp.notebook import glue
glue("accuracy", 0.5)
large = {"numpy", "pandas", "IPython", "torch", "scrapbook", "papermill", "matplotlib"}
assert not large & set(sys.modules), large & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_torch_values_become_numbers():
    torch = pytest.importorskip("torch")
    from nbexp.notebook.gluing import _encode

    assert _encode("it", torch.tensor(0.5, requires_grad=True)) == ("json", 0.5)
    assert _encode("it", {"a": torch.arange(2)}) == ("json", {"a": [0, 1]})
