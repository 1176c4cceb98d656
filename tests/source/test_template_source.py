"""What is read from a notebook's source without running it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v3
from projects import notebook, write

from nbexp.source.code import assigned_first, parse_cell
from nbexp.source.templates import Template, TemplateError, read_template


def read(folder: Path, *cells: str, parameters: str | None = None, **metadata: Any) -> Template:
    path = write(folder / "a.ipynb", notebook(*cells, parameters=parameters, **metadata))
    return read_template(path, folder)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("", set()),
        ("x = 1\ny: int = 2\nz: float", {"x", "y", "z"}),
        ("a, (b, *c) = 1, (2, 3)", {"a", "b", "c"}),
        ("a = b = 1", {"a", "b"}),
        ("# a comment?\nx = 1", {"x"}),
        ("%matplotlib inline\nx = 1  # why?", {"x"}),
        ("%%time\nx = 1", {"x"}),
        ("import os\nx = os.getcwd()", {"x"}),
    ],
)
def test_parameters_are_what_the_tagged_cell_assigns(
    tmp_path: Path, source: str, names: set[str]
) -> None:
    template = read(tmp_path, parameters=source)
    assert template.has_parameters
    assert template.parameters == names


def test_parameters_that_cannot_be_read_are_unknown(tmp_path: Path) -> None:
    assert read(tmp_path, parameters="x = (").parameters is None
    assert read(tmp_path, parameters="x <- 1", kernelspec={"name": "ir", "language": "R"}
                ).parameters is None  # fmt: skip
    bare = read(tmp_path, "x = 1")
    assert (bare.has_parameters, bare.parameters) == (False, None)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("print(1)", set()),
        ("import nbexp\nnbexp.glue('a', 1)\nnbexp.save('b', 2)", {"a", "b"}),
        ("import nbexp as nb\nnb.glue('a', 1)", {"a"}),
        ("from nbexp import glue, save as keep\nglue('a', 1)\nkeep('b', 1)", {"a", "b"}),
        ("import nbexp\nnbexp.glue(value=1, name='a')", {"a"}),
        ("import nbexp.notebook\nnbexp.notebook.glue('a', 1)", {"a"}),
        ("from nbexp.notebook import glue\nglue('a', 1)", {"a"}),
        ("from nbexp import notebook as n\nn.glue('a', 1)", {"a"}),
        ("import scrapbook as sb\nsb.glue('a', 1)", {"a"}),
        ("import nbexp, os.path, numpy as np\nnbexp.glue('a', np.pi)", {"a"}),
        ("import papermill as pm\npm.record('a', 1)", {"a"}),
        ("def f():\n    import nbexp\n    nbexp.glue('a', 1)", {"a"}),
        ("%matplotlib inline\nimport nbexp\nnbexp.glue('a', 1)  # right?", {"a"}),
        ("import nbexp\n%time nbexp.glue('a', 1)", {"a"}),
        ("%%time\nimport nbexp\nnbexp.glue('a', 1)", {"a"}),
        ("%%mymagic\nimport nbexp\nnbexp.glue('a', 1)", {"a"}),
        ("%%bash\necho nbexp.glue 'x", set()),
        ("!ls\nfiles = !ls\nfiles?\n?files\nimport nbexp\nnbexp.glue('a', files)", {"a"}),
        ("class A:\n    def glue(self, x): pass\nA().glue('a')", set()),
    ],
)
def test_names_that_source_glues(tmp_path: Path, source: str, names: set[str]) -> None:
    assert read(tmp_path, source).emits == names


@pytest.mark.parametrize(
    "source",
    [
        "import nbexp\nnbexp.glue(name, 1)",
        "import nbexp\nnbexp.glue(f'a{i}', 1)",
        "import nbexp\nnbexp.glue(*pair)",
        "import nbexp\nnbexp.glue(**named)",
        "import nbexp\nkeep = nbexp.glue\nkeep('a', 1)",
        "import nbexp\nn = nbexp\nn.glue('a', 1)",
        "import nbexp\ngetattr(nbexp, 'glue')('a', 1)",
        "from nbexp import glue\nlist(map(glue, 'ab', [1, 2]))",
        "from nbexp import *\nglue('a', 1)",
        "import scrapbook.api\nscrapbook.api.glue('a', 1)",
        "exec(text)",
        "%run other.py",
        "this is no Python",
        "import nbexp, project_of_ones_own\nnbexp.glue('a', 1)",
        "%%unknown\nthis is no Python",
    ],
)
def test_names_are_open_where_source_does_not_tell(tmp_path: Path, source: str) -> None:
    assert read(tmp_path, source).emits is None


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("print(1)", set()),
        ("import math\nmath.log(2)", set()),
        ("from math import log\nlog(2)", set()),
        ("import nbexp\nnbexp.log('a', 1)\nnbexp.log('b', 2, step=1)", {"a", "b"}),
        ("import nbexp as nb\nnb.log(name='a', value=1, step=2)", {"a"}),
        ("from nbexp import log\nfor i in x:\n    log('a', i, i)", {"a"}),
        ("from nbexp import log as report, glue\nreport('a', 1)\nglue('b', 1)", {"a"}),
        ("from nbexp.notebook import log\nlog('a', 1)", {"a"}),
        ("import nbexp\nnbexp.log({'a': 1, 'b': 2}, step=3)", {"a", "b"}),
        ("import nbexp\nnbexp.log({}, step=3)\nnbexp.glue(name, 1)", set()),
        ("import nbexp, scrapbook.api\nnbexp.log('a', 1)", {"a"}),
    ],
)
def test_names_that_source_logs(tmp_path: Path, source: str, names: set[str]) -> None:
    assert read(tmp_path, source).logs == names


@pytest.mark.parametrize(
    "source",
    [
        "import nbexp\nnbexp.log(name, 1)",
        "import nbexp\nnbexp.log(f'{part}_loss', 1)",
        "import nbexp\nnbexp.log(values, step=1)",
        "import nbexp\nnbexp.log({name: 1})",
        "import nbexp\nnbexp.log({'a': 1, **others})",
        "import nbexp\nnbexp.log(*pair)",
        "import nbexp\ntrain(callback=nbexp.log)",
        "from nbexp import *\nlog('a', 1)",
        "from nbexp.learn import fit\nfit()",
        "import nbexp, project_of_ones_own\nnbexp.log('a', 1)",
        "import nbexp\nexec(text)",
    ],
)
def test_names_that_are_logged_are_open_where_source_does_not_tell(
    tmp_path: Path, source: str
) -> None:
    template = read(tmp_path, source)
    assert (template.logs, template.results) == (None, None)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("print(1)", set()),
        ("import mlflow\nmlflow.log_metric('a', 1)\nmlflow.log_metric(key='b', value=2)",
         {"a", "b"}),
        ("import mlflow as mf\nmf.log_metrics({'a': 1, 'b': 2}, step=3)", {"a", "b"}),
        ("import mlflow\nmlflow.log_metrics(metrics={'a': 1})", {"a"}),
        ("from mlflow import log_metric, start_run\nwith start_run():\n    log_metric('a', 1)",
         {"a"}),
        ("import mlflow\nwith mlflow.start_run():\n    mlflow.log_param(name, 1)", set()),
        ("import mlflow\nmlflow.log_metrics(scores)", None),
        ("import mlflow\nmlflow.log_metric(f'{part}_loss', 1)", None),
        ("import mlflow\nmlflow.autolog()", None),
        ("import mlflow\nmlflow.sklearn.autolog()", None),
        ("import mlflow.sklearn\nmlflow.sklearn.autolog()", None),
        ("import mlflow as mf\nmf.MlflowClient().log_metric(run, 'a', 1)", None),
        ("from mlflow import MlflowClient\nMlflowClient().log_metric(run, 'a', 1)", None),
        ("from mlflow.tracking import MlflowClient", None),
        ("import mlflow\ntrain(mlflow)", None),
        ("from transformers import Trainer\nTrainer().train()", None),
        ("import lightning.pytorch as pl", None),
    ],
)  # fmt: skip
def test_names_that_source_logs_to_mlflow(
    tmp_path: Path, source: str, names: set[str] | None
) -> None:
    template = read(tmp_path, source)
    assert (template.tracks, template.results) == (names, names)


def test_what_is_glued_stays_known_where_names_that_are_logged_are_not(tmp_path: Path) -> None:
    template = read(tmp_path, "import nbexp\nnbexp.glue('a', 1)\nnbexp.log(name, 1)")
    assert (template.emits, template.logs, template.results) == ({"a"}, None, None)
    template = read(tmp_path, "import nbexp\nnbexp.glue('a', 1)\nnbexp.log('b', 1)")
    assert template.results == {"a", "b"}


def test_what_local_modules_glue_counts(tmp_path: Path) -> None:
    write(tmp_path / "helper.py", "import nbexp\ndef report(x): nbexp.glue('a', x)\n")
    assert read(tmp_path, "import helper\nhelper.report(1)").emits == {"a"}
    write(tmp_path / "package" / "__init__.py", "from .inner import report\n")
    write(tmp_path / "package" / "inner.py", "import nbexp\ndef report(): nbexp.save('b', 1)\n")
    assert read(tmp_path, "import package\npackage.report()").emits == {"b"}
    write(tmp_path / "helper.py", "import nbexp\ndef report(n, x): nbexp.glue(n, x)\n")
    assert read(tmp_path, "import helper\nhelper.report('a', 1)").emits is None


MODULES: dict[str, set[str]] = {
    "import one": {"one", "two"},
    "import one as other, json": {"one", "two"},
    "from one import x": {"one", "two"},
    "from package import inner": {"package", "package.inner", "package.deep.leaf"},
    "import package.deep.leaf": {"package", "package.deep.leaf"},
    "from package.deep import leaf": {"package", "package.deep.leaf"},
    "from space import part": {"space.part"},
    "if x:\n    import two": {"two"},
    "def f():\n    import two": {"two"},
    "import importlib\nimportlib.import_module('two')": {"two"},
    "%run script.py": {"script.py", "two"},
    "%run -i script.py 3": {"script.py", "two"},
    "import nosuch, numpy": set(),
    "# import one": set(),
}


@pytest.mark.parametrize("source", MODULES)
def test_local_modules_are_found_transitively(tmp_path: Path, source: str) -> None:
    write(tmp_path / "one.py", "import two\n")
    write(tmp_path / "two.py", "import one\n")  # a circle
    write(tmp_path / "two.py", "")
    write(tmp_path / "script.py", "import two\n")
    write(tmp_path / "package" / "__init__.py", "")
    write(tmp_path / "package" / "inner.py", "from .deep import leaf\nfrom . import nothing\n")
    write(tmp_path / "package" / "deep" / "leaf.py", "")
    write(tmp_path / "space" / "part.py", "")
    assert set(read(tmp_path, source).modules) == MODULES[source]


def test_modules_that_import_each_other_end(tmp_path: Path) -> None:
    write(tmp_path / "one.py", "import two\n")
    write(tmp_path / "two.py", "import one\n")
    assert set(read(tmp_path, "import one").modules) == {"one", "two"}


def test_modules_lie_beside_the_notebook_or_the_pipeline(tmp_path: Path) -> None:
    write(tmp_path / "shared.py", "x = 1")
    write(tmp_path / "templates" / "own.py", "x = 1")
    path = write(tmp_path / "templates" / "a.ipynb", notebook("import shared, own"))
    template = read_template(path, tmp_path)
    assert set(template.modules) == {"shared", "own"}
    assert template.name == "templates/a"


def test_notebook_of_another_language(tmp_path: Path) -> None:
    template = read(tmp_path, "echo $x", parameters="x=1",
                    kernelspec={"name": "bash", "language": "bash"})  # fmt: skip
    assert (template.kernel, template.language) == ("bash", "bash")
    assert template.has_parameters
    assert (template.parameters, template.emits, template.logs) == (None, None, None)
    assert not template.modules


def test_notebook_of_version_3(tmp_path: Path) -> None:
    cell = v3.new_code_cell(input="x = 1", metadata={"tags": ["parameters"]})
    old = v3.new_notebook(worksheets=[v3.new_worksheet(cells=[cell])])
    path = write(tmp_path / "old.ipynb", v3.writes_json(old))
    assert nbformat.read(path, as_version=nbformat.NO_CONVERT).nbformat == 3
    assert read_template(path, tmp_path).parameters == {"x"}


@pytest.mark.parametrize(
    "metadata",
    [{}, {"kernelspec": None}, {"kernelspec": {"name": None}}, {"language_info": "x"}],
)
def test_odd_metadata_is_taken_as_python(tmp_path: Path, metadata: dict[str, Any]) -> None:
    template = read(tmp_path, "x = 1", **metadata)
    assert (template.kernel, template.language) == ("python3", "python")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"cells": 1}', '{"cells": [1]}', b"\xff\xfe\x00"]
)
def test_file_that_is_no_notebook(tmp_path: Path, content: str | bytes) -> None:
    path = write(tmp_path / "a.ipynb", content)
    with pytest.raises(TemplateError):
        read_template(path, tmp_path)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1\ny = (", "line 2"),
        ("clf.importances feature", "invalid syntax (line 1)"),
        ("files = !ls\n%matplotlib inline\nx?\nprint(files)", None),
        ("%%bash\nif [ 1 ]; then echo; fi", None),
        ("await something()\nasync with a as b:\n    pass", None),
    ],
)
def test_syntax_errors_are_told_and_ipythons_own_syntax_is_none(source, expected):
    from nbexp.source.code import syntax_error

    error = syntax_error(source) if parse_cell(source) is None else None
    assert (error is None) if expected is None else (expected in str(error))


def test_imports_at_the_top_level_are_found_in_order(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import pandas")
    template = read(
        tmp_path,
        "%matplotlib inline\nimport torch.nn as nn, mine\nfrom sklearn import linear_model, svm",
        "if True:\n    import scipy\ndef f():\n    import polars\nfrom numpy import *",
        "import torch.nn",
    )
    assert template.imports == (
        "torch.nn", "sklearn", "sklearn.linear_model", "sklearn.svm", "numpy",
    )  # fmt: skip


@pytest.mark.parametrize(
    "source",
    ["x = " + "1 + " * 20_000 + "1", "not " * 9000 + "x", "if x: 1\n" + "elif x: 1\n" * 9000],
)
def test_source_that_is_nested_too_deeply_for_python_is_told(tmp_path: Path, source: str) -> None:
    template = read(tmp_path, source)
    assert template.broken == ("cell 1: it is nested too deeply for Python's parser",)
    assert template.emits is None


def test_long_chains_of_calls_are_read(tmp_path: Path) -> None:
    source = "import nbexp\nnbexp.glue('a', 1)\nx" + ".f()" * 450
    assert read(tmp_path, source).emits == {"a"}


def test_long_lines_are_read_in_no_time(tmp_path: Path) -> None:
    assert read(tmp_path, " " * 100_000 + "x = = 2").broken


@pytest.mark.parametrize(
    ("cells", "assigned"),
    [
        (["x = 1\ny: int = 2\na, b = 3, 4", "print(x)"], {"x": 0, "y": 0, "a": 0, "b": 0}),
        (["print(x)", "x = 1"], {}),
        (["x = x or 1"], {}),
        (["def f():\n    return x", "x = 1"], {}),
        (["if True:\n    x = 1", "x = 2"], {}),
        (["x += 1", "x = 2"], {}),
        (["x: int", "x.y = 2", "x = 1"], {}),
        (["x = 1 +", "x = 2"], {}),
        (["import os", "x = 1", "x = 2"], {"x": 1}),
    ],
)
def test_names_that_cells_assign_first(cells: list[str], assigned: dict[str, int]) -> None:
    assert assigned_first(map(parse_cell, cells)) == assigned
