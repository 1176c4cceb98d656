"""Damaged artifacts: the value that was saved, or an error."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random
from typing import Any

from fuzz._base import Case, Kind, expect
from fuzz.mutations import odd_value
from fuzz.physical import damage_files
from nbexp import artifacts
from nbexp.errors import ArtifactError
from nbexp.runs import manifest


class Artifacts(Kind):
    """An artifact of any format that was damaged, in a variant's folder or anywhere."""

    suite_cases = 40

    def __init__(self, material: Path) -> None:
        super().__init__(material)
        for name, value in _values(material).items():
            artifacts.save(material / "artifacts", name, value)
        self._names = [each.name for each in sorted((material / "artifacts").iterdir())]
        self._known = {name: _loaded(material / "artifacts" / name) for name in self._names}

    def make(self, rng: Random, folder: Path) -> Case:
        name = rng.choice(self._names)
        target = folder / "artifacts" / name
        shutil.copytree(self.material / "artifacts" / name, target)
        is_sealed = rng.random() < 0.5
        if is_sealed:
            manifest.write(folder, [f"artifacts/{name}"])
        told = damage_files(folder if rng.random() < 0.2 else target, rng)

        def check() -> None:
            try:
                found = _loaded(target)
            except ArtifactError:
                return
            expect(found == self._known[name], f"it loads {found!r:.2000}")

        return Case(f"the artifact {name} ({is_sealed=}): {told}", check)


def _values(folder: Path) -> dict[str, Any]:
    import numpy as np
    import pandas as pd
    import torch

    (folder / "some").mkdir()
    (folder / "some" / "a.txt").write_text("text\n" * 20)
    (folder / "some" / "b.bin").write_bytes(bytes(range(256)))
    numbers = [0.5, float("nan"), 3, [1, 2.5], {"x": "text", "y": None}]
    return {
        "data": numbers,
        "odd": [odd_value(Random(n), 0) for n in range(5)],
        "tree": {"w": torch.arange(6.0), "a": np.arange(4), "t": (1, "b"), 3: b"bytes"},
        "array": np.linspace(0, 1, 50),
        "frame": pd.DataFrame({"n": range(30), "text": list("abc" * 10)}),
        "tensor": torch.arange(12.0).reshape(3, 4),
        "text": "some text\n" * 10,
        "bytes": b"\0\1\2" * 30,
        "file": folder / "some" / "a.txt",
        "folder": folder / "some",
    }


def _loaded(ref: Path) -> Any:
    """Return what an artifact holds, in a form that can be compared."""
    return _plain(artifacts.load(ref))


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        files = [value] if value.is_file() else sorted(value.rglob("*"))
        return [(path.name, path.read_bytes()) for path in files if path.is_file()]
    if hasattr(value, "to_dict"):
        return repr(value.to_dict())
    if hasattr(value, "tolist"):
        return repr((str(value.dtype), value.tolist()))
    if isinstance(value, dict):
        return [(repr(key), _plain(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(_plain, value)]
    return repr(value)
