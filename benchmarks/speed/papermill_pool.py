"""Papermill's Python API from a pool of processes: it is imported once, not once a notebook.

Usage: python papermill_pool.py NOTEBOOK FOLDER COUNT PROCESSES
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import papermill


def execute(notebook: str, folder: str, n: int) -> None:
    """Execute the notebook once."""
    papermill.execute_notebook(notebook, f"{folder}/{n}.ipynb", {"n": n}, progress_bar=False)


if __name__ == "__main__":
    _, notebook, folder, count, processes = sys.argv
    with ProcessPoolExecutor(int(processes)) as pool:
        list(pool.map(partial(execute, notebook, folder), range(int(count))))
