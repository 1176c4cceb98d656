"""Waiting without holding up the loop."""

from __future__ import annotations

import asyncio
import threading

import psutil
import pytest

from nbexp.warm.watching import in_thread


def test_in_thread_gives_what_the_function_gives() -> None:
    assert asyncio.run(in_thread(threading.get_ident)) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_thread(lambda: 1 // 0))


def test_in_thread_leaves_nothing_open_when_nobody_waits_any_more() -> None:
    may_go_on = threading.Event()

    async def cancel() -> None:
        waiting = asyncio.create_task(in_thread(may_go_on.wait))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    before, threads = psutil.Process().num_fds(), set(threading.enumerate())
    asyncio.run(cancel())
    may_go_on.set()
    for thread in set(threading.enumerate()) - threads:
        thread.join()
    assert psutil.Process().num_fds() == before
