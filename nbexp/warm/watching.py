"""Waits for the ends of kernels, by events where the system gives them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


async def in_thread(function: Callable[[], T]) -> T:
    """Return what a function gives, which is called in a thread of its own.

    Unlike `asyncio.to_thread`, this works in a process that was forked from one that had used the
    same loop (by multiprocessing, say): there the loop's threads are gone, and what wakes it is
    shared with the other process.
    """
    future: Future[T] = Future()
    told, tells = os.pipe()

    def call() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)
        with contextlib.suppress(BrokenPipeError):  # nobody waits any more
            os.write(tells, b"1")  # its end alone may go unseen: a forked process may have it too
        os.close(tells)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        await until_readable(told)
    finally:
        os.close(told)
    thread.join()  # it has nothing left to do
    return future.result()


async def until_readable(file: int) -> None:
    """Return once a file has something to read."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    copy = os.dup(file)  # a loop takes a file once only, and several may wait
    loop.add_reader(copy, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(copy)
        os.close(copy)


async def until_ended(provisioner: Any, poll_s: float) -> None:
    """Return once a kernel has ended, or something has changed.

    Args:
        provisioner: What started it, one of jupyter_client's.
        poll_s: Seconds until it is worth another look, where nothing tells of its end.
    """
    wait = getattr(provisioner.process, "until_ended", None)
    if wait is not None:
        await wait()
        return
    try:
        end = os.pidfd_open(provisioner.pid)
    except (AttributeError, OSError, TypeError):  # another system, or it runs elsewhere
        await asyncio.sleep(poll_s)
        return
    try:
        await until_readable(end)
    finally:
        os.close(end)
