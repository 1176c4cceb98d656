"""The JSON Schema of pipeline files says what the reader says."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator

from nbexp.cli._main import cli

ROOT = Path(__file__).parents[2]
STAGE = '[stages.a]\nnotebook = "a.ipynb"\n'


@pytest.fixture(scope="module")
def validator() -> Draft7Validator:
    schema = json.loads(CliRunner().invoke(cli, ["schema"]).output)
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


@pytest.mark.parametrize(
    "file", sorted(ROOT.glob("notebooks/*/*.toml")), ids=lambda file: file.stem
)
def test_pipelines_that_ship_are_valid(validator: Draft7Validator, file: Path) -> None:
    assert list(validator.iter_errors(tomllib.loads(file.read_text()))) == []


@pytest.mark.parametrize(
    "text",
    [
        'scheduler = "asha"',
        'scheduler = { type = "my.module:Class", max_t = { randint = [1, 9] } }',
        "params = { x = { grid = [1, 2] }, y = { a = 1, b = [true] }, z = inf, w = { grid = 1, v = 2 } }",  # noqa: E501
        "variants = [{ lr = 0.1 }]\nreduce = { keep = 0.5 }\ntimeout = 1.5",
        'resources = { cpu = 0.5, memory = "4 GiB", tpu = 1 }',
        'notebook = { grid = ["a.ipynb", "b.ipynb"] }',
    ],
)
def test_forms_that_are_valid(validator: Draft7Validator, text: str) -> None:
    stage = "[stages.a]\n" + ("" if "notebook" in text else 'notebook = "a.ipynb"\n')
    assert list(validator.iter_errors(tomllib.loads(stage + text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "sede = 1\n" + STAGE,
        "seed = -1\n" + STAGE,
        "[stages.a]\nwarm = true",
        STAGE + "metrik = 1",
        STAGE + "warm = 1",
        STAGE + 'timeout = "1 week"',
        STAGE + "reduce = { keep = 0 }",
        STAGE + 'scheduler = "asa"',
        STAGE + "params = { x = { uniform = [1] } }",
        STAGE + "params = { x = { grid = [] } }",
        STAGE + 'search = { algorithm = "optunna" }',
        STAGE + "resources = { cpu = -1 }",
        STAGE + '[defaults]\nnotebook = "b.ipynb"',
        STAGE + "[tracking]\nurl = 'x'",
        STAGE + "[environment]\nvariables = { X = 1 }",
    ],
)
def test_mistakes_that_an_editor_marks(validator: Draft7Validator, text: str) -> None:
    assert list(validator.iter_errors(tomllib.loads(text)))
