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
    guard.watch(sleeper, folder)
    guard.close()
    assert is_gone(sleeper)
    assert not folder.exists()


def test_forgotten_group_is_left_alone(sleeper: int, tmp_path: Path) -> None:
    guard = Guard()
    guard.watch(sleeper, tmp_path)
    guard.forget(sleeper)
    guard.close()
    assert not is_gone(sleeper, 0.1)
    assert tmp_path.exists()


def test_guard_survives_ctrl_c(sleeper: int, tmp_path: Path) -> None:
    guard = Guard()
    guard.watch(sleeper, tmp_path)
    assert os.getsid(guard_pid(guard)) != os.getsid(0)
    guard.close()


def test_lost_guard_is_replaced_and_told_again(sleeper: int, tmp_path: Path) -> None:
    second = subprocess.Popen(["sleep", "300"], start_new_session=True)
    guard = Guard()
    guard.watch(sleeper, tmp_path / "none")
    os.kill(guard_pid(guard), signal.SIGKILL)
    assert is_gone(guard_pid(guard))
    guard.watch(second.pid, tmp_path / "none")
    guard.close()
    assert is_gone(sleeper)
    assert second.wait() == -signal.SIGKILL
