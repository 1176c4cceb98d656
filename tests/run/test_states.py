"""One run in which everything happens that can happen to a variant."""

import json
import os
from pathlib import Path

import nbformat
import pytest

import nbexp
from nbexp import State
from nbexp.files import read_json
from nbexp.lines import read_lines

SECRET = "tops3cret-value"

PIPELINE = """
name = "states"
seed = 3

[environment]
variables = { COLOUR = "blue", TOKEN = { secret = "TOKEN" } }

[stages.source]
notebook = "templates/source.ipynb"
params = { n = { grid = [1, 2, 3] } }

[stages.fails]
notebook = "templates/fails.ipynb"
params = { x = "@source.value", how = { grid = ["raise", "kill", "exit", "leave", "fine"] } }
metric = "score"
[stages.fails.reduce]
keep = 2

[stages.slow]
notebook = "templates/slow.ipynb"
timeout = "3s"
retries = 1

[stages.after_slow]
notebook = "templates/after.ipynb"
params = { x = "@slow.never" }

[stages.flaky]
notebook = "templates/flaky.ipynb"
params = { token = { secret = "TOKEN" } }
retries = 2

[stages.child]
notebook = "templates/child.ipynb"
params = { score = "@fails.score", n = "@source.params.n", record = "@fails.table.a[1]" }

[stages.gather]
notebook = "templates/gather.ipynb"
[stages.gather.params]
kept = "@fails[*].score"
everything = "@fails[all]"
flaky = "@flaky.tries"
missing = "@flaky.notebook"

[stages.unmet]
notebook = "templates/unmet.ipynb"
params = { x = "@flaky.tries.deep" }
"""


KILLED = ', "kill"'
SLOW = "import time; time.sleep(60)"


@pytest.fixture(scope="module")
def run(own_project, inline):
    project = own_project
    project.template(
        "source",
        "import os, nbexp\nnbexp.glue('value', n * 10)\nprint('n is', n)\n"
        "nbexp.glue('path', os.environ['PYTHONPATH'])",
        parameters="n = 0",
    )
    project.template(
        "fails",
        "import nbexp, os, signal, sys\nprint('working on', x, how)",
        "if how == 'raise' and x == 10:\n    raise ValueError(f'no good: {x}')\n"
        "if how == 'kill' and x == 10:\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "if how == 'exit' and x == 10:\n    sys.exit(3)\n",
        "nbexp.glue('table', {'a': [1, x]})",
        "if how == 'leave' and x == 20:\n    sys.exit(0)",
        "if how == 'raise':\n    nbexp.glue('score', float('nan'))\n"
        "elif how != 'leave' or x != 20:\n    nbexp.glue('score', 100 - x)",
        parameters="x = 0\nhow = 'fine'",
    )
    slow = "raise TimeoutError" if inline else SLOW  # there are no time limits inline
    project.template("slow", "import nbexp\nprint('sleeping')", slow, "nbexp.glue('never', 1)")
    project.template("after", "pass", parameters="x = 0")
    project.template(
        "flaky",
        "import os, pathlib, nbexp\ncounter = pathlib.Path('tries.txt')\n"
        "tries = int(counter.read_text()) + 1 if counter.exists() else 1\n"
        "counter.write_text(str(tries))\nprint(os.environ['TOKEN'], os.environ['COLOUR'], token)",
        "assert tries > 1, f'first try with {os.environ[token]}'\nnbexp.glue('tries', tries)\n"
        "nbexp.glue('leak', os.environ['TOKEN'])\n"
        "nbexp.log('leak', 'it is ' + os.environ['TOKEN'])",
        parameters="token = ''",
    )
    project.template("child", "import nbexp\nnbexp.glue('seen', [score, n, record])",
                     parameters="score = 0\nn = 0\nrecord = 0")  # fmt: skip
    project.template(
        "gather",
        "import nbexp\nnbexp.glue('kept', kept)\n"
        "nbexp.glue('names', sorted(r['variant'] for r in everything))\n"
        "nbexp.glue('keys', sorted(everything[0]))",
        parameters="kept = []\neverything = []\nflaky = 0\nmissing = ''",
    )
    project.template("unmet", "pass", parameters="x = 0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKEN", SECRET)
        text = PIPELINE.replace(KILLED, "") if inline else PIPELINE  # it would kill these tests
        return nbexp.Pipeline.from_toml(project.pipeline(text)).run(inline=inline)


def states(run, stage: str) -> list[State]:
    return [variant.state for variant in run.stage(stage)]


def by(run, stage: str, **params):
    return next(v for v in run.stage(stage) if all(v.params.get(k) == p for k, p in params.items()))


def test_the_run_failed_and_all_its_variants_ended(run):
    assert run.state is State.FAILED
    assert all(variant.state.is_final for variant in run.variants)


def test_failed_variant_says_cell_traceback_and_partial_notebook(run):
    variant = by(run, "fails", x=10, how="raise")
    assert variant.state is State.FAILED
    assert variant.error["name"] == "ValueError"
    assert variant.error["message"] == "no good: 10"
    assert "raise ValueError" in variant.error["source"]
    assert "ValueError: no good: 10" in variant.error["traceback"]
    notebook = nbformat.read(variant.notebook, as_version=4)
    assert any("working on 10" in str(cell.get("outputs")) for cell in notebook.cells)


@pytest.mark.parametrize(("how", "name"), [("kill", "KernelDied"), ("exit", "SystemExit")])
def test_killed_kernel_and_exit_code_are_failures(run, inline, how, name):
    if inline and how == "kill":
        pytest.skip("it would kill these tests")
    variant = by(run, "fails", x=10, how=how)
    assert variant.state is State.FAILED
    assert variant.error["name"] == name
    assert variant.notebook.is_file()


def test_leaving_with_code_zero_is_no_failure(run):
    assert by(run, "fails", x=20, how="leave").state is State.FINISHED


def test_kernels_have_the_pipelines_folder_and_nothing_else_in_their_path(run, own_project):
    (path,) = {variant.scraps["path"] for variant in run.stage("source")}
    own = os.environ.get("PYTHONPATH")
    assert path.split(os.pathsep) == [*([own] if own else []), str(own_project.folder)]


@pytest.mark.usefixtures("only_ray")
def test_timeout_ends_the_variant_after_its_retries_and_skips_its_descendants(run):
    (slow,), (after,) = run.stage("slow"), run.stage("after_slow")
    assert slow.state is State.TIMED_OUT
    assert slow.notebook.is_file()
    assert (slow.folder / "attempts" / "1" / "notebook.ipynb").is_file()
    assert after.state is State.SKIPPED


def test_retries_count_and_keep_the_attempts_that_failed(run):
    (flaky,) = run.stage("flaky")
    assert flaky.state is State.FINISHED
    assert flaky.scraps["tries"] == 2
    kept = read_json(flaky.folder / "attempts" / "1" / "result.json")
    assert kept["state"] == "failed"
    events = [e for e in read_lines(run.folder / "events.jsonl") if e["event"] == "variant_retried"]
    assert {e["variant"] for e in events} == {flaky.name, run.stage("slow")[0].name}


def test_reduce_keeps_the_best_leaves_out_failures_and_breaks_ties_by_order(run):
    kept = [v for v in run.stage("fails") if v.is_kept]
    # x = 10 gives 90: only 'leave' and 'fine' got there; both have it, and nothing is better.
    assert [(v.params["x"], v.params["how"]) for v in kept] == [(10, "leave"), (10, "fine")]


def test_what_reduce_drops_starts_nothing_and_lineages_stay_together(run):
    children = run.stage("child")
    assert len(children) == 2
    assert all(child.scraps["seen"] == [90, 1, 10] for child in children)
    for child in children:
        assert child.lineage["source"] == by(run, "source", n=1).name


def test_gathering_links_list_the_kept_and_all_that_finished(run):
    (gather,) = run.stage("gather")
    assert gather.scraps["kept"] == [90, 90]
    finished = [v.name for v in run.stage("fails") if v.state is State.FINISHED]
    assert gather.scraps["names"] == sorted(finished)
    assert gather.scraps["keys"] == [
        "artifacts", "metrics", "notebook", "params", "scraps", "variant",
    ]  # fmt: skip
    assert Path(gather.params["missing"]).is_file()


def test_link_that_leads_nowhere_fails_its_variant_with_one_message(run):
    (unmet,) = run.stage("unmet")
    assert unmet.state is State.FAILED
    assert unmet.error["name"] == "LinkError"
    assert "@flaky.tries.deep" in unmet.error["message"]


def test_secret_reaches_the_kernel_and_is_written_nowhere(run, own_project):
    (flaky,) = run.stage("flaky")
    assert flaky.params["token"] == "TOKEN"
    assert "*** blue TOKEN" in (flaky.folder / "log.txt").read_text()
    assert "it is ***" in (flaky.folder / "metrics.jsonl").read_text()
    for folder, _, names in os.walk(own_project.folder):
        for name in names:
            content = Path(folder, name).read_bytes()
            assert SECRET.encode() not in content, f"{folder}/{name}"


def test_run_folder_is_whole_and_readable_as_plain_json(run):
    for name in ("pipeline.toml", "pipeline.json", "plan.json", "status.json", "events.jsonl"):
        assert (run.folder / name).is_file()
    status = json.loads((run.folder / "status.json").read_text())
    assert status["state"] == "failed"
    assert status["is_complete"]
    assert status["variants"] == {v.name: v.state.value for v in run.variants}
    executed = [v for v in run.variants if v.state is State.FINISHED]
    for variant in executed:
        names = {path.name for path in variant.folder.iterdir()}
        assert {"variant.json", "notebook.ipynb", "log.txt", "result.json"} <= names
    leftovers = [p for p in run.folder.rglob("*") if p.name.startswith(".")]
    assert leftovers == []


def test_results_make_a_table(run, inline):
    table = run.dataframe()
    assert len(table) == len(run.variants)
    killed = set() if inline else {"kill"}
    hows = {"raise", "exit", "leave", "fine"} | killed
    assert set(table[table.stage == "fails"]["params.how"]) == hows
