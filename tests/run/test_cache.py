"""What runs again, and what does not, after each kind of change."""

import nbformat
import pytest

import nbexp
from nbexp import State
from nbexp.files import read_json
from nbexp.tracking import is_tracked

PIPELINE = """
name = "cache"
[stages.make]
notebook = "templates/make.ipynb"
params = { n = { grid = [1, 2] } }
inputs = ["data.txt"]
[stages.use]
notebook = "templates/use.ipynb"
params = { value = "@make.value", thing = "@make.thing" }
[stages.report]
notebook = "templates/report.ipynb"
params = { all = "@use[all]" }
"""


class Cached:
    """A project that is run again and again; says what was executed each time."""

    def __init__(self, project):
        self.project = project
        self.last = None
        (project.folder / "templates").mkdir()
        self.write("helper", "def parity(n):\n    return n % 2\n")
        (project.folder / "data.txt").write_text("one")
        project.template(
            "make",
            "import nbexp, helper\nnbexp.glue('value', helper.parity(n))\n"
            "nbexp.save('thing', {'n': n})",
            parameters="n = 0",
        )
        project.template(
            "use",
            "import nbexp\nnbexp.glue('twice', 2 * value)\nnbexp.load(thing)",
            parameters="value = 0\nthing = ''",
        )
        project.template("report", "len(all)", parameters="all = []")
        project.pipeline(PIPELINE)

    def write(self, name, text):
        (self.project.folder / "templates" / f"{name}.py").write_text(text)

    def edit(self, name, change):
        path = self.project.folder / "templates" / f"{name}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        change(notebook)
        nbformat.write(notebook, path)

    def run(self, *sets, **options):
        self.last = nbexp.Pipeline.from_toml(self.project.file, sets=sets).run(**options)
        assert self.last.state is State.FINISHED
        executed = [v for v in self.last.variants if v.state is State.FINISHED]
        assert all(v.state in (State.FINISHED, State.CACHED) for v in self.last.variants)
        return sorted((v.stage, v.params.get("n", "")) for v in executed)


@pytest.fixture(scope="module")
def cached(module_project, ray_cluster):
    cached = Cached(module_project)
    assert cached.run() == [
        ("make", 1), ("make", 2), ("report", ""), ("use", ""), ("use", ""),
    ]  # fmt: skip
    return cached


def test_nothing_runs_again_without_a_change(cached):
    assert cached.run() == []


def test_cached_variants_are_whole_in_the_new_run(cached):
    cached.run()
    for variant in cached.last.variants:
        assert nbformat.read(variant.notebook, as_version=4).cells
        assert read_json(variant.folder / "variant.json")["source"]
    (first, _) = cached.last.stage("make")
    assert nbexp.load(first.artifacts["thing"]) == {"n": 1}
    assert first.artifacts["thing"].startswith(str(cached.last.folder))


def test_markdown_and_outputs_change_nothing(cached):
    def comment(notebook):
        notebook.cells.append(nbformat.v4.new_markdown_cell("A remark."))
        notebook.cells[0].metadata["collapsed"] = True

    cached.edit("make", comment)
    assert cached.run() == []


def test_upstream_that_ran_again_with_the_same_output_runs_nothing_below(cached):
    def change(notebook):
        notebook.cells[1].source += "\n# the same in other words"

    cached.edit("make", change)
    assert cached.run() == [("make", 1), ("make", 2)]


def test_changed_local_module_runs_what_depends_on_it(cached):
    cached.write("helper", "def parity(n):\n    return n % 2 + 10\n")
    executed = cached.run()
    assert executed == [("make", 1), ("make", 2), ("report", ""), ("use", ""), ("use", "")]


def test_changed_input_file_runs_its_stage_alone(cached):
    (cached.project.folder / "data.txt").write_text("two")
    assert cached.run() == [("make", 1), ("make", 2)]


def test_added_grid_value_runs_just_the_new_variants(cached):
    assert cached.run("make.n={ grid = [2, 3, 1] }") == [("make", 3), ("report", ""), ("use", "")]


def test_only_runs_a_stage_and_what_it_needs(cached):
    assert cached.run("make.n=7", only=["use"]) == [("make", 7), ("use", "")]


def test_fresh_ignores_the_cache(cached):
    assert cached.run(fresh=True, only=["make"]) == [("make", 1), ("make", 2)]


def test_lost_folder_is_no_cache(cached):
    import shutil

    cached.run()
    for run in cached.project.runs():
        shutil.rmtree(run)
    assert ("make", 1) in cached.run()


class Editor:
    """A listener that edits files as soon as the run has begun."""

    def __init__(self, edit):
        self.edit = edit

    def notify(self, event):
        if event.kind == "run_started":
            self.edit()


def test_template_edited_during_a_run_counts_from_the_next_run_on(cached):
    def change(notebook):
        notebook.cells[1].source += "\nnbexp.glue('edited', True)"

    edit = Editor(lambda: cached.edit("make", change))
    assert cached.run("make.n=50", only=["make"], listeners=[edit]) == [("make", 50)]
    assert "edited" not in cached.last.stage("make")[0].scraps
    assert cached.run("make.n=50", only=["make"]) == [("make", 50)]
    assert cached.last.stage("make")[0].scraps["edited"] is True


def test_module_edited_during_a_run_is_known_as_it_was_when_it_ran(cached):
    edit = Editor(lambda: cached.write("helper", "def parity(n):\n    return -n\n"))
    assert cached.run("make.n=60", only=["make"], listeners=[edit]) == [("make", 60)]
    assert cached.last.stage("make")[0].scraps["value"] == -60
    assert cached.run("make.n=60", only=["make"]) == []


@pytest.mark.usefixtures("ray_cluster")
def test_run_that_is_all_cached_writes_its_report_and_warns_of_nothing(project, caplog):
    project.template("one", "x = 1")
    text = 'name = "one"\nreport = true\n[stages.one]\nnotebook = "templates/one.ipynb"\n'
    pipeline = nbexp.Pipeline.from_toml(project.pipeline(text))
    for is_first in (True, False):
        result = pipeline.run()
        assert (result.folder / "report" / "index.html").is_file()
        assert is_tracked(result.folder) is is_first  # nothing of the other is to be tracked
    assert [record.message for record in caplog.records] == []
