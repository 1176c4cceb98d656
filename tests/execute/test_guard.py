from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from notebook_files import is_gone

from nbexp.execute.guard import Guard


@pytest.fixture
def sleeper() -> Iterator[int]:
    process = subprocess.Popen(["sleep", "300"], start_new_session=True)
    yield process.pid
    process.kill()
    process.wait()


def guard_pid(guard: Guard) -> int:
    assert guard._process is not None
    return guard._process.pid


def test_closed_guard_kills_groups_and_removes_folders(sleeper: int, tmp_path: Path) -> None:
    folder = tmp_path / "with a space"
    folder.mkdir()
    guard = Guard()
    guard.watch(folder, sleeper)
    guard.close()
    assert is_gone(sleeper)
    assert not folder.exists()


def test_forgotten_group_is_left_alone(sleeper: int, tmp_path: Path) -> None:
    guard = Guard()
    guard.watch(tmp_path, sleeper)
    guard.forget(tmp_path)
    guard.close()
    assert not is_gone(sleeper, 0.1)
    assert tmp_path.exists()


def test_guard_survives_ctrl_c(sleeper: int, tmp_path: Path) -> None:
    guard = Guard()
    guard.watch(tmp_path, sleeper)
    assert os.getsid(guard_pid(guard)) != os.getsid(0)
    guard.close()


def test_lost_guard_is_replaced_and_told_again(sleeper: int, tmp_path: Path) -> None:
    second = subprocess.Popen(["sleep", "300"], start_new_session=True)
    guard = Guard()
    guard.watch(tmp_path / "one", sleeper)
    os.kill(guard_pid(guard), signal.SIGKILL)
    assert is_gone(guard_pid(guard))
    guard.watch(tmp_path / "two", second.pid)
    guard.close()
    assert is_gone(sleeper)
    assert second.wait() == -signal.SIGKILL


def test_processes_with_a_file_open_in_the_folder_are_killed_too(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["sleep", "300"], stdout=log, start_new_session=True)
    guard = Guard()
    guard.watch(folder)
    guard.close()
    assert process.wait() == -signal.SIGKILL
    assert not folder.exists()
