"""Every kind of mistake is told with its place, what is wrong, and what to do."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from projects import GOOD, write, write_project

import nbexp
from nbexp.errors import PipelineError, Problem

PREPARE = '[stages.prepare]\nnotebook = "templates/prepare.ipynb"\n'
LEARN = '[stages.learn]\nnotebook = "templates/learn.ipynb"\n'
UNIFORM = "params = { lr = { uniform = [0, 1] } }\n"
TRAIN = PREPARE + '[stages.train]\nnotebook = "templates/train.ipynb"\n'


@dataclass(frozen=True)
class Bad:
    """A pipeline with a mistake: its text, and what the message must say."""

    name: str
    text: str
    where: str
    message: str
    remedy: str
    sets: tuple[str, ...] = ()


def param(name: str, value: str, where: str, message: str, remedy: str) -> Bad:
    """Return a mistake in the value of the parameter `lr`."""
    return Bad(name, f"{TRAIN}params = {{ lr = {value} }}\n", where, message, remedy)


def space(name: str, value: str, message: str, remedy: str = "") -> Bad:
    return param(name, value, "stages.train.params.lr", message, remedy)


def key(name: str, line: str, message: str, remedy: str, where: str = "") -> Bad:
    """Return a mistake in a key of the stage `train`."""
    place = where or f"stages.train.{line.partition('=')[0].strip()}"
    return Bad(name, TRAIN + line + "\n", place, message, remedy)


def learn(name: str, lines: str, place: str, message: str, remedy: str) -> Bad:
    """Return a mistake in a stage that reports `val_accuracy` and could be searched."""
    head = LEARN + ("" if lines.startswith("metric") else 'metric = "val_accuracy"\n')
    text = head + ("" if lines.startswith("params") else UNIFORM) + lines + "\n"
    return Bad(name, text, f"stages.learn.{place}", message, remedy)


def top(name: str, text: str, where: str, message: str, remedy: str) -> Bad:
    """Return a mistake outside of the stages."""
    return Bad(name, text + "\n" + PREPARE, where, message, remedy)


def setting(name: str, text: str, message: str, remedy: str) -> Bad:
    return Bad(name, GOOD, f"--set {text}", message, remedy, (text,))


SYNTAX = [
    Bad("syntax", 'name = "x"\nseed = \n', "", "TOML syntax: Invalid value .*line 2", "Mend"),
    Bad("key twice", 'name = "x"\nname = "y"\n', "", "TOML syntax: .*line 2", "Mend"),
    Bad("stage twice", PREPARE + PREPARE, "", r"TOML syntax: .*line 3", "Mend"),
    Bad("no stages", 'name = "x"\n', "stages", "expected at least one stage", r"\[stages.NAME\]"),
    Bad("stages no table", "stages = 3\n", "stages", "expected a table, got 3", r"\[stages\]"),
    Bad("stage no table", "[stages]\na = 1\n", "stages.a", "expected a table, got 1", "stages.a"),
]

KEYS = [
    top("unknown top key", "sed = 1", "sed", "unknown key 'sed'", "Did you mean 'seed'"),
    key("unknown key", "resource = 1", "unknown key 'resource'", "Did you mean 'resources'"),
    top("unknown default", "defaults = { timout = 1 }", "defaults.timout", "unknown key",
        "'timeout'"),
    top("params as default", "defaults = { params = {} }", "defaults.params", "unknown key",
        "Choose one of: metric"),
    top("unknown tracking key", "tracking = { url = 'x' }", "tracking.url", "unknown key 'url'",
        "'uri'"),
    top("unknown environment key", "environment = { package = [] }", "environment.package",
        "unknown key", "'packages'"),
    key("unknown search key", "search = { sample = 3 }", "unknown key 'sample'", "'samples'",
        "stages.train.search.sample"),
    key("unknown reduce key", "reduce = { kep = 3 }", "unknown key 'kep'", "'keep'",
        "stages.train.reduce.kep"),
    top("name no text", "name = 3", "name", "expected a text, got 3", "name = "),
    top("name empty", 'name = ""', "name", "expected a text, got ''", "name = "),
    top("task number", "task = 3", "task", "expected a text, got 3", 'task = "…"'),
    top("seed negative", "seed = -1", "seed", "expected a whole number of at least 0", "seed = 1"),
    top("seed text", 'seed = "7"', "seed", "whole number .* got '7'", "seed = 1"),
    top("seed boolean", "seed = true", "seed", "whole number .* got True", "seed = 1"),
    top("tracking uri no text", "tracking = { uri = 1 }", "tracking.uri", "expected a text",
        "uri ="),
    top("package missing", 'environment = { packages = ["nosuchthing>=1"] }',
        "environment.packages", "'nosuchthing>=1' is not installed", "pip install"),
    top("package version", 'environment = { packages = ["click>=999"] }', "environment.packages",
        "expected click>=999, got click 8", "pip install 'click>=999'"),
    top("package of an endless version", f'environment = {{ packages = ["click>={"9" * 5001}"] }}',
        "environment.packages", "expected a package with its versions", "torch>=2.5"),
    top("package malformed", 'environment = { packages = ["click=8"] }', "environment.packages",
        "expected a package with its versions, got 'click=8'", "torch>=2.5"),
    top("packages no list", 'environment = { packages = "click" }', "environment.packages",
        "expected a list of texts", r"packages = \["),
    top("variable no text", "environment = { variables = { A = 1 } }", "environment.variables.A",
        "expected text, or .*secret", 'A = "1"'),
    top("variable other secret", "environment = { variables = { A = { secret = 'HOME' } } }",
        "environment.variables.A", "secret = \"A\"", 'A = "1"'),
    top("variable name", "environment = { variables = { 'A-B' = 'x' } }",
        "environment.variables.A-B", "can't name an environment variable", "letters"),
    top("variable taken", "environment = { variables = { PYTHONPATH = 'x' } }",
        "environment.variables.PYTHONPATH", "nbexp itself sets PYTHONPATH", "before the run"),
    top("shared link", 'params = { a = "@prepare.data" }', "params.a", "expected a plain value",
        "in the stage"),
    top("shared space", "params = { a = { grid = [1] } }", "params.a", "expected a plain value",
        "in the stage"),
]  # fmt: skip

STAGES = [
    Bad("notebook left out", "[stages.a]\n", "stages.a.notebook", "path of a notebook.*missing",
        "notebook ="),
    Bad("notebook in a folder with a NUL", '[stages.a]\nnotebook = "a\\u0000b/c.ipynb"\n',
        "stages.a.notebook", "can't be a path: embedded null", "Check the path"),
    Bad("notebook with a long name", f'[stages.a]\nnotebook = "{"a" * 5000}"\n',
        "stages.a.notebook", "can't be a path: File name too long", "Check the path"),
    Bad("notebook a number", "[stages.a]\nnotebook = 1\n", "stages.a.notebook", "got 1",
        "notebook ="),
    Bad("notebook missing", '[stages.a]\nnotebook = "templates/trian.ipynb"\n',
        "stages.a.notebook", "there is no notebook 'templates/trian.ipynb'",
        "Did you mean 'templates/train.ipynb'"),
    Bad("notebook elsewhere", '[stages.a]\nnotebook = "train.ipynb"\n', "stages.a.notebook",
        "there is no notebook 'train.ipynb'", "Did you mean 'templates/train.ipynb'"),
    Bad("notebook nowhere", '[stages.a]\nnotebook = "x/zzzz.ipynb"\n', "stages.a.notebook",
        "there is no notebook", "Check the path"),
    Bad("notebook a folder", '[stages.a]\nnotebook = "templates"\n', "stages.a.notebook",
        "a notebook, not a folder", 'notebook = "templates/train.ipynb"'),
    Bad("notebook no JSON", '[stages.a]\nnotebook = "templates/text.ipynb"\n',
        "stages.a.notebook", "is no notebook: it holds no JSON", "Open it in Jupyter"),
    Bad("notebook no cells", '[stages.a]\nnotebook = "templates/list.ipynb"\n',
        "stages.a.notebook", "it has no list of cells", "Open it in Jupyter"),
    Bad("notebook odd cells", '[stages.a]\nnotebook = "templates/cells.ipynb"\n',
        "stages.a.notebook", "its cells are no list of tables", "Open it in Jupyter"),
    Bad("template grid empty", "[stages.a]\nnotebook = { grid = [] }\n", "stages.a.notebook",
        "expected the path of a notebook", "notebook ="),
    Bad("template twice",
        '[stages.a]\nnotebook = { grid = ["templates/bare.ipynb", "./templates/bare.ipynb"] }\n',
        "stages.a.notebook", "the grid holds 'templates/bare' twice", "Remove one"),
    Bad("setting as a parameter", TRAIN + "params = { timeout = 3 }\n",
        "stages.train.params.timeout", "train.ipynb has no parameter 'timeout'",
        "timeout is a setting of the stage"),
    Bad("link to a parameter as to a scrap",
        TRAIN.replace("[stages.train]", "params = { size = 3 }\n[stages.train]")
        + 'params = { data = "@prepare.size" }\n',
        "stages.train.params.data", "the link @prepare.size can't be met",
        "Did you mean @prepare.params.size"),
    Bad("cell that can't be parsed", '[stages.a]\nnotebook = "templates/broken.ipynb"\n',
        "stages.a.notebook", r"syntax of cell 2: .*line 1", "Mend that cell"),
    Bad("no parameters cell, and a setting",
        '[stages.a]\nnotebook = "templates/bare.ipynb"\nparams = { timeout = 1 }\n',
        "stages.a.params.timeout", "bare.ipynb has no cell tagged 'parameters', but is given timeo",
        "timeout is a setting of the stage"),
    Bad("no parameters cell, and one that sets the parameter",
        '[stages.a]\nnotebook = "templates/own.ipynb"\nparams = { lr = { grid = [0.1, 0.2] } }\n',
        "stages.a.params.lr", "cell 2 of own.ipynb sets lr itself, so this value has no effect",
        "Tag that cell 'parameters'"),
    key("unknown parameter", "params = { learning_rate = 1, hiden = 2 }",
        "train.ipynb has no parameter 'hiden'", "Did you mean 'hidden'",
        "stages.train.params.hiden"),
    key("unknown parameter in variants", "variants = [{ lrr = 1 }]",
        "train.ipynb has no parameter 'lrr'", "Did you mean 'lr'",
        r"stages.train.variants\[0\].lrr"),
    key("params a list", "params = [1]", "expected a table, got \\[1\\]", "stages.train.params"),
    key("parameter no identifier", "params = { 'learning rate' = 1 }", "can't name a parameter",
        "as for a variable", "stages.train.params.learning rate"),
    key("parameter a keyword", "params = { lambda = 1 }", "'lambda' can't name a parameter",
        "as for a variable", "stages.train.params.lambda"),
    Bad("stage name", "[stages.'a b']\nnotebook = 'templates/bare.ipynb'\n", "stages.a b",
        "'a b' can't name a stage", "letters"),
    Bad("stage named params", "[stages.params]\nnotebook = 'templates/bare.ipynb'\n",
        "stages.params", "can't name a stage", "'params' is taken"),
    Bad("stage name too long", f"[stages.{'a' * 101}]\nnotebook = 'templates/bare.ipynb'\n",
        f"stages.{'a' * 101}", "can't name a stage", "up to 100"),
    key("mode", 'mode = "maximum"', "expected 'max' or 'min', got 'maximum'", 'mode = "max"'),
    key("metric a list", 'metric = ["accuracy"]', "expected a text", "metric ="),
    key("metric not glued", 'metric = "acuracy"',
        "no metric 'acuracy': train.ipynb glues, saves or logs only accuracy, model",
        "Did you mean 'accuracy'"),
    key("reduce without metric", "reduce = { keep = 1 }", "reduce needs a metric", "metric ="),
    key("reduce a number", 'metric = "accuracy"\nreduce = 1', "expected a table, got 1",
        "reduce = { keep = 1 }", "stages.train.reduce"),
    key("keep zero", 'metric = "accuracy"\nreduce = { keep = 0 }', "whole number of at least 1",
        "keep = 1", "stages.train.reduce.keep"),
    key("keep a text", 'metric = "accuracy"\nreduce = { keep = "all" }', "got 'all'", "keep = 1",
        "stages.train.reduce.keep"),
    key("keep a boolean", 'metric = "accuracy"\nreduce = { keep = true }', "got True", "keep = 1",
        "stages.train.reduce.keep"),
    key("keep left out", 'metric = "accuracy"\nreduce = {}', "but it is missing", "keep = 1",
        "stages.train.reduce.keep"),
    key("cpu negative", "resources = { cpu = -1 }", "number of at least 0, got -1", "cpu = 1",
        "stages.train.resources.cpu"),
    key("cpu a text", 'resources = { cpu = "two" }', "got 'two'", "cpu = 1",
        "stages.train.resources.cpu"),
    key("cpu infinite", "resources = { cpu = inf }", "got inf", "cpu = 1",
        "stages.train.resources.cpu"),
    key("gpu and a half", "resources = { gpu = 1.5 }", "a whole number of GPUs, or a part of one",
        "gpu = 0.5", "stages.train.resources.gpu"),
    key("resource misspelt", "resources = { cpus = 2 }", "unknown resource 'cpus'",
        "Did you mean 'cpu'", "stages.train.resources.cpus"),
    key("resource in Ray's words", "resources = { CPU = 2 }", "unknown resource 'CPU'", "cpu",
        "stages.train.resources.CPU"),
    key("memory unit", 'resources = { memory = "4 gigs" }', "an amount of memory .* got '4 gigs'",
        'memory = "4GiB"', "stages.train.resources.memory"),
    key("memory infinite", "resources = { memory = inf }", "an amount of memory",
        'memory = "4GiB"', "stages.train.resources.memory"),
    key("timeout unit", 'timeout = "30 minutes"', "expected a duration .* got '30 minutes'",
        'timeout = "30m"'),
    key("timeout zero", "timeout = 0", "expected a duration", 'timeout = "30m"'),
    key("timeout nan", "timeout = nan", "expected a duration", 'timeout = "30m"'),
    key("retries negative", "retries = -1", "whole number of at least 0", "retries = 1"),
    key("retries a text", 'retries = "1"', "got '1'", "retries = 1"),
    key("variants a table", "variants = { lr = 1 }", "expected a list of tables", "variants = "),
    key("variants empty", "variants = []", "expected a list of tables", "variants = "),
    key("variants of numbers", "variants = [1]", "expected a list of tables", "variants = "),
    key("variant twice", "variants = [{ lr = 1 }, { lr = 1 }]", "in the list twice", "Remove one",
        r"stages.train.variants\[1\]"),
    key("after unknown", 'after = ["prepar"]', "unknown stage 'prepar'", "Did you mean 'prepare'"),
    key("after a text", 'after = "prepare"', "expected a list of texts", r'after = \["…"\]'),
    key("after a link", 'after = ["@prepare.data"]', "unknown stage '@prepare.data'", "prepare"),
    key("input missing", 'inputs = ["nothing.csv"]', "there is no file or folder 'nothing.csv'",
        "pipeline's folder"),
    key("input holds runs", 'inputs = ["."]', "holds the runs", "that the stage reads"),
    key("kernel empty", 'kernel = ""', "expected a text", "kernel ="),
    key("warm text", 'warm = "no"', "expected true or false", "warm = true"),
    key("cwd a number", "cwd = 1", "expected 'template', 'variant' or the path of a folder, got 1",
        'cwd = "variant"'),
    key("cwd misspelt", 'cwd = "variants"', "there is no folder 'variants'",
        r"Did you mean 'variant'\? A new folder of that name is written './variants'"),
    key("cwd a file", 'cwd = "data.csv"', "expected a folder, but '.*data.csv' is a file",
        "it is made where there is none"),
    key("cwd below a file", 'cwd = "data.csv/out"', "but '.*data.csv' is a file", "another folder"),
    key("too many variants", f"params.lr.grid = {list(range(400))}\nparams.hidden.grid = "
        f"{list(range(400))}", "160,000 variants; the limit is 100,000", "Draw from",
        "stages.train"),
    Bad("too many by links", f"""
[stages.prepare]
notebook = "templates/prepare.ipynb"
params.size.grid = {list(range(1000))}
[stages.train]
notebook = "templates/train.ipynb"
params.data = "@prepare.data"
params.lr.grid = {list(range(1000))}
""", "stages.train", "with those it links to, it would have 1,000,000 variants",
        r"Reduce an earlier stage, or gather"),
]  # fmt: skip

SEARCHES = [
    learn("search algorithm", 'search = { algorithm = "optnua" }', "search.algorithm",
          "unknown search algorithm 'optnua'", "Did you mean 'optuna'"),
    learn("search algorithm in capitals", 'search = { algorithm = "HyperOpt" }',
          "search.algorithm", "unknown search algorithm 'HyperOpt'", "Did you mean 'hyperopt'"),
    learn("search algorithm of one's own", 'search = { algorithm = "MySearcher" }',
          "search.algorithm", "unknown search algorithm 'MySearcher'",
          "Choose one of: random, .* import path of a Tune Searcher: package.module:Class"),
    learn("search algorithm a number", "search = { algorithm = 1 }", "search.algorithm",
          "expected the name of a search algorithm, got 1", 'algorithm = "optuna"'),
    learn("import path malformed", 'search = { algorithm = "my.searchers:" }',
          "search.algorithm", "unknown search algorithm 'my.searchers:'", "package.module:Class"),
    learn("search a text", 'search = "optuna"', "search", "expected a table, got 'optuna'",
          r'search = \{ algorithm = "optuna"'),
    learn("samples zero", "search = { samples = 0 }", "search.samples",
          "whole number of at least 1", "samples = 1"),
    learn("samples a fraction", 'search = { algorithm = "optuna", samples = 1.5 }',
          "search.samples", "whole number of at least 1, got 1.5", "samples = 1"),
    learn("concurrent zero", 'search = { algorithm = "optuna", concurrent = 0 }',
          "search.concurrent", "whole number of at least 1, got 0", "concurrent = 1"),
    learn("warm start a text", 'search = { algorithm = "optuna", warm_start = "yes" }',
          "search.warm_start", "expected true or false, got 'yes'", "warm_start = true"),
    learn("warm start of random draws", "search = { samples = 2, warm_start = true }",
          "search.warm_start", "learn nothing from earlier runs", 'algorithm = "optuna"'),
    learn("near miss of samples", 'search = { algorithm = "optuna", sample = 3 }',
          "search.sample", "unknown key 'sample'", "Did you mean 'samples'"),
    learn("near miss of concurrent", 'search = { algorithm = "hyperopt", concurent = 3 }',
          "search.concurent", "unknown key 'concurent'", "Did you mean 'concurrent'"),
    learn("near miss of algorithm", 'search = { algoritm = "optuna" }', "search.algoritm",
          "unknown key 'algoritm'", "Did you mean 'algorithm'"),
    learn("near miss beside an import path",
          'search = { algorithm = "my.searchers:Best", warmstart = true }', "search.warmstart",
          "unknown key 'warmstart'", "Did you mean 'warm_start'"),
    learn("options of random", "search = { sampler = 'tpe' }", "search.sampler",
          "unknown key 'sampler'", "Did you mean 'samples'"),
    learn("metric of an algorithm", 'search = { algorithm = "optuna", metric = "loss" }',
          "search.metric", "metric is a setting of the stage", r"under \[stages.learn\]"),
    learn("space as an option", 'search = { algorithm = "optuna", n = { grid = [1, 2] } }',
          "search.n", r"expected a plain value \(search spaces stand among", "n = 1"),
    learn("link in an option", 'search = { algorithm = "optuna", n = "@prepare.n" }',
          "search.n", "expected a plain value", '"@params.NAME"'),
    learn("date in an option", 'search = { algorithm = "optuna", since = 2026-01-01 }',
          "search.since", "a date can't be passed", "text"),
    key("nothing to sample", "search = { samples = 3 }", "there is nothing to sample",
        "loguniform", "stages.train.search.samples"),
    learn("nothing to search", "params = { lr = { grid = [1, 2] } }\n"
          'search = { algorithm = "optuna", samples = 3 }', "search",
          "optuna has nothing to search: all values are fixed", "loguniform"),
    learn("nothing to search in a case",
          'search = { algorithm = "bohb" }\nvariants = [{ lr = 1 }, { hidden = 4 }]',
          r"variants\[0\]", "bohb has nothing to search: this case fixes", "Leave a dist"),
    Bad("search without metric", f'{LEARN}{UNIFORM}search = {{ algorithm = "optuna" }}\n',
        "stages.learn.search", "the search optuna needs a metric, and the stage has none",
        'metric = "val_accuracy"'),
    learn("metric neither glued nor logged",
          'metric = "accurate"\nsearch = { algorithm = "optuna" }', "metric",
          "learn.ipynb glues, saves or logs only accuracy, loss, val_accuracy, val_loss",
          "Did you mean 'accuracy'"),
    Bad("link neither glued nor logged", f"{LEARN}{TRAIN}params = {{ lr = '@learn.val_los' }}\n",
        "stages.train.params.lr", "@learn.val_los can't be met", "Did you mean 'val_loss'"),
]  # fmt: skip

SCHEDULERS = [
    learn("scheduler", 'scheduler = "ashe"', "scheduler", "unknown scheduler 'ashe'",
          "Did you mean 'asha'"),
    learn("scheduler in a table", 'scheduler = { type = "hyper_band" }', "scheduler.type",
          "unknown scheduler 'hyper_band'", "Did you mean 'hyperband'"),
    learn("scheduler of one's own", 'scheduler = "Mine"', "scheduler", "unknown scheduler 'Mine'",
          "Choose one of: asha, .* import path of a Tune TrialScheduler"),
    learn("scheduler a number", "scheduler = 3", "scheduler",
          "expected the name of a scheduler, got 3", 'scheduler = "hyperband"'),
    learn("scheduler's type a list", "scheduler = { type = ['asha'] }", "scheduler.type",
          "expected the name of a scheduler, got", 'type = "hyperband"'),
    learn("scheduler without type", "scheduler = { max_t = 20 }", "scheduler.type",
          "expected which scheduler it is, but it is missing", 'type = "asha"'),
    learn("scheduler's type misspelt", 'scheduler = { typ = "asha" }', "scheduler.typ",
          "unknown key 'typ'", "Did you mean 'type'"),
    learn("mode of a scheduler", 'scheduler = { type = "asha", mode = "min" }',
          "scheduler.mode", "mode is a setting of the stage", r"under \[stages.learn\]"),
    learn("space of a scheduler",
          'scheduler = { type = "pbt", hyperparam_mutations = { lr = { uniform = [1, 0] } } }',
          "scheduler.hyperparam_mutations.lr", "expected lower < upper", "uniform"),
    learn("misspelt space of a scheduler",
          'scheduler = { type = "pbt", hyperparam_mutations = { lr = { unifrom = [0, 1] } } }',
          "scheduler.hyperparam_mutations.lr", "unknown search space 'unifrom'", "'uniform'"),
    learn("secret in a scheduler", 'scheduler = { type = "pbt", x = { secret = "HOME" } }',
          "scheduler.x", "expected a plain value or a search space", "x = 1"),
    top("scheduler as default", 'defaults = { scheduler = "asha" }', "defaults.scheduler",
        "unknown key 'scheduler'", "Choose one of"),
    Bad("scheduler without metric", f'{LEARN}scheduler = "asha"\n', "stages.learn.scheduler",
        "the scheduler asha needs a metric, and the stage has none", 'metric = "val_accuracy"'),
    learn("scheduler of what is only glued", 'metric = "accuracy"\nscheduler = "median"',
          "scheduler", "the scheduler median decides by what the notebook reports, but "
          r'learn.ipynb never calls nbexp.log\("accuracy", …\)', "Did you mean 'val_accuracy'"),
    key("scheduler of a notebook that logs nothing",
        'metric = "accuracy"\nscheduler = { type = "my.schedulers.Own" }',
        r"the scheduler my.schedulers.Own decides .* train.ipynb never calls",
        r'Report it .*: nbexp.log\("accuracy", value, step\)', "stages.train.scheduler"),
    learn("scheduler of a metric that is nowhere", 'metric = "val_acc"\nscheduler = "pbt"',
          "scheduler", "never calls", "Did you mean 'val_accuracy'"),
    Bad("scheduler of several templates",
        '[stages.a]\nnotebook = { grid = ["templates/learn.ipynb", "templates/train.ipynb"] }\n'
        'metric = "accuracy"\nscheduler = "asha"\n', "stages.a.scheduler", "train.ipynb never",
        "Report it"),
    learn("keep one as a float", "reduce = { keep = 1.0 }", "reduce.keep",
          "whole number of at least 1, or a fraction between 0 and 1, got 1.0",
          "keep = 1 for the best 1; without reduce all go on"),
    learn("keep two as a float", "reduce = { keep = 2.0 }", "reduce.keep", "got 2.0",
          "keep = 2 for the best 2"),
    learn("keep one and a half", "reduce = { keep = 1.5 }", "reduce.keep", "got 1.5",
          "keep = 0.5 for the better half"),
    learn("keep no part", "reduce = { keep = 0.0 }", "reduce.keep", "got 0.0", "keep = 0.5"),
    learn("keep a negative part", "reduce = { keep = -0.5 }", "reduce.keep", "got -0.5",
          "keep = 0.5"),
    learn("keep nan", "reduce = { keep = nan }", "reduce.keep", "got nan", "keep = 1"),
    learn("keep infinitely many", "reduce = { keep = inf }", "reduce.keep", "got inf",
          "keep = 1"),
    learn("score", 'reduce = { keep = 1, score = "first" }', "reduce.score",
          "expected 'best' or 'last', got 'first'", 'score = "best"'),
    learn("score without keep", 'reduce = { score = "best" }', "reduce.keep",
          "but it is missing", "keep = 1"),
    learn("score misspelt", 'reduce = { keep = 1, scor = "best" }', "reduce.scor",
          "unknown key 'scor'", "Did you mean 'score'"),
]  # fmt: skip

LINKS = [
    param("link to nowhere", '"@prepair.data"', "stages.train.params.lr",
          "unknown stage in the link @prepair.data: 'prepair'", "Did you mean 'prepare'"),
    param("link without name", '"@prepare"', "stages.train.params.lr",
          "malformed link '@prepare'", "Forms of a link: @stage.scrap"),
    param("link with a blank", '"@prepare. data"', "stages.train.params.lr", "malformed link",
          "Forms"),
    param("link with a number", '"@prepare[0].data"', "stages.train.params.lr", "malformed link",
          "Forms"),
    param("link with text as index", '"@prepare.n[last]"', "stages.train.params.lr",
          "malformed link", "Forms"),
    param("handle", '"@someone"', "stages.train.params.lr", "malformed link '@someone'",
          "@@ is a literal @"),
    param("only an at", '"@"', "stages.train.params.lr", "malformed link '@'", "@@"),
    param("params alone", '"@params"', "stages.train.params.lr", "malformed link '@params'",
          "@params.NAME"),
    param("params gathered", '"@params[*].x"', "stages.train.params.lr",
          "params\\] has no variants", "@params.x"),
    param("unknown shared", '"@params.x"', "stages.train.params.lr",
          "unknown pipeline-wide parameter 'x'", r"\[params\]"),
    param("scrap that is not glued", '"@prepare.dta"', "stages.train.params.lr",
          "@prepare.dta can't be met: prepare.ipynb glues, saves or logs only data, n",
          "Did you mean 'data'"),
    param("scrap in a list", '[1, "@prepare.dta"]', r"stages.train.params.lr[1]",
          "can't be met", "Did you mean 'data'"),
    param("scrap in a grid", '{ grid = ["@prepare.dta"] }', "stages.train.params.lr",
          "can't be met", "Did you mean 'data'"),
    param("parameter that is not given", '"@prepare.params.size"', "stages.train.params.lr",
          "unknown parameter in the link @prepare.params.size: 'size'",
          "Give it a value in stages.prepare.params"),
    param("parameter without name", '"@prepare.params"', "stages.train.params.lr",
          "names no parameter", "@prepare.params.NAME"),
    param("into a notebook", '"@prepare.notebook.cells"', "stages.train.params.lr",
          "can't lead into a notebook", "@prepare.notebook"),
    param("self", '"@train.model"', "stages.train", "in a circle: train → train", "Remove"),
    param("self gathered", '"@train[*].model"', "stages.train", "in a circle: train → train",
          "Remove"),
    key("self after", 'after = ["train"]', "in a circle: train → train", "Remove",
        "stages.train"),
    Bad("cycle", TRAIN + 'params = { data = "@prepare.data" }\n'
        + '[stages.x]\nnotebook = "templates/train.ipynb"\nparams = { data = "@y.model" }\n'
        + '[stages.y]\nnotebook = "templates/train.ipynb"\nparams = { data = "@x.model" }\n',
        "stages.x", "in a circle: y → x → y", "Remove one"),
    Bad("glues nothing", '[stages.a]\nnotebook = "templates/bare.ipynb"\n' + TRAIN
        + 'params = { data = "@a.model" }\n', "stages.train.params.data",
        "bare.ipynb glues, saves and logs nothing", r"Glue it .*nbexp.glue\('model', value\)"),
    Bad("leads nowhere", '[params]\na = { b = 1 }\n' + TRAIN + 'params = { lr = "@params.a.c" }\n',
        "stages.train.params.lr", "leads nowhere: no 'c' in the value: its keys are b", "Look at"),
    Bad("index into text", '[params]\na = 1\n' + TRAIN + 'params = { lr = "@params.a[0]" }\n',
        "stages.train.params.lr", r"no 0 in the value: it is 1", "Look at"),
    Bad("into a secret", TRAIN + "params = { lr = { secret = 'HOME' } }\n[stages.x]\n"
        'notebook = "templates/train.ipynb"\nparams = { lr = "@train.params.lr" }\n',
        "stages.x.params.lr", "leads to a secret", "secret itself"),
]  # fmt: skip

SPACES = [
    space("empty grid", "{ grid = [] }", "at least one value for grid", r"\{ grid = \[values\] \}"),
    space("grid no list", "{ grid = 3 }", "expected a list for grid, got 3", "{ value = "),
    space("grid twice the same", "{ grid = [1, 2, 1] }", "the grid holds 1 twice", "Remove"),
    space("empty choice", "{ choice = [] }", "at least one value for choice", "choice"),
    space("choice of a grid", "{ choice = [{ grid = [1] }] }", "a choice can't hold a grid",
          "Put the grid outside"),
    space("bounds swapped", "{ uniform = [1, 0] }", "expected lower < upper, got 1 and 0",
          r"uniform = \[lower, upper\]"),
    space("bounds equal", "{ randint = [3, 3] }", "expected lower < upper", "randint"),
    space("one bound", "{ uniform = [1] }", r"expected uniform = \[lower, upper\]", "uniform"),
    space("three bounds", "{ loguniform = [1, 2, 3] }", "expected loguniform", "loguniform"),
    space("bound a text", '{ uniform = ["0", "1"] }', "with numbers", "uniform"),
    space("bound infinite", "{ uniform = [0, inf] }", "with numbers", "uniform"),
    space("bounds a table", "{ uniform = { low = 0 } }", "expected a list for uniform", "uniform"),
    space("logarithm of zero", "{ loguniform = [0, 1] }", "expected lower > 0", "loguniform"),
    space("fraction in randint", "{ randint = [0, 1.5] }", "expected whole numbers", "randint"),
    space("q zero", "{ quniform = [0, 1, 0] }", "expected q > 0", "quniform"),
    space("q misaligned", "{ quniform = [0, 1, 0.3] }", "multiples of q = 0.3", "quniform"),
    space("q too large", "{ qrandint = [1, 4, 10] }", "no multiple of q = 10 lies between",
          "qrandint"),
    space("sd zero", "{ normal = [0, 0] }", "expected a standard deviation > 0", "normal"),
    space("qnormal q", "{ qnormal = [0, 1, -1] }", "expected q > 0", "qnormal"),
    space("near miss", "{ log_uniform = [1, 2] }", "unknown search space 'log_uniform'",
          "Did you mean 'loguniform'"),
    space("near miss of grid", "{ gird = [1, 2] }", "unknown search space 'gird'",
          "Did you mean 'grid'"),
    space("space with more keys", "{ uniform = [0, 1], q = 0.1 }",
          "'uniform' must stand alone", "Leave out 'q'"),
    space("date", "2026-01-01", "a date can't be passed to a notebook", '"2026-01-01"'),
    space("time", "10:00:00", "a date can't be passed", "text"),
    space("secret unset", '{ secret = "NO_SUCH_SECRET" }', "'NO_SUCH_SECRET' is not set",
          "export NO_SUCH_SECRET"),
    space("secret malformed", "{ secret = 3 }", "the name of an environment variable, got 3",
          "HF_TOKEN"),
    space("variable unset", '"${NO_SUCH_VARIABLE}"', "'NO_SUCH_VARIABLE' is not set",
          r"export NO_SUCH_VARIABLE=… \(or write \$\$\{NO_SUCH_VARIABLE\}"),
    space("variable with a default", '"${HOME:-x}"', "expected the name of a variable",
          r"Write \$\{NAME\}"),
    space("variable not closed", '"${HOME"', "expected the name of a variable", r"\$\$\{HOME"),
]  # fmt: skip

SETTINGS = [
    setting("set without value", "train.lr", "expected stage.param=VALUE", "--set train.lr=0.1"),
    setting("set without stage", "lr=1", "expected stage.param=VALUE", "--set train.lr=0.1"),
    setting("set of nothing", "train.=1", "expected stage.param=VALUE", "--set"),
    setting("set no TOML", "train.lr=[1", "expected a TOML value, got '\\[1'", "close every"),
    setting("set unknown stage", "trian.lr=1", "there is no stage 'trian'", "'train'"),
    setting("set unused", "params.epochs=1", "no stage links to @params.epochs", "@params.epochs"),
    Bad("set unknown parameter", GOOD, "stages.train.params.lrr", "has no parameter 'lrr'",
        "Did you mean 'lr'", ("train.lrr=1",)),
    Bad("set over a list", TRAIN + "params = [1]\n", "stages.train.params", "expected a table",
        "train", ("train.lr=1",)),
    Bad("set over odd variants", TRAIN + "variants = 3\n", "stages.train.variants",
        "list of tables", "variants", ("train.lr=1",)),
]  # fmt: skip

SEVERAL = {
    "unknown parameter",
    "unknown reduce key",
    "scheduler of several templates",
}  # what holds more than one mistake
ALL = [*SYNTAX, *KEYS, *STAGES, *SEARCHES, *SCHEDULERS, *LINKS, *SPACES, *SETTINGS]


def listing(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*")}


def problems_of(path: Path, *sets: str) -> tuple[Problem, ...]:
    with pytest.raises(PipelineError) as caught:
        nbexp.Pipeline.from_toml(path, sets=sets)
    return caught.value.problems


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path)


@pytest.mark.parametrize("bad", [pytest.param(bad, id=bad.name) for bad in ALL])
def test_mistake_is_told_with_place_and_remedy(project: Path, bad: Bad) -> None:
    path = write(project / "pipeline.toml", bad.text)
    before = listing(project)

    problems = problems_of(path, *bad.sets)

    place = rf"pipeline\.toml: {bad.where if chr(92) in bad.where else re.escape(bad.where)}$"
    place = place if bad.where else "pipeline.toml"
    met = [
        problem
        for problem in problems
        if re.search(place, problem.where)
        and re.search(bad.message, problem.message)
        and re.search(bad.remedy, problem.remedy)
    ]
    assert met, f"expected {bad.where}, {bad.message}, {bad.remedy}; got {problems}"
    assert len(problems) == 1 or bad.name in SEVERAL, problems
    assert listing(project) == before


def test_missing_file_names_its_neighbours(project: Path) -> None:
    write(project / "digits.toml", GOOD)
    (problem,) = problems_of(project / "pipeline.toml")
    assert problem.where == str(project / "pipeline.toml")
    assert "there is no such file" in problem.message
    assert "digits.toml" in problem.remedy


def test_folder_instead_of_a_file(project: Path) -> None:
    (problem,) = problems_of(project)
    assert "got a folder" in problem.message
    assert "nbexp init" in problem.remedy
    write(project / "own.toml", b"")
    (problem,) = problems_of(project)
    assert str(project / "own.toml") in problem.remedy


def test_notebook_instead_of_a_pipeline(project: Path) -> None:
    (problem,) = problems_of(project / "templates" / "bare.ipynb")
    assert "got a notebook" in problem.message


def test_file_that_is_not_utf8(project: Path) -> None:
    (problem,) = problems_of(write(project / "pipeline.toml", b'name = "caf\xe9"\n'))
    assert "expected UTF-8 text" in problem.message


def test_byte_order_mark_is_no_mistake(project: Path) -> None:
    path = write(project / "pipeline.toml", b"\xef\xbb\xbf" + GOOD.encode())
    assert nbexp.Pipeline.from_toml(path).spec.stages


def test_defaults_mistake_is_told_once_at_its_place(project: Path) -> None:
    text = TRAIN.replace("[stages.prepare]", '[defaults]\ntimeout = "x"\n[stages.prepare]')
    (problem,) = problems_of(write(project / "pipeline.toml", text))
    assert problem.where == "pipeline.toml: defaults.timeout"


def test_all_mistakes_of_a_file_are_told_in_one_go(project: Path) -> None:
    text = """
sed = 1
[stages.prepare]
notebook = "templates/prepair.ipynb"
[stages.train]
notebook = "templates/train.ipynb"
retries = -1
[stages.train.params]
lr = { uniform = [1, 0] }
hiden = 3
data = "@prepar.data"
"""
    problems = problems_of(write(project / "pipeline.toml", text))
    assert {problem.where.removeprefix("pipeline.toml: ") for problem in problems} == {
        "sed",
        "stages.prepare.notebook",
        "stages.train.retries",
        "stages.train.params.lr",
        "stages.train.params.hiden",
        "stages.train.params.data",
    }


def test_pipeline_built_in_code_is_checked_alike(project: Path) -> None:
    stage = nbexp.Stage(
        "train", "templates/train.ipynb", params={"lr": nbexp.uniform(1, 0), "data": object()}
    )
    with pytest.raises(PipelineError) as caught:
        nbexp.Pipeline("x", [stage], folder=project)
    assert [problem.where for problem in caught.value.problems] == [
        "pipeline: stages.train.params.lr",
        "pipeline: stages.train.params.data",
    ]


def test_text_that_utf8_can_not_hold(project: Path) -> None:
    params = {"lr": "caf\udce9", "data": [{"\ud800": 1}]}
    stage = nbexp.Stage("train", "templates/train.ipynb", params=params)
    with pytest.raises(PipelineError) as caught:
        nbexp.Pipeline("x", [stage], folder=project)
    assert [(problem.where, "half of a character" in problem.message)
            for problem in caught.value.problems] == [
        ("pipeline: stages.train.params.lr", True), ("pipeline: stages.train.params.data[0]", True)
    ]  # fmt: skip


def test_kernel_that_is_not_installed(project: Path) -> None:
    text = GOOD.replace("[stages.train]", '[stages.train]\nkernel = "pyton3"')
    pipeline = nbexp.Pipeline.from_toml(write(project / "pipeline.toml", text))
    with pytest.raises(PipelineError, match="'pyton3' is not installed") as caught:
        pipeline.plan()
    assert caught.value.problems[0].where == "pipeline.toml: stages.train.kernel"
    assert "Did you mean 'python3'" in caught.value.problems[0].remedy


def test_resources_that_no_node_has(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "local")
    text = GOOD.replace("[stages.train]", "[stages.train]\nresources = { cpu = 9999, fpga = 1 }")
    pipeline = nbexp.Pipeline.from_toml(write(project / "pipeline.toml", text))
    with pytest.raises(PipelineError, match="no node has CPU = 9999, fpga = 1") as caught:
        pipeline.run()
    assert "the most is CPU = " in caught.value.problems[0].remedy


COMMANDS = [
    (("run", "pipeline.toml"), GOOD + "[defaults]\nretries = -1\n", "at least 0"),
    (("run", "missing.toml"), GOOD, "there is no such file"),
    (("run", "pipeline.toml", "--set", "trian.lr=1"), GOOD, "Did you mean 'train'"),
    (("run", "pipeline.toml", "--only", "trian"), GOOD, "Did you mean 'train'"),
    (("plan", "pipeline.toml"), GOOD + "lr = { uniform = [1, 0] }\n", "lower < upper"),
]


@pytest.mark.parametrize(("command", "text", "message"), COMMANDS)
def test_command_ends_with_2_and_writes_nothing(
    project: Path, command: tuple[str, ...], text: str, message: str
) -> None:
    write(project / "pipeline.toml", text)
    before = listing(project)
    done = subprocess.run(
        [sys.executable, "-m", "nbexp", *command],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert listing(project) == before


def nested(depth: int, *, table: bool = False) -> str:
    return "{a=" * depth + "1" + "}" * depth if table else "[" * depth + "]" * depth


EXCESSIVE = {
    "lists 3,000 deep": nested(3000),
    "lists 120 deep": nested(120),
    "tables 120 deep": nested(120, table=True),
    "tables 3,000 deep": nested(3000, table=True),
    "choices": f"{{ choice = [{nested(150)}] }}",
    "5,000 digits": "9" * 5000,
    "many digits in base 16": "0x" + "f" * 6000,
    "a bound of 400 digits": f"{{ uniform = [0, {10**400}] }}",
}


@pytest.mark.parametrize("value", EXCESSIVE.values(), ids=list(EXCESSIVE))
def test_value_that_is_too_deep_or_too_long(project: Path, value: str) -> None:
    file = write(project / "pipeline.toml", f"{TRAIN}params = {{ lr = {value} }}\n")
    good = write(project / "good.toml", GOOD)
    for path, sets in ((file, ()), (good, (f"train.lr={value}",))):
        with pytest.raises(PipelineError) as caught:
            nbexp.Pipeline.from_toml(path, sets=sets)
        assert re.search("deep|digits|uniform", caught.value.problems[0].message)
        assert len(caught.value.problems[0].where) < 200


def test_value_built_in_code_that_holds_itself(project: Path) -> None:
    value: list[object] = []
    value.append(value)
    stage = nbexp.Stage("train", "templates/train.ipynb", params={"lr": value})
    with pytest.raises(PipelineError, match="nested more than 100 deep"):
        nbexp.Pipeline("x", [stage], folder=project)
