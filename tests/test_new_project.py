"""The small project that `nbexp init` and other front-ends begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbexp.api import Pipeline
from nbexp.errors import UsageError
from nbexp.new_project import write_project


def test_new_project_has_the_templates_that_its_pipeline_names(tmp_path: Path):
    write_project(tmp_path / "digits")
    stages = Pipeline.from_toml(tmp_path / "digits" / "pipeline.toml").spec.stages.values()
    named = {template.path.name for stage in stages for template in stage.templates}
    assert named <= {path.name for path in (tmp_path / "digits" / "templates").iterdir()}


def test_folder_that_is_in_use_is_left_as_it_is(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(UsageError, match=r"is not empty: it has thesis\.tex"):
        write_project(tmp_path)
    with pytest.raises(UsageError, match="is a file"):
        write_project(tmp_path / "thesis.tex")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
