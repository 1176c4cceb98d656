"""The documentation names all that there is, and nothing that there is not."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from jsonschema import Draft7Validator

import nbexp
from nbexp.cli._main import cli
from nbexp.pipeline import links, spaces, tables
from nbexp.pipeline.params import ParamReader
from nbexp.pipeline.problems import Problems
from nbexp.pipeline.tables import _types
from nbexp.pipeline.tables.__main__ import written
from nbexp.runs.events import EventKind
from nbexp.states import State

DOCS = Path(__file__).parents[1] / "docs"
PARAMS = {"params"}  # keys of the user's own stand below these


def text_of(name: str) -> str:
    return (DOCS / name).read_text()


def section(name: str, title: str) -> str:
    """Return what stands between a heading or a line of its own, and the next heading."""
    text = text_of(name)
    assert title in text
    return re.split(r"\n(?=## |`\[)", text.partition(f"{title}\n")[2])[0]


def first_cells(text: str) -> list[str]:
    """Return the words in the first column of tables."""
    rows = re.findall(r"^\| (`.+?) \|", text, flags=re.MULTILINE)
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row)]


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("## Search spaces", spaces.SPACE_KEYS),
        ("## Searches", tables.ALGORITHMS.names),
        ("## Schedulers", tables.SCHEDULERS.names),
    ],
)
def test_what_can_be_chosen_is_listed(title: str, names: tuple[str, ...]) -> None:
    assert sorted(first_cells(section("pipeline-format.md", title))) == sorted(names)


def test_tables_of_the_format_are_written_from_the_code() -> None:
    page = text_of("pipeline-format.md")
    for table in tables.TABLES:
        if table is not tables.DEFAULTS:  # its keys are among a stage's
            assert f"<!-- keys of {table.header} -->\n| key |" in page, table.header
    assert written(page) == page, "python -m nbexp.pipeline.tables docs/pipeline-format.md"


def test_defaults_are_listed() -> None:
    (line,) = re.findall(r"`defaults` may hold (.*)\.", text_of("pipeline-format.md"))
    assert sorted(re.findall(r"`(\w+)`", line)) == sorted(tables.DEFAULTS.names)


def test_every_unit_and_form_of_link_is_documented() -> None:
    text = text_of("pipeline-format.md")
    for word in _types.UNITS_BYTES:
        assert f"`{word}`" in text, word
    for unit in _types.UNITS_S:
        assert re.search(rf'`"[\d.]+{unit}"`', text), unit
    forms = re.findall(r"@[\w\[\]*.]+", links.FORMS)
    assert len(forms) >= 8
    for form in forms:
        assert f'`"{form}"`' in text or form == "@", form


def test_arguments_of_distributions_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| (`.+?) \| (.+?) \|", section("pipeline-format.md", "## Search spaces"),
                      flags=re.MULTILINE)  # fmt: skip
    shown = {name: args for names, args in rows for name in re.findall(r"`(\w+)`", names)}
    for kind, form in spaces.KINDS.items():
        assert shown[kind] == form.signature


EXAMPLES = re.findall(r"```toml\n(.*?)```", text_of("pipeline-format.md"), flags=re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_format_hold_no_mistake(example: str) -> None:
    given, problems = tomllib.loads(example), Problems("pipeline-format.md")
    context = tables.Context(DOCS, problems, ParamReader({}, {}, problems).read)
    tables.PIPELINE.check_keys(given, "", problems)
    for name, stage in given["stages"].items():
        tables.STAGE.check_keys(stage, name, problems)
        for key in ("search", "scheduler", "reduce"):
            tables.STAGE.read_key(key, stage, name, context)
    problems.raise_any()
    wrong = Draft7Validator(tables.json_schema()).iter_errors(given)
    assert [each for each in wrong if each.validator != "required"] == []


def test_format_can_be_scanned() -> None:
    """Each part begins with an example or a table, and no paragraph or item is long."""
    text = text_of("pipeline-format.md")
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        first = re.split(r"```toml|^\|", body, maxsplit=1, flags=re.MULTILINE)[0]
        assert len(first) < 400, title
    prose = re.sub(r"```[\s\S]*?```|^\|.*$|<!--.*-->", "", text, flags=re.MULTILINE)
    for paragraph in re.split(r"\n\n|\n(?= *- )", prose):
        assert len(paragraph) <= 500, paragraph


def commands(group: click.Group) -> Iterator[click.Command]:
    yield from group.commands.values()


def options_of(command: click.Command) -> set[str]:
    options = (p for p in command.params if isinstance(p, click.Option))
    return {name for option in options for name in option.opts if name.startswith("--")}


COMMANDS = {str(command.name): command for command in commands(cli)}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_with_exactly_its_options(name: str) -> None:
    command, text = COMMANDS[name], text_of("commands.md")
    arguments = [p.make_metavar(click.Context(command)) for p in command.params
                 if isinstance(p, click.Argument)]  # fmt: skip
    heading = " ".join(["nbexp", name, *arguments])
    assert f"## `{heading}`\n" in text
    part = re.split(r"\n(?=## )", text.partition(f"## `{heading}`\n")[2])[0]
    assert set(re.findall(r"(?<![\w-])--[a-z]+(?:-[a-z]+)*", part)) == options_of(command)
    for option in command.params:
        assert not isinstance(option, click.Option) or option.help or option.name == "help"


def test_no_command_is_documented_that_does_not_exist() -> None:
    found = re.findall(r"^## `nbexp (\w+)", text_of("commands.md"), flags=re.MULTILINE)
    assert sorted(found) == sorted(COMMANDS)


def test_every_public_name_is_documented_and_no_other() -> None:
    text = text_of("notebook-api.md")
    shown = set(re.findall(r"`nbexp\.(\w+)", text))
    assert shown == set(nbexp.__all__)
    for name in nbexp.__all__:
        assert getattr(nbexp, name).__doc__, name
    used = set(re.findall(r"nbexp\.([A-Za-z]\w*)\(", text))
    assert used <= set(nbexp.__all__)


def test_fields_of_results_are_documented() -> None:
    text = text_of("notebook-api.md")
    for kind in (nbexp.RunResult, nbexp.VariantResult):
        fields = {*kind.__dataclass_fields__, *(name for name in vars(kind) if name[0] != "_")}
        for field in fields:
            assert re.search(rf"`(nbexp\.\w+\.)?{field}[`(]", text), field


def test_every_event_and_state_is_documented() -> None:
    text = text_of("run-folder.md")
    events = first_cells(text.partition("## Events\n")[2])
    assert events == [kind.value for kind in EventKind]
    for state in State:
        assert f"`{state.value}`" in text, state


def test_structure_names_only_files_that_exist() -> None:
    root = DOCS.parent / "nbexp"
    known = {path.name for path in root.rglob("*.py")}
    text = text_of("structure.md")
    for name in re.findall(r"`(?:\w+/)*(\w+\.py)`", text):
        assert name in known, name
    for room in (path.name for path in root.iterdir() if (path / "__init__.py").exists()):
        assert f"{room}/" in text, room


def pages() -> list[Path]:
    return sorted(DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", [pytest.param(p, id=p.name) for p in pages()])
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)(#[^)]*)?\)", page.read_text()):
        file = (page.parent / target) if target else page
        assert file.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", file.read_text(), flags=re.MULTILINE)
            assert anchor[1:] in {title.lower().replace(" ", "-") for title in titles}


def test_page_of_benchmarks_is_what_is_written_from_the_results(monkeypatch) -> None:
    monkeypatch.syspath_prepend(DOCS.parent)
    from benchmarks.speed import record, report
    from benchmarks.speed.parts import PARTS

    results = DOCS.parent / "benchmarks" / "results"
    page = report.document({part: record.load(results, part) for part in PARTS})
    assert page == text_of("benchmarks.md"), 'write it: make bench ARGS="--write"'


def test_decisions_are_numbered_and_have_their_parts() -> None:
    found = sorted((DOCS / "decisions").glob("*.md"))
    for number, path in enumerate(found, start=1):
        text = path.read_text()
        assert path.name.startswith(f"{number:04}-")
        assert text.startswith(f"# {number:04}: ")
        for part in ("**Context.**", "**Decision.**", "**Consequences.**"):
            assert part in text, path
