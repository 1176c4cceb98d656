"""Locks on identities between the drivers of one folder."""

import subprocess
import sys

from nbexp.run.locks import KeyLocks

KEY, OTHER = "1" * 64, "f" * 64
PROGRAM = """
import sys
from pathlib import Path
from nbexp.run.locks import KeyLocks
locks = KeyLocks(Path(sys.argv[1]))
print(*(locks.acquire(key) for key in sys.argv[2:]))
"""


def acquired_elsewhere(folder, *keys: str) -> str:
    command = [sys.executable, "-c", PROGRAM, str(folder), *keys]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_key_is_locked_for_this_driver_and_others_until_it_is_freed(tmp_path):
    locks = KeyLocks(tmp_path)
    assert locks.acquire(KEY)
    assert not locks.acquire(KEY)
    assert acquired_elsewhere(tmp_path, KEY, OTHER) == "False True"
    locks.release(KEY)
    locks.release(KEY)
    assert acquired_elsewhere(tmp_path, KEY) == "True"
    locks.close()


def test_end_of_a_driver_frees_its_keys(tmp_path):
    assert acquired_elsewhere(tmp_path, KEY) == "True"
    locks = KeyLocks(tmp_path)
    assert locks.acquire(KEY)
    locks.close()
    assert acquired_elsewhere(tmp_path, KEY) == "True"


def may_have_ended(folder, key: str = KEY, *, acquired: str = "") -> bool:
    locks = KeyLocks(folder)
    if acquired:
        locks.acquire(acquired)
        locks.release(acquired)
    is_so = locks.may_have_ended(key)
    locks.close()
    return is_so


def test_key_may_have_ended_that_was_held_before_by_this_driver(tmp_path):
    assert not may_have_ended(tmp_path)
    assert may_have_ended(tmp_path, KEY, acquired=KEY)
    assert not may_have_ended(tmp_path, KEY, acquired=OTHER)


def test_any_key_may_have_ended_once_there_was_another_driver(tmp_path):
    locks = KeyLocks(tmp_path)
    acquired_elsewhere(tmp_path)
    assert locks.may_have_ended(KEY)
    locks.close()


def test_any_key_may_have_ended_where_another_driver_was_there_first(tmp_path):
    command = [sys.executable, "-c", f"{PROGRAM}\nprint('up', flush=True); input()", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        while it.stdout.readline() != "up\n":
            pass
        assert may_have_ended(tmp_path)
        it.communicate("\n")
    assert not may_have_ended(tmp_path)
