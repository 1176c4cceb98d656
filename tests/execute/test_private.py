from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from notebook_files import is_gone

from nbexp.execute.guard import OWNER, Guard
from nbexp.execute.private import PrivateFolder, sweep

# It makes a folder and loses its guard; what it started lives on, with a file open there.
OWNING = """
import os, signal, subprocess, sys
from nbexp.execute.guard import Guard
from nbexp.execute.private import PrivateFolder
guard = Guard()
private = PrivateFolder(guard, longest=1000)
os.kill(guard._process.pid, signal.SIGKILL)
with (private.path / "output").open("wb") as output:
    left = subprocess.Popen(["sleep", "300"], stdout=output, start_new_session=True)
print(private.path, left.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder for temporary files."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@pytest.fixture
def owner(folder: Path) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", OWNING]
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    with process:
        yield process
        process.kill()


def told(owner: subprocess.Popen[str]) -> tuple[Path, int]:
    assert owner.stdout is not None
    path, pid = owner.stdout.readline().split()
    made_long_ago(Path(path))
    return Path(path), int(pid)


def made_long_ago(path: Path) -> None:
    os.utime(path / OWNER, (0, 0))


def test_folder_is_its_users_alone_and_goes_when_closed(folder: Path) -> None:
    guard = Guard()
    before = os.umask(0)
    try:
        private = PrivateFolder(guard, prefix="x-", longest=1000)
    finally:
        os.umask(before)
    assert private.path.parent == folder
    assert private.path.name.startswith("nbexp-x-")
    assert stat.S_IMODE(private.path.stat().st_mode) == 0o700
    private.close()
    assert not private.path.exists()
    guard.close()


def test_what_a_dead_owner_left_is_swept_with_those_who_use_it(
    owner: subprocess.Popen[str],
) -> None:
    path, left = told(owner)
    sweep()
    assert path.is_dir()  # its owner is alive
    owner.kill()
    owner.wait()
    sweep()
    assert not path.exists()
    assert is_gone(left)


def test_what_is_not_ours_is_left_alone(folder: Path) -> None:
    outside = folder / "outside"
    for name in ("nbexp-unlocked", "nbexp-open", "outside", "other-locked"):
        (folder / name).mkdir(mode=0o700)
        if name != "nbexp-unlocked":
            (folder / name / OWNER).touch()
            made_long_ago(folder / name)
    (folder / "nbexp-open").chmod(0o770)
    (folder / "nbexp-link").symlink_to(outside)
    (folder / "nbexp-young").mkdir(mode=0o700)
    (folder / "nbexp-young" / OWNER).touch()
    kept = sorted(folder.iterdir())
    sweep()
    assert sorted(folder.iterdir()) == kept
    assert (outside / OWNER).exists()
