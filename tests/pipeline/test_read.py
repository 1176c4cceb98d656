"""From the file to the frozen pipeline: every key, its default, and the forms of values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from projects import GOOD, notebook, write, write_project

import nbexp
from nbexp.files import to_json
from nbexp.pipeline import (
    Distribution,
    Grid,
    Link,
    Mode,
    Pipeline,
    SchedulerSpec,
    Score,
    SearchSpec,
    Secret,
    read_pipeline,
)

STAGE = '[stages.train]\nnotebook = "templates/train.ipynb"\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path)


def read(folder: Path, text: str, *sets: str) -> Pipeline:
    return read_pipeline(write(folder / "pipeline.toml", text), sets=sets)


def train(folder: Path, lines: str, *sets: str) -> Any:
    return read(folder, STAGE + lines, *sets).stages["train"]


def lr(folder: Path, value: str, *sets: str, more: str = "") -> Any:
    return (
        read(folder, f"{more}\n{STAGE}params = {{ lr = {value} }}\n", *sets)
        .stages["train"]
        .params["lr"]
    )


def test_defaults(project: Path) -> None:
    spec = read(project, STAGE)
    assert (spec.name, spec.seed, spec.folder) == (project.name, 0, project)
    assert (spec.tracking.uri, spec.tracking.experiment) == (None, None)
    stage = spec.stages["train"]
    assert (stage.mode, stage.metric, stage.keep, stage.timeout_s) == (Mode.MAX, None, None, None)
    assert (stage.retries, stage.after, stage.inputs, stage.kernel) == (0, (), (), None)
    assert (stage.resources.cpu, stage.resources.gpu, stage.resources.memory) == (1.0, 0.0, None)
    assert (stage.search, stage.scheduler, stage.score) == (SearchSpec(), None, Score.LAST)
    assert (stage.search.samples, stage.search.concurrent, stage.search.is_adaptive) == (
        1,
        4,
        False,
    )


def test_every_key(project: Path) -> None:
    text = """
name = "digits"
seed = 7
params = { epochs = 3 }
defaults = { timeout = "1h", retries = 2, cwd = "variant" }
[tracking]
uri = "sqlite:///x.db"
experiment = "e"
[environment]
packages = ["click"]
variables = { A = "1", HOME = { secret = "HOME" } }
[stages.prepare]
notebook = "templates/prepare.ipynb"
[stages.train]
notebook = { grid = ["templates/train.ipynb", "templates/open.ipynb"] }
variants = [{}, ]
metric = "accuracy"
mode = "min"
reduce = { keep = 2, score = "best" }
search = { algorithm = "random", samples = 1, concurrent = 2, warm_start = false }
resources = { cpu = 2, gpu = 0.5, memory = "4GiB", fpga = 1 }
timeout = "30m"
after = ["prepare"]
inputs = ["data.csv"]
kernel = "python3"
cwd = "out/here"
""".replace('"templates/open.ipynb"', '"templates/evaluate.ipynb"')
    source = (project / "templates" / "train.ipynb").read_text()
    write(project / "templates" / "evaluate.ipynb", source)
    spec = read(project, text)
    assert (spec.name, spec.seed, spec.tracking.uri, spec.tracking.experiment) == (
        "digits", 7, "sqlite:///x.db", "e",
    )  # fmt: skip
    assert list(spec.environment.packages) == ["click"]
    assert (spec.environment.variables, spec.environment.secrets) == ({"A": "1"}, ("HOME",))
    stage = spec.stages["train"]
    assert [template.name for template in stage.templates] == [
        "templates/train",
        "templates/evaluate",
    ]
    assert (stage.metric, stage.mode, stage.keep, stage.score, stage.kernel) == (
        "accuracy", Mode.MIN, 2, Score.BEST, "python3",
    )  # fmt: skip
    assert stage.resources.needs() == {"CPU": 2, "GPU": 0.5, "memory": 4 * 2**30, "fpga": 1}
    assert (stage.timeout_s, stage.retries) == (1800.0, 2)
    assert (spec.stages["prepare"].timeout_s, spec.stages["prepare"].cwd) == (3600.0, "variant")
    assert (stage.cwd, (project / "out").exists()) == ("out/here", False)
    assert (stage.after, stage.inputs) == (("prepare",), (project / "data.csv",))
    to_json(dict(spec.source))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("0.5", 0.5), ('"90s"', 90), ('"30m"', 1800), ('"1.5 h"', 5400),
     ('"2d"', 172800), ('"500ms"', 0.5)],
)  # fmt: skip
def test_durations(project: Path, text: str, seconds: float) -> None:
    assert train(project, f"timeout = {text}\n").timeout_s == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("1000", 1000), ('"1KB"', 1000), ('"1.5 KiB"', 1536), ('"2TiB"', 2**41)]
)
def test_amounts_of_memory(project: Path, text: str, size: int) -> None:
    assert train(project, f"resources = {{ memory = {text} }}\n").resources.memory == size


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ('"text"', "text"),
        ("[1, [2]]", [1, [2]]),
        ("{}", {}),
        ("{ a = 1, b = { c = 2 } }", {"a": 1, "b": {"c": 2}}),
        ('"@@at"', "@at"),
        ('"@@@at"', "@@at"),
        ('"$${HOME}"', "${HOME}"),
        ('"$HOME and $"', "$HOME and $"),
        ("{ value = { grid = [1] } }", {"grid": [1]}),
        ("{ value = 3 }", 3),
        ("{ value = { secret = 'x' } }", {"secret": "x"}),
        ("{ grid = [1, 2] }", Grid((1, 2))),
        ("{ uniform = [0, 1] }", Distribution("uniform", (0, 1))),
        ("{ a = [{ grid = [1, 2] }], b = 1 }", {"a": [Grid((1, 2))], "b": 1}),
        ("{ secret = 'HOME' }", Secret("HOME")),
    ],
)
def test_values_of_parameters(project: Path, text: str, value: Any) -> None:
    assert lr(project, text) == value


def learn(folder: Path, lines: str, *, more: str = "") -> Any:
    text = f"""{more}
[stages.learn]
notebook = "templates/learn.ipynb"
metric = "val_accuracy"
params = {{ lr = {{ loguniform = [1e-4, 1e-1] }} }}
"""
    return read(folder, text + lines).stages["learn"]


def test_search_with_options_of_its_algorithm(project: Path) -> None:
    lines = """
[stages.learn.search]
algorithm = "optuna"
samples = 20
concurrent = 2
warm_start = true
sampler = "tpe"
points_to_evaluate = [{ lr = 0.01 }]
patience = "@params.patience"
"""
    stage = learn(project, lines, more="params = { patience = 5 }")
    options = {"sampler": "tpe", "points_to_evaluate": [{"lr": 0.01}], "patience": 5}
    assert stage.search == SearchSpec("optuna", 20, 2, True, options)
    assert stage.search.is_adaptive


@pytest.mark.parametrize(
    "algorithm", ["hyperopt", "bayesopt", "bohb", "own.searchers:Best", "ray.tune.search.Searcher"]
)
def test_search_by_name_or_import_path(project: Path, algorithm: str) -> None:
    assert learn(project, f'search = {{ algorithm = "{algorithm}" }}').search == SearchSpec(
        algorithm
    )


def test_adaptive_search_with_cases_that_each_leave_a_distribution(project: Path) -> None:
    lines = (
        'search = { algorithm = "bohb", samples = 3 }\nvariants = [{ hidden = 4 }, { data = 1 }]'
    )
    assert len(learn(project, lines).cases) == 2


def test_adaptive_search_of_what_is_only_glued(project: Path) -> None:
    lines = 'search = { algorithm = "optuna" }\nparams = { lr = { uniform = [0, 1] } }\n'
    assert train(project, f'metric = "accuracy"\n{lines}').search.is_adaptive


@pytest.mark.parametrize("kind", ["asha", "hyperband", "median", "pbt", "bohb", "own:Scheduler"])
def test_scheduler_by_its_name_alone_and_in_a_table(project: Path, kind: str) -> None:
    assert learn(project, f'scheduler = "{kind}"').scheduler == SchedulerSpec(kind)
    assert learn(project, f'scheduler = {{ type = "{kind}" }}').scheduler == SchedulerSpec(kind)


def test_scheduler_with_options_and_spaces(project: Path) -> None:
    lines = """
[stages.learn.scheduler]
type = "pbt"
perturbation_interval = 2
quantile_fraction = "@params.part"
hyperparam_mutations = { lr = { loguniform = [0.1, 1] }, hidden = { grid = [4, 8] }, data = [1] }
"""
    scheduler = learn(project, lines, more="params = { part = 0.25 }").scheduler
    assert scheduler.options == {
        "perturbation_interval": 2,
        "quantile_fraction": 0.25,
        "hyperparam_mutations": {
            "lr": Distribution("loguniform", (0.1, 1)),
            "hidden": Grid((4, 8)),
            "data": [1],
        },
    }


@pytest.mark.parametrize("template", ["open", "echo"])
def test_scheduler_is_fine_where_the_source_does_not_tell_what_it_reports(
    project: Path, template: str
) -> None:
    write(project / "templates" / "echo.ipynb", notebook("echo", kernelspec={"language": "bash"}))
    open_cells = notebook("import nbexp\nnbexp.log(name, 1)")
    write(project / "templates" / "open.ipynb", open_cells)
    text = f'[stages.a]\nnotebook = "templates/{template}.ipynb"\nmetric = "m"\nscheduler = "asha"'
    assert read(project, text).stages["a"].scheduler == SchedulerSpec("asha")


def test_what_is_only_logged_may_be_the_metric_and_be_linked_to(project: Path) -> None:
    late = (
        '\n[stages.last]\nnotebook = "templates/train.ipynb"\nparams = { lr = "@learn.val_loss" }'
    )
    assert learn(project, f'scheduler = "asha"{late}').metric == "val_accuracy"


@pytest.mark.parametrize("keep", [1, 3, 0.5, 0.01])
def test_reduce_by_number_or_fraction(project: Path, keep: float) -> None:
    stage = learn(project, f"reduce = {{ keep = {keep} }}")
    assert (stage.keep, stage.score) == (keep, Score.LAST)
    assert type(stage.keep) is type(keep)


def test_fraction_that_is_kept_limits_what_comes_after(project: Path) -> None:
    grid = f"params = {{ lr = {{ grid = {list(range(400))} }} }}\nmetric = 'accuracy'\n"
    late = f"""
[stages.last]
notebook = "templates/train.ipynb"
params.data = "@train.model"
params.lr.grid = {list(range(400))}
"""
    assert train(project, f"{grid}reduce = {{ keep = 0.5 }}{late}").keep == 0.5
    with pytest.raises(nbexp.PipelineError, match="160,000 variants"):
        train(project, f"{grid}{late}")


def test_variables_of_the_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBEXP_TEST", "here")
    assert lr(project, '["a ${NBEXP_TEST}/${NBEXP_TEST}", "$${NBEXP_TEST}"]') == [
        "a here/here",
        "${NBEXP_TEST}",
    ]


def test_pipeline_wide_values(project: Path) -> None:
    more = "[params]\nx = { a = [1, nan] }\ny = '@@z'\nz = { value = { grid = [1] } }\n"
    assert lr(project, '"@params.x.a[0]"', more=more) == 1
    assert lr(project, '["@params.y", "@params.z"]', more=more) == ["@z", {"grid": [1]}]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("train.lr=0.1", 0.1),
        ("train.lr = [1, 2]", [1, 2]),
        ("train.lr=adam", "adam"),
        ('train.lr="0.1"', "0.1"),
        ("train.lr=true", True),
        ("train.lr={ grid = [1, 2] }", Grid((1, 2))),
        ("train.lr=@params.x", 5),
        ("params.x=6", 6),
        ("train.lr.deep=1", {"old": 0, "deep": 1}),
    ],
)
def test_values_set_from_outside(project: Path, setting: str, value: Any) -> None:
    old = '"@params.x"' if "params.x=6" in setting else "{ old = 0 }"
    assert lr(project, old, setting, more="params = { x = 5 }") == value


def test_value_set_from_outside_reaches_the_cases(project: Path) -> None:
    stage = train(project, "variants = [{ lr = 1, hidden = 1 }, { hidden = 2 }]\n", "train.lr=9")
    assert stage.cases == ({"lr": 9, "hidden": 1}, {"hidden": 2})
    assert stage.params == {"lr": 9}


def test_stages_come_after_those_they_need(project: Path) -> None:
    late = '[stages.last]\nnotebook = "templates/bare.ipynb"\nafter = ["train"]\n'
    spec = read(project, late + GOOD)
    assert list(spec.stages) == ["prepare", "train", "last"]
    assert spec.ancestors("last") == {"prepare", "train", "last"}
    assert spec.descendants("prepare") == {"prepare", "train", "last"}
    (link,) = spec.stages["train"].links
    assert isinstance(link, Link)
    assert spec.stages["last"].upstream == ("train",)


def test_pipeline_in_code_is_that_of_the_file(project: Path) -> None:
    text = (
        STAGE
        + """
metric = "accuracy"
timeout = 60
reduce = { keep = 1 }
search = { samples = 3 }
params = { lr = { loguniform = [0.1, 1] }, hidden = { grid = [1, 2] }, data = [1] }
"""
    )
    stage = nbexp.Stage(
        "train",
        Path("templates/train.ipynb"),
        params={"lr": nbexp.loguniform(0.1, 1), "hidden": nbexp.grid([1, 2]), "data": (1,)},
        metric="accuracy",
        timeout=60,
        keep=1,
        samples=3,
    )
    built = nbexp.Pipeline("x", [stage], folder=project).spec
    assert built.stages == read(project, text).stages
    to_json(dict(built.source))


def test_search_scheduler_and_reduce_in_code_are_those_of_the_file(project: Path) -> None:
    lines = """
reduce = { keep = 0.5, score = "best" }
search = { algorithm = "optuna", samples = 8, concurrent = 2, sampler = "tpe" }
scheduler = { type = "pbt", hyperparam_mutations = { lr = { loguniform = [0.0001, 0.1] } } }
"""
    stage = nbexp.Stage(
        "learn",
        "templates/learn.ipynb",
        params={"lr": nbexp.loguniform(1e-4, 1e-1)},
        metric="val_accuracy",
        keep=0.5,
        score="best",
        samples=8,
        search={"algorithm": "optuna", "concurrent": 2, "sampler": "tpe", "samples": 3},
        scheduler={"type": "pbt", "hyperparam_mutations": {"lr": nbexp.loguniform(1e-4, 1e-1)}},
    )
    built = nbexp.Pipeline("x", [stage], folder=project).spec
    assert built.stages["learn"] == learn(project, lines)
    to_json(dict(built.source))


def test_scheduler_in_code_by_its_name(project: Path) -> None:
    stage = nbexp.Stage(
        "learn", "templates/learn.ipynb", metric="val_accuracy", scheduler="hyperband"
    )
    built = nbexp.Pipeline("x", [stage], folder=project).spec
    assert built.stages["learn"].scheduler == SchedulerSpec("hyperband")


def test_templates_in_code_may_vary(project: Path) -> None:
    paths = [project / "templates" / name for name in ("train.ipynb", "prepare.ipynb")]
    built = nbexp.Pipeline("x", [nbexp.Stage("s", nbexp.grid(paths))], folder=project).spec
    assert len(built.stages["s"].templates) == 2
    to_json(dict(built.source))


@pytest.mark.parametrize(
    ("value", "sets", "samples"),
    [
        ("{ loguniform = [1e-4, 1e-1] }", ["train.lr=0.1"], 1),
        ("{ grid = [{ uniform = [0, 1] }, 2] }", ["train.lr=0.1"], 1),
        ("{ loguniform = [1e-4, 1e-1] }", ["train.lr={ uniform = [0, 1] }"], 4),
        ("{ uniform = [0, 1] }", ["train.lr=0.1", "train.hidden={ randint = [1, 9] }"], 4),
        ("{ uniform = [0, 1] }", ["train.hidden=3"], 4),
    ],
)
def test_value_set_from_outside_takes_the_place_of_a_search_space(
    project: Path, value: str, sets: list[str], samples: int
) -> None:
    lines = f"params = {{ lr = {value} }}\n[stages.train.search]\nsamples = 4\n"
    assert train(project, lines, *sets).search.samples == samples
