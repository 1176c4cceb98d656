"""Writes a small project that runs at once: the digits demo."""

from __future__ import annotations

import shutil
from pathlib import Path

from nbexp.errors import UsageError

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parent
_README = """\
# Digits

Trains classifiers on scikit-learn's digits with several settings, evaluates the best one on
images kept aside, and compares all of them.

    nbexp plan pipeline.toml     what there is to run
    nbexp run pipeline.toml      run it; a second time only looks up what is done
    nbexp show                   the variants of the last run
    mlflow ui                    metrics, figures and notebooks in the browser

`pipeline.toml` says which notebooks run with which parameters. Each notebook in `templates/` also
runs by hand in Jupyter, with the defaults of its `parameters` cell. What a run leaves lies in
`runs/`: the executed notebooks, their logs and results.
"""
_IGNORED = "runs/\nmlruns/\nmlartifacts/\nmlflow.db\n.mlflow.db.lock\n.ipynb_checkpoints/\n"


def write_project(folder: Path) -> None:
    """Write the project into a new or empty folder.

    Raises:
        UsageError: The folder is not empty, or can't be written.
    """
    pipeline, templates = _source()
    _refuse_if_used(folder)
    try:
        (folder / "templates").mkdir(parents=True)
        text = pipeline.read_text(encoding="utf-8").replace("../../templates/", "templates/")
        (folder / "pipeline.toml").write_text(text, encoding="utf-8")
        for template in sorted(templates.glob("*.ipynb")):
            if f"templates/{template.name}" in text:
                shutil.copyfile(template, folder / "templates" / template.name)
        (folder / "README.md").write_text(_README, encoding="utf-8")
        (folder / ".gitignore").write_text(_IGNORED, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder} can't be written: {error.strerror}.") from error


def _source() -> tuple[Path, Path]:
    """Return the pipeline and the folder of templates: those installed, or the checkout's."""
    starter = _PACKAGE / "starter"
    if starter.is_dir():
        return starter / "pipeline.toml", starter / "templates"
    return _CHECKOUT / "notebooks" / "digits" / "pipeline.toml", _CHECKOUT / "templates"


def _refuse_if_used(folder: Path) -> None:
    if folder.is_file():
        raise UsageError(f"{folder} is a file. Name a new or an empty folder.")
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if there:
        names = ", ".join(there[:5]) + (", …" if len(there) > 5 else "")
        raise UsageError(f"{folder} is not empty: it has {names}. Name a new or an empty folder.")
