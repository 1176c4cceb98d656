"""In which line of a file a mistake is."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from projects import write, write_project

from nbexp.errors import PipelineError
from nbexp.pipeline import read_pipeline
from nbexp.pipeline.lines import lines_of_keys

ROOT = Path(__file__).parents[2]
ODD = '''\
title = "a # no comment"  # a = 1
"quoted.key" = 'single ] } ,'
a.b."c d" = 1979-05-27 07:32:00
text = """
[no.header]
x = 1 \\"""
"""
raw = \'\'\'
y = 2\'\'\'
empty = []
[table]
list = [
  1, # one
  { x = 1, y = [2,
     3] },
  "]",
]
[ table . "in ner" ]
deep = { a.b = { c = [[1], [
2]] } }
[[items]]
n = 1
[[items]]
n = 2
[items.sub]
m = 3
[[items.more]]
k = -1.5e3
'''


def paths(value: Any, path: str = "") -> Iterator[str]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from paths(each, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from paths(each, f"{path}[{index}]")


@pytest.mark.parametrize(
    "text", [ODD, *(file.read_text() for file in sorted(ROOT.glob("notebooks/*/*.toml")))]
)
def test_every_key_that_the_parser_finds_has_the_line_where_it_is_written(text: str) -> None:
    lines = lines_of_keys(text)
    assert set(paths(tomllib.loads(text))) == set(lines)
    for path, line in lines.items():
        name = path.rpartition(".")[2].partition("[")[0]
        if not path.endswith("]"):
            assert name in text.splitlines()[line - 1], path


def test_lines_of_odd_places() -> None:
    lines = lines_of_keys(ODD)
    expected = {
        "quoted.key": 2, "a.b.c d": 3, "text": 4, "raw": 8, "empty": 10, "table": 11,
        "table.list[0]": 13, "table.list[1].y[1]": 15, "table.list[2]": 16, "table.in ner": 18,
        "table.in ner.deep.a.b.c[1][0]": 20, "items[0]": 21, "items[1].n": 24,
        "items[1].sub.m": 26, "items[1].more[0].k": 28,
    }  # fmt: skip
    assert {path: lines[path] for path in expected} == expected


def test_mistakes_name_their_lines(tmp_path: Path) -> None:
    file = write(write_project(tmp_path) / "pipeline.toml", """\
name = "x"
[stages.train]
notebook = "templates/train.ipynb"
mood = "max"
params.lr = 0.1
params.hidden = { grid = [] }
[stages.train.reduce]
score = "best"
""")  # fmt: skip
    with pytest.raises(PipelineError) as caught:
        read_pipeline(file)
    places = [str(problem).partition("\n")[0] for problem in caught.value.problems]
    assert sorted(places) == [
        "pipeline.toml:4: stages.train.mood",
        "pipeline.toml:6: stages.train.params.hidden",
        "pipeline.toml:7: stages.train.reduce.keep",
    ]


def test_mistake_at_no_key_has_no_line(tmp_path: Path) -> None:
    with pytest.raises(PipelineError) as caught:
        read_pipeline(write(tmp_path / "pipeline.toml", 'name = "x"\n'))
    (problem,) = caught.value.problems
    assert str(problem).startswith("pipeline.toml: stages\n")
