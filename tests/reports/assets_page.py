"""A page of a stage as the scripts of a report find it: data of variants that nothing trained."""

from __future__ import annotations

import html
import math
import random
import shutil
from pathlib import Path
from typing import Any

import nbexp.reports
from nbexp.reports.pages import CHART_SCRIPTS, POLICY, script_json

ASSETS = Path(nbexp.reports.__file__).parent / "assets"
SECTIONS = {
    "table": "Variants",
    "parallel": "Parallel coordinates",
    "scatter": "Parameter against metric",
    "importance": "Importance of parameters",
    "curves": "Curves",
    "matrices": "Confusion matrices",
}
_COLUMNS = (  # key, role, kind, whether it varies, whether it is shown
    ("variant", "fact", "text", True, True),
    ("state", "fact", "state", True, True),
    ("val_accuracy", "fact", "number", True, True),
    ("hidden", "param", "number", True, True),
    ("lr", "param", "number", True, True),
    ("optimizer", "param", "text", True, True),
    ("epochs", "param", "number", False, True),
    ("data", "param", "text", False, False),
    ("prepare", "lineage", "text", False, False),
    ("train_loss", "scrap", "number", True, True),
    ("note", "scrap", "text", True, False),
    ("took", "fact", "duration", True, True),
    ("started", "fact", "time", True, False),
)


def stage_data(count: int = 12, *, wide: bool = False) -> dict[str, Any]:
    """Return the data of a stage with pruned and failed variants; `wide` gives 20 columns."""
    chance = random.Random(7)
    made = [_Variant(number, chance) for number in range(count)]
    extra = [f"extra_{number}" for number in range(20 - len(_COLUMNS))] if wide else []
    columns = [
        {"key": key, "title": key, "role": role, "kind": kind, "varies": varies, "shown": shown}
        for key, role, kind, varies, shown in (
            *_COLUMNS,
            *((name, "scrap", "number", True, True) for name in extra),
        )
    ]
    return {
        "stage": "train",
        "metric": "val_accuracy",
        "mode": "max",
        "columns": columns,
        "rows": [[*each.row(), *(chance.random() for _ in extra)] for each in made],
        "links": [f"../variants/{each.name}.html" for each in made],
        "labels": [each.label for each in made],
        "kept": [number == 2 for number in range(count)],
        "curves": {
            "train_loss": [each.curve(lambda value: 2.3 * (1.02 - value)) for each in made],
            "val_accuracy": [each.curve(lambda value: value) for each in made],
        },
        "pruned": [each.state == "pruned" for each in made],
        "importance": [
            {"param": "lr", "value": 0.71, "error": 0.06},
            {"param": "hidden", "value": 0.24, "error": 0.05},
            {"param": "optimizer", "value": 0.05, "error": 0.02},
        ],
        "importance_note": "From 11 variants, by a random forest (R² 0.81).",
        "matrices": [_matrix(row, chance) for row, each in enumerate(made[:3]) if each.metric],
    }


class _Variant:
    def __init__(self, number: int, chance: random.Random) -> None:
        self.name = f"train-{chance.getrandbits(32):08x}"
        self.hidden = (16, 64, 256)[number % 3]
        self.lr = float(f"{10 ** chance.uniform(-4, -1):.4g}")
        self.optimizer = ("adam", "sgd")[number // 3 % 2]
        self.label = f"hidden={self.hidden} lr={self.lr} optimizer={self.optimizer}"
        self.state = {4: "failed", 6: "pruned", 7: "pruned", 9: "cached"}.get(
            number % 12, "finished"
        )
        distance = abs(math.log10(self.lr) + 2.2)
        self.limit = 0.99 - 0.12 * distance**2 - 3 / (self.hidden + 20)
        self.speed = 0.08 + self.lr * 4
        self.noise = [chance.gauss(0, 0.008) for _ in range(30)]
        self.steps = {"failed": 0, "pruned": 4 + number % 7}.get(self.state, 30)
        self.seconds = chance.uniform(1.5, 90)

    @property
    def values(self) -> list[float]:
        return [
            0.1 + (self.limit - 0.1) * (1 - math.exp(-self.speed * (step + 1))) + self.noise[step]
            for step in range(self.steps)
        ]

    @property
    def metric(self) -> float | None:
        return self.values[-1] if self.steps else None

    def curve(self, change: Any) -> list[list[float]] | None:
        if not self.steps:
            return None
        return [list(range(self.steps)), [change(value) for value in self.values]]

    def row(self) -> list[Any]:
        loss: Any = "nan" if self.optimizer == "sgd" and self.lr > 0.02 else None
        if loss is None and self.metric is not None:
            loss = 2.3 * (1.02 - self.metric)
        return [
            self.name, self.state, self.metric, self.hidden, self.lr, self.optimizer, 30,
            "prepare-8e0ce11a/data", "prepare-8e0ce11a", loss, f"note {self.hidden}, <b>bold</b>",
            self.seconds, 1_795_249_410.5 + self.seconds,
        ]  # fmt: skip


def _matrix(row: int, chance: random.Random) -> dict[str, Any]:
    labels = ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]
    counts = [
        [chance.randint(60, 90) if at == down else max(0, chance.randint(-6, 8)) for at in range(6)]
        for down in range(6)
    ]
    return {"row": row, "name": "confusion", "labels": labels, "counts": counts}


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>train</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="../assets/report.css">
<link rel="stylesheet" href="../assets/parts.css">
<script src="../assets/report.js"></script></head><body>
<a class="skip-link" href="#main">To the content</a>
<header class="page-header"><nav class="page-nav" aria-label="Pages">
<a href="../index.html">Overview</a><a href="prepare.html">prepare</a>
<a href="train.html" aria-current="page">train</a><a href="../compare.html">Compare</a></nav>
<button type="button" data-action="theme">Theme: auto</button></header>
<main id="main"><p class="crumbs muted"><a href="../index.html">digits-20261121-082330</a></p>
<h1>train <span class="badge" data-state="finished">finished</span></h1>
<dl class="facts"><div><dt>variants</dt><dd>12 variants: 8 finished, 1 cached</dd></div>
<div><dt>metric</dt><dd>val_accuracy (larger is better)</dd></div>
<div><dt>took</dt><dd>18.4 s</dd></div></dl>
{extra}{sections}</main>
<footer class="page-footer muted">digits-20261121-082330 · written by nbexp</footer>
<script type="application/json" id="stage-data">{data}</script>
{scripts}</body></html>"""


def write_page(folder: Path, data: dict[str, Any], *, extra: str = "") -> Path:
    """Write the page with its assets, and return it."""
    shutil.copytree(ASSETS, folder / "assets", dirs_exist_ok=True)
    sections = "".join(
        f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{title}</h2>'
        "</section>"
        for name, title in SECTIONS.items()
    )
    scripts = "".join(
        f'<script src="../assets/{name}"></script>' for name in (*CHART_SCRIPTS, "stage.js")
    )
    page = folder / "stages" / "train.html"
    page.parent.mkdir(exist_ok=True)
    page.write_text(
        _PAGE.format(
            policy=html.escape(POLICY),
            extra=extra,
            sections=sections,
            data=script_json(data),
            scripts=scripts,
        )
    )
    return page


def frame(script: str, *, kind: str = "nb-frame") -> str:
    """Return a sandboxed frame that runs a script."""
    document = f"<!doctype html><html><body><script>{script}</script></body></html>"
    return (
        f'<iframe class="{kind}" sandbox="allow-scripts" title="Output" style="height: 160px" '
        f'srcdoc="{html.escape(document)}"></iframe>'
    )
