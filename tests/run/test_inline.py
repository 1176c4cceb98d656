"""Runs whose notebooks are executed in their own process: as by Ray's workers, and never reused."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from run_folders import make_run

import nbexp
from nbexp import RunResult, State
from nbexp.errors import PipelineError
from nbexp.files import read_json
from nbexp.runs.events import Event, EventKind
from nbexp.runs.request import RequestFile, RunRequest, read_request

PIPELINE = """\
name = "same"
[stages.make]
notebook = "templates/make.ipynb"
[stages.fit]
notebook = "templates/fit.ipynb"
metric = "loss"
params = { data = "@make.data", rate = { grid = [0.1, 0.5] } }
reduce = { keep = 1 }
[stages.last]
notebook = "templates/last.ipynb"
params = { loss = "@fit.loss", rates = "@fit[all]" }
"""
MAKE = ("import numpy as np, nbexp, shapes", "nbexp.save('data', shapes.points(np.arange(6.0)))",
        "print('made'); 6")  # fmt: skip
FIT = (
    "import nbexp\nvalues = nbexp.load(data)\nweight = 0.0\nstate = nbexp.checkpoint(losses=[])",
    "for epoch in nbexp.loop('epoch', 4):\n"
    "    weight += rate * (values.mean() - weight)\n"
    "    state.losses.append(float((values.mean() - weight) ** 2))\n"
    "    nbexp.log('loss', state.losses[-1])",
    "import matplotlib.pyplot as plt\nplt.plot(state.losses)\nplt.show()",
    "import asyncio\nawait asyncio.sleep(0)\nasyncio.get_running_loop().is_running()",
    "nbexp.glue('loss', state.losses[-1])\nnbexp.glue('odd', [float('nan'), 2**60, None])",
    "import sys; print('to err', file=sys.stderr)\n%matplotlib inline",
)
LAST = ("import nbexp\nnbexp.glue('seen', [loss, len(rates)])", "exit()", "1 / 0")


# Variables that pytest and MLflow set in their own process.
OF_LIBRARIES = ("PYTEST_", "CRC32C_", "MLFLOW_SUPPRESS_", "MLFLOW_DISABLE_", "PYTHONBREAKPOINT")


def same(project) -> None:
    (project.folder / "templates").mkdir()
    (project.folder / "templates" / "shapes.py").write_text("def points(x):\n    return x[1:]\n")
    project.template("make", *MAKE)
    project.template("fit", *FIT, parameters="data = ''\nrate = 0.0")
    project.template("last", *LAST, parameters="loss = 0.0\nrates = []")
    project.pipeline(PIPELINE)


def left(result: RunResult) -> dict[str, object]:
    """Return what the variants of a run left, but for times."""
    found = {}
    for variant in result.variants:
        record = read_json(variant.folder / "result.json")
        notebook = nbformat.read(variant.notebook, as_version=4)
        outputs = [
            (cell.execution_count, [shown(output, result.folder) for output in cell.outputs])
            for cell in notebook.cells
            if cell.cell_type == "code"
        ]
        values = repr(record["scraps"])  # nan is not equal to itself
        kept = {key: record[key] for key in ("state", "artifacts", "figures", "cells", "note")}
        reported = record["reported"]
        found[variant.name] = (values, kept, reported, outputs, variant.is_kept, variant.metric)
    return found


def shown(output, run: Path) -> str:
    """Return what an output says; a figure by its size alone, an error by its name."""
    text = output.get("text") or output.get("ename") or output.data.get("text/plain")
    return str(text).replace(str(run), "RUN")


def starts(project, *options: str, **streams) -> subprocess.Popen:
    command = [sys.executable, "-m", "nbexp", "run", "--inline", str(project.file), *options]
    return subprocess.Popen(command, cwd=project.folder, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **streams)  # fmt: skip


@pytest.fixture
def surroundings() -> Iterator[None]:
    """Check that a run leaves to this process what was its own."""

    def now() -> tuple[object, ...]:
        names = [name for name in sys.modules if name in ("own", "shapes", "__main__")]
        variables = {k: v for k, v in os.environ.items() if not k.startswith(OF_LIBRARIES)}
        return (Path.cwd(), variables, list(sys.path), sys.argv, sys.stdout, names,
                sys.modules["__main__"], signal.getsignal(signal.SIGINT))  # fmt: skip

    before = now()
    yield
    after = now()
    assert set(after[1].items()) == set(before[1].items())
    assert after == before


@pytest.mark.usefixtures("ray_cluster", "surroundings")
def test_all_is_left_that_a_run_on_ray_leaves(project):
    same(project)
    pipeline = nbexp.Pipeline.from_toml(project.file)
    inline = pipeline.run(inline=True)
    ordinary = pipeline.run()
    assert inline.state is ordinary.state is State.FINISHED
    assert left(inline) == left(ordinary)
    assert {variant.state for variant in ordinary.variants} == {State.FINISHED}


@pytest.mark.usefixtures("ray_cluster")
def test_what_ran_inline_is_never_used_again_and_what_ran_on_ray_is(project):
    same(project)
    pipeline = nbexp.Pipeline.from_toml(project.file)
    assert pipeline.run(inline=True).state is State.FINISHED
    for inline in (True, False):
        again = pipeline.run(inline=inline)
        assert {variant.state for variant in again.variants} == {State.FINISHED}
    assert {planned.state for stage in pipeline.plan().stages for planned in stage.variants} == {
        State.CACHED
    }
    for inline in (False, True):
        again = pipeline.run(inline=inline)
        assert {variant.state for variant in again.variants} == {State.CACHED}
    (project.folder / "templates" / "shapes.py").write_text("def points(x):\n    return x[2:]\n")
    assert {variant.state for variant in pipeline.run(inline=True).variants} == {State.FINISHED}


@pytest.mark.usefixtures("ray_cluster")
def test_snapshots_of_what_failed_inline_are_no_start_for_another_run(project):
    snapshot = (
        "import os, nbexp\nplace = os.environ['NBEXP_FOLDER'] + '/snapshots/1'\n"
        "nbexp.glue('goes_on', os.path.isdir(place))\nos.makedirs(place, exist_ok=True)"
    )
    project.template("loop", snapshot, "1 / 0")
    text = 'name = "l"\n[stages.loop]\nnotebook = "templates/loop.ipynb"\n'
    pipeline = nbexp.Pipeline.from_toml(project.pipeline(text))
    (first,) = pipeline.run(inline=True).variants
    assert first.state is State.FAILED
    assert read_json(first.folder / "variant.json")["key"].startswith("inline-")
    for inline, goes_on in ((True, False), (False, False), (False, True), (True, True)):
        (variant,) = pipeline.run(inline=inline).variants
        assert variant.scraps["goes_on"] is goes_on


LEAKS = """\
import os, random, sys, warnings
import nbexp, own
import matplotlib.pyplot as plt
found = [hasattr(own, 'mark'), 'MARK' in os.environ, os.getcwd().endswith('templates'),
         'made_up' in sys.modules, 'mark' in globals(), '/mark' in sys.path, len(sys.argv),
         plt.rcParams['lines.linewidth'] == 77, sys.modules['__main__'].__dict__ is globals(),
         plt.get_fignums()]
own.mark = mark = os.environ['MARK'] = 'left'
sys.modules['made_up'] = own
sys.path.insert(0, '/mark')
sys.argv.append('mark')
plt.rcParams['lines.linewidth'] = 77
warnings.simplefilter('error')
os.chdir('/')
%config InlineBackend.close_figures = False
plt.figure()
nbexp.glue('found', found)
"""


@pytest.mark.usefixtures("surroundings")
def test_variants_leave_one_another_and_the_process_nothing(project):
    project.template("leaks", LEAKS, parameters="n = 0")
    (project.folder / "templates" / "own.py").touch()
    text = 'name = "l"\n[stages.l]\nnotebook = "templates/leaks.ipynb"\nparams = {n = {grid = '
    result = nbexp.Pipeline.from_toml(project.pipeline(f"{text}[1, 2, 3]}}}}\n")).run(inline=True)
    expected = [False, False, True, False, False, False, 1, False, True, []]
    assert [variant.scraps.get("found") for variant in result.variants] == [expected] * 3


def test_breakpoints_in_cells_and_modules_stop_in_the_terminal_without_ray(project):
    cells = (
        "import os, sys, nbexp, inner\nvalue = 5\nbreakpoint()\nnbexp.glue('value', value)",
        "nbexp.glue('doubled', inner.double(value))",
        "print('the key is', os.environ['KEY'])\nnbexp.glue('name', input('who? '))",
        "nbexp.glue('ray', any(name.partition('.')[0] == 'ray' for name in sys.modules))",
    )
    project.template("stops", *cells)
    module = "def double(value):\n    twice = 2 * value\n    breakpoint()\n    return twice\n"
    (project.folder / "templates" / "inner.py").write_text(module)
    project.pipeline(
        'name = "s"\n[environment]\nvariables = { KEY = { secret = "KEY" } }\n'
        '[stages.stops]\nnotebook = "templates/stops.ipynb"\ntimeout = "1s"\n'
    )
    process = starts(project, stdin=subprocess.PIPE, env={**os.environ, "KEY": "hidden-word"})
    typed = "p 'value', value\nvalue = 7\nc\np 'twice', twice\ntwice = 100\nc\nAda\n"
    output, shown = process.communicate(typed)
    assert process.returncode == 0, output + shown
    (variant,) = RunResult.read(project.runs()[-1]).variants
    assert variant.scraps == {"value": 7, "doubled": 100, "name": "Ada", "ray": False}
    assert "('value', 5)" in shown
    assert "('twice', 14)" in shown
    assert "the key is ***" in shown
    assert "without time limits (stops)" in output


@pytest.mark.parametrize(
    ("waits", "number", "code"),
    [
        ("import time; time.sleep(600)", signal.SIGINT, 130),
        ("import asyncio; await asyncio.sleep(600)", signal.SIGINT, 130),
        ("import time; time.sleep(600)", signal.SIGTERM, 143),
    ],
)
def test_ctrl_c_ends_the_cell_and_the_run(project, waits, number, code):
    project.template("long", f"print('here', flush=True)\n{waits}", "1")
    text = 'name = "l"\n[stages.long]\nnotebook = "templates/long.ipynb"\nparams = {n = {grid = '
    project.pipeline(f"{text}[1, 2]}}}}\n")
    process = starts(project)
    assert process.stderr is not None
    assert any("here" in line for line in process.stderr)  # else it has ended
    process.send_signal(number)
    output, _ = process.communicate()
    assert process.returncode == code, output
    result = RunResult.read(project.runs()[-1])
    assert result.state is State.STOPPED
    assert {variant.state for variant in result.variants} == {State.STOPPED}
    assert "nbexp resume" in output


ASKS = """\
import os, pathlib
from nbexp.runs.control import request_stop
from nbexp.runs.folder import RunFolder
request_stop(RunFolder(pathlib.Path(os.environ["NBEXP_FOLDER"]).parents[1]))
"""


def test_request_to_stop_is_heard_between_cells(project):
    ask = "from nbexp.runs.control import request_stop\nfrom nbexp.runs.folder import RunFolder\n"
    run = (
        "RunFolder(__import__('pathlib').Path(__import__('os').environ['NBEXP_FOLDER']).parents[1])"
    )
    project.template("asks", f"{ask}request_stop({run})", "raise ValueError('too late')")
    text = 'name = "a"\n[stages.asks]\nnotebook = "templates/asks.ipynb"\n'
    result = nbexp.Pipeline.from_toml(project.pipeline(text)).run(inline=True)
    assert result.state is State.STOPPED
    (variant,) = result.variants
    assert variant.state is State.STOPPED
    assert "too late" not in (variant.folder / "log.txt").read_text()


def test_listener_sees_the_process_as_it_is_while_a_notebook_runs(project, capsys):
    seen = []

    class Looks:
        def notify(self, event):
            seen.append((Path.cwd(), "NBEXP_FOLDER" in os.environ))
            print(event.kind)

    project.template("logs", "import nbexp\nnbexp.log('x', 1)", "nbexp.log('x', 2)")
    text = 'name = "l"\n[stages.logs]\nnotebook = "templates/logs.ipynb"\nmetric = "x"\n'
    pipeline = nbexp.Pipeline.from_toml(project.pipeline(text))
    result = pipeline.run(inline=True, progress=False, listeners=[Looks()])
    assert set(seen) == {(Path.cwd(), False)}
    assert "variant_ended" in capsys.readouterr().out
    assert "run_started" not in result.variants[0].notebook.read_text()


def test_failure_can_be_looked_into_afterwards(project):
    project.template("fails", "import nbexp\nwanted = 3", "wanted / 0")
    text = 'name = "f"\n[stages.fails]\nnotebook = "templates/fails.ipynb"\n'
    assert nbexp.Pipeline.from_toml(project.pipeline(text)).run(inline=True).state is State.FAILED
    assert isinstance(sys.last_value, ZeroDivisionError)
    frame = sys.last_traceback
    while frame.tb_next is not None:
        frame = frame.tb_next
    assert frame.tb_frame.f_globals["wanted"] == 3


def test_notebooks_of_another_language_or_python_are_refused_with_their_stages(
    project, tmp_path, monkeypatch
):
    programs = {"shell": ["bash"], "other": ["/other/bin/python", "-m", "ipykernel_launcher"]}
    for name, program in programs.items():
        folder = tmp_path / "jupyter" / "kernels" / name
        folder.mkdir(parents=True)
        language = "bash" if name == "shell" else "python"
        spec = {"argv": program, "display_name": name, "language": language}
        (folder / "kernel.json").write_text(json.dumps(spec))
        project.template(name, "1", kernel=name)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    stages = [f'[stages.{name}]\nnotebook = "templates/{name}.ipynb"\n' for name in programs]
    pipeline = nbexp.Pipeline.from_toml(project.pipeline("\n".join(['name = "b"', *stages])))
    with pytest.raises(PipelineError) as refused:
        pipeline.run(inline=True)
    places = [problem.where for problem in refused.value.problems]
    assert places == [f"pipeline.toml: stages.{name}.kernel" for name in programs]
    assert "the kernel 'shell' is another one, of bash" in str(refused.value)
    assert "the kernel 'other' is of another Python, /other/bin/python" in str(refused.value)
    assert project.runs() == []


def test_inline_and_detached_exclude_each_other(project):
    project.pipeline("")
    process = starts(project, "--detach")
    _, shown = process.communicate()
    assert process.returncode == 2
    assert "--inline is for a terminal" in shown


def test_run_that_was_inline_goes_on_inline(project):
    run = make_run(project.folder)
    pipeline = project.pipeline('name = "p"\n')
    file = RequestFile(run.path.parent, RunRequest(pipeline, inline=True))
    file.notify(Event(EventKind.RUN_STARTED, 0.0, {"run": run.id}))
    assert read_request(run).words == ["--inline"]


def test_folder_that_a_cell_has_removed_hurts_no_other_notebook(project) -> None:
    removed = (
        "import os, tempfile\nwith tempfile.TemporaryDirectory() as folder:\n    os.chdir(folder)"
    )
    project.template("go", removed, "import nbexp\nnbexp.glue('x', x)", parameters="x = 0")
    project.pipeline(
        'name = "gone"\n[stages.go]\nnotebook = "templates/go.ipynb"\n'
        "params = { x = { grid = [1, 2] } }\n"
    )
    here = Path.cwd()
    result = nbexp.Pipeline.from_toml(project.file).run(inline=True, progress=False)
    assert [variant.scraps for variant in result.variants] == [{"x": 1}, {"x": 2}]
    assert Path.cwd() == here
