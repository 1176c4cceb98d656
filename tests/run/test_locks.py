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
