"""Starts ordinary and warm kernels, has each tell of itself, and compares what they tell."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager

_LOOK = Path(__file__).with_name("look.py")
_START_S = 120
_CELL_S = 300
_KERNELS = ("local-provisioner", "local-provisioner", "nbexp-warm", "nbexp-warm")
_COLD = 2  # of each sort
ABSENT = "(not there)"


@dataclass(frozen=True)
class Difference:
    """What warm kernels tell otherwise than ordinary ones.

    Attributes:
        part: The part of what kernels tell, as in `look.py`.
        name: What it is.
        ordinary: What ordinary kernels tell.
        warm: What warm ones do.
    """

    part: str
    name: str
    ordinary: Any
    warm: Any

    def __str__(self) -> str:
        ordinary, warm = (str(each)[:150] for each in (self.ordinary, self.warm))
        return f"{self.part}: {self.name}: {ordinary} -> {warm}"


def told(imports: Sequence[str], shows: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """Have two ordinary and two warm kernels import modules, and tell of themselves.

    Args:
        imports: The modules.
        shows: Objects to show, as code.
        folder: Where they run, and what they leave goes; short, since it has sockets.
    """
    return asyncio.run(_told(imports, shows, folder))


async def _told(imports: Sequence[str], shows: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    own = str(folder / "own.json")
    note = f"import json, pathlib, sys; text = json.dumps([*sys.modules]); path = {own!r}\n"
    note += "_ = pathlib.Path(path).exists() or pathlib.Path(path).write_text(text)"
    read = f"exec(pathlib.Path({str(_LOOK)!r}).read_text(), own := {{}})"
    cells = [note, *(f"import {name}" for name in imports), read]
    paths = [folder / f"told-{number}.json" for number in range(len(_KERNELS))]
    looks = [f"own['look']({list(shows)!r}, {own!r}, {str(path)!r})" for path in paths]
    kernels = [
        _tell(name, _environment(imports, folder, name), folder, [*cells, look])
        for name, look in zip(_KERNELS, looks, strict=True)
    ]
    await kernels[0]  # what it notes is the same for all
    await asyncio.gather(*kernels[1:])
    return [json.loads(path.read_text()) for path in paths]


async def _tell(name: str, environment: dict[str, str], folder: Path, cells: Sequence[str]) -> None:
    """Run cells in a kernel that some provisioner starts."""
    manager = AsyncKernelManager(kernel_name="python3")
    manager.kernel_spec.metadata["kernel_provisioner"] = {"provisioner_name": name}
    await manager.start_kernel(env=environment, cwd=str(folder))
    try:
        if name == "nbexp-warm" and type(manager.provisioner.process).__name__ != "WarmProcess":
            raise RuntimeError("the warm kernel was started the ordinary way")
        await _run(manager, cells)
    finally:
        await manager.shutdown_kernel(now=True)


def _environment(imports: Sequence[str], folder: Path, name: str) -> dict[str, str]:
    """Return a kernel's environment: hashes don't change, and nothing is the user's own."""
    own = ("PYTEST_", "MPL", "NBEXP_", "JPY_")
    common = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    common |= {"PYTHONHASHSEED": "0", "XDG_RUNTIME_DIR": str(folder)}
    common |= {"XDG_CACHE_HOME": str(folder / "cache"), "MLFLOW_DISABLE_TELEMETRY": "true"}
    warm = {"NBEXP_WARM_IMPORTS": ",".join(imports), "NBEXP_WARM_LINGER": "0.5"}
    return common | (warm if name == "nbexp-warm" else {})


async def _run(manager: AsyncKernelManager, cells: Sequence[str]) -> None:
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=_START_S)
        for cell in cells:
            reply = await client.execute_interactive(
                cell, timeout=_CELL_S, output_hook=lambda _: None, allow_stdin=False
            )
            if reply["content"]["status"] != "ok":
                raise RuntimeError("\n".join(reply["content"]["traceback"]))
    finally:
        client.stop_channels()


_DRAWN = "a number or a name drawn when it was imported, which kernels of a parent share"
# What is different by design, or without effect: part and name, and the reason.
EXCEPTIONS = {
    r"hooks: finalizers$": "finalizers of imported modules don't run at a kernel's end",
    r"values: torch\.cuda _queued_calls": "keeps the call stack of its import, for messages",
    r"values: sympy\.core\.symbol Dummy\._base_dummy_index": _DRAWN,
    r"values: .*(_KEY|SESSION_ID)$": _DRAWN,
    r"values: filelock\._api _INIT_PARAMETER_MODELS": "a dictionary's own bookkeeping",
    r"values: xarray\.backends\..*(LOCK|locks)": _DRAWN,
    r"values: .*\.__doc__$": "its documentation shows numbers drawn when it was imported",
    r"values: numpy\.f2py\.rules ": "keeps the time of its import, as text",
    r"values: joblib\._multiprocessing_helpers ": "a name that it tried out when it was imported",
    r"values: holoviews\.core\.util\.types _module_count": "a warm kernel has more modules",
    r"values: cryptography\..* __file__$": "it keeps what it has been asked for",
    r"values: jax\._src\..* (_?t|_typ\.__slots__)$": "the last one of a set of classes",
    r"values: scipy\.sparse\._data (name|npfunc)": "the last one of a set of functions",
}


def differences(found: Sequence[dict[str, Any]]) -> list[Difference]:
    """Compare what kernels told.

    What two ordinary kernels tell alike, each warm one has to tell as well. What two ordinary
    ones tell differently, a number drawn at random or a process's number, two warm ones have to
    tell differently, too: else they have it from their parent.
    """
    shared = set.intersection(*(set(each["modules"]) for each in found))
    flat = [dict(_flat(each, shared)) for each in found]
    cold, warm = flat[:_COLD], flat[_COLD:]
    return [
        Difference(*name.split("\0", 1), cold[0].get(name, ABSENT), _odd(cold, warm, name))
        for name in sorted({*cold[0], *warm[0]})
        if _is_odd([each.get(name, ABSENT) for each in cold], [e.get(name, ABSENT) for e in warm])
    ]


def exception(difference: Difference) -> str:
    """Return why a difference is one by design or without effect, or nothing if it isn't."""
    name = f"{difference.part}: {difference.name}"
    return next((why for what, why in EXCEPTIONS.items() if re.match(what, name)), "")


def _is_odd(cold: list[Any], warm: list[Any]) -> bool:
    if cold[0] == cold[1]:
        return not all(each == cold[0] or _is_same_set(each, cold[0]) for each in warm)
    return bool(warm[0] == warm[1]) and not _is_same_set(cold[0], warm[0])


def _is_same_set(one: Any, other: Any) -> bool:
    """Whether two lists differ in order alone, as those do that are made of sets of classes."""
    if not isinstance(one, list) or not isinstance(other, list):
        return False
    return sorted(map(str, one)) == sorted(map(str, other))


def _odd(cold: list[dict[str, Any]], warm: list[dict[str, Any]], name: str) -> Any:
    values = [each.get(name, ABSENT) for each in warm]
    return next((each for each in values if each != cold[0].get(name, ABSENT)), values[0])


def _flat(told: dict[str, Any], modules: set[str]) -> Iterator[tuple[str, Any]]:
    """Return single values by their names; those of modules that all kernels have."""
    values = {
        f"{module} {name}": value
        for module, content in told["values"].items()
        if module in modules
        for name, value in content.items()
    }
    for part, content in (told | {"values": values}).items():
        if part != "modules":  # a warm kernel has more
            yield from ((f"{part}\0{name}", value) for name, value in _deeper("", content))


def _deeper(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield name, value
        return
    for key, each in value.items():
        yield from _deeper(f"{name} / {key}" if name else str(key), each)


def left_out(folder: Path) -> dict[str, str]:
    """Return the modules that a parent has left out of what it imports, and why."""
    notes = folder / "cache" / "nbexp" / "unfit.json"
    known = json.loads(notes.read_text()) if notes.exists() else {}
    return {name: each["why"] for names in known.values() for name, each in names.items()}
