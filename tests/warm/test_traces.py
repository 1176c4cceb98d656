"""What imports keep of a process is renewed in those that are forked from it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SOURCE = """
import atexit, logging, os, random, threading, time, warnings
import numpy
from os import getcwd
from pathlib import Path

PID = os.getpid()
FOLDER = getcwd()
BELOW = Path("data").absolute()
BEGAN = time.monotonic()
CHANCE, SEEDED = random.Random(), random.Random(1)
DRAWS, SEEDED_DRAWS = numpy.random.default_rng(), numpy.random.default_rng(1)
warnings.simplefilter("error", BytesWarning)
atexit.register(lambda: os.write(1, b"of the module\\n"))


class Owner:
    _pid = os.getpid()
"""
# Forks twice, as a parent does, and lets each child tell of itself.
FORK = """
import atexit, json, os, sys, tempfile, time, warnings
sys.path.insert(0, sys.argv[1])
from nbexp.warm.traces import Traces
traces = Traces(os.environ)
with traces.watched() as reason:
    import kept
assert not reason(), reason()
traces.find()
environments = [dict(os.environ), {**os.environ, "ASKED": "1"}]
for _ in range(2):
    if os.fork():
        os.wait()
        continue
    os.chdir("/usr")
    traces.renew()
    with traces.put_off():
        warnings.simplefilter("ignore", UserWarning)
        atexit.register(os.write, 1, b"of the kernel\\n")
    number = kept.PID == kept.Owner._pid == os.getpid()
    own = [number, kept.FOLDER, str(kept.BELOW), kept.getcwd is os.getcwd]
    shared = [kept.SEEDED.random(), kept.SEEDED_DRAWS.random()]
    chance = [kept.CHANCE.random(), kept.DRAWS.random(), kept.BEGAN]
    filters = [each[2].__name__ for each in warnings.filters]
    print(json.dumps([own, shared, chance, filters]), flush=True)
    break
"""


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """What two children of a process tell that has imported a module."""
    folder = tmp_path_factory.mktemp("traces")
    (folder / "kept.py").write_text(SOURCE)
    command = [sys.executable, "-c", FORK, str(folder)]
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    lines = ended.stdout.splitlines()
    told = [
        [*json.loads(line), lines[at + 1 : at + 3]]
        for at, line in enumerate(lines)
        if line.startswith("[")
    ]
    assert len(told) == 2
    return told


def test_number_and_folder_are_the_process_s_own(forked: list[list[Any]]) -> None:
    assert [own for own, *_ in forked] == [[True, "/usr", "/usr/data", True]] * 2


def test_generators_differ_unless_they_were_seeded(forked: list[list[Any]]) -> None:
    (_, shared, chance, *_), (_, other_shared, other_chance, *_) = forked
    assert shared == other_shared
    assert all(one != other for one, other in zip(chance, other_chance, strict=True))


def test_order_is_as_if_the_kernel_was_there_first(forked: list[list[Any]]) -> None:
    for *_, filters, ends in forked:
        assert filters.index("BytesWarning") < filters.index("UserWarning")
        assert ends == ["of the module", "of the kernel"]


@pytest.mark.parametrize(
    ("module", "file", "environment", "reason"),
    [
        ("json", "", {}, ""),
        ("json", "", {"ASKED": "1"}, "asks for ASKED"),
        ("matplotlib", "matplotlibrc", {}, "matplotlib reads"),
    ],
)
def test_kernel_for_which_imports_would_go_otherwise_is_refused(
    tmp_path: Path, module: str, file: str, environment: dict[str, str], reason: str
) -> None:
    __import__(module)
    from nbexp.warm.traces import Traces

    if file:
        (tmp_path / file).touch()
    traces = Traces({})
    with traces.watched():
        import os

        os.environ.get("ASKED")
        os.get_exec_path()  # asks for names in bytes as well
    found = traces.refusal(str(tmp_path), environment)
    assert reason in found
    assert bool(found) == bool(reason)
