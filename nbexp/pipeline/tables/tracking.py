"""``[tracking]``: where runs are tracked."""

from __future__ import annotations

from typing import Any

from nbexp.pipeline.spec import Tracking
from nbexp.pipeline.tables._base import Context, Key, Table
from nbexp.pipeline.tables._types import TEXT, read_table


def read_tracking(value: Any, where: str, context: Context) -> Tracking:
    """Return where runs are tracked."""
    return Tracking(**TRACKING.read(read_table(value, where, context), where, context))


TRACKING = Table(
    "[tracking]",
    (
        Key(
            "uri",
            TEXT,
            "MLflow tracking URI; relative paths, as in `sqlite:///own.db`, start from the folder "
            "of the file (of the variable: from the current folder). A password in it, as in "
            "`http://user:password@host`, is written nowhere else",
            default_text="`MLFLOW_TRACKING_URI`, else `mlflow.db` beside the file",
        ),
        Key("experiment", TEXT, "MLflow experiment", default_text="the pipeline's `name`"),
    ),
)
