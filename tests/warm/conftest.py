"""Kernels through jupyter_client, as any program starts them."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import AsyncKernelManager


class Started:
    """A kernel that has been started, and a client of it."""

    def __init__(self, manager: AsyncKernelManager) -> None:
        self.manager = manager
        self.client: Any = None

    @property
    def process(self) -> Any:
        return self.manager.provisioner.process

    async def run(self, code: str, says: str = "") -> str:
        """Run code, and answer when it asks; return what it printed, or its error."""
        printed: list[str] = []

        def take(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                printed.append(content["text"])
            elif message["msg_type"] == "error":
                printed.append(f"{content['ename']}: {content['evalue']}")
            elif "data" in content:
                printed.append(" ".join(sorted(content["data"])))

        await self.client.execute_interactive(
            code, timeout=60, output_hook=take, stdin_hook=lambda _: self.client.input(says)
        )
        return "".join(printed).strip()

    async def connect(self) -> None:
        self.client = self.manager.client()
        self.client.start_channels()
        await self.client.wait_for_ready(timeout=60)

    async def end(self) -> None:
        if self.client is not None:
            self.client.stop_channels()
        await self.manager.shutdown_kernel(now=True)


Use = Callable[[Started], Coroutine[Any, Any, None]]


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder of the parents' sockets, whose path is short enough for them."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        monkeypatch.setenv("XDG_RUNTIME_DIR", name)
        yield Path(name)


@pytest.fixture
def warm(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sockets: Path
) -> Iterator[Callable[..., None]]:
    """Give a function that starts kernels, one for each function that uses one, in turn."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("PYTEST_CURRENT_TEST", "MPLBACKEND"):
        monkeypatch.delenv(name, raising=False)

    def run(*uses: Use, imports: str = "", name: str = "nbexp-warm", **kwargs: Any) -> None:
        async def go() -> None:
            for use in uses:
                manager = AsyncKernelManager(kernel_name="python3")
                manager.kernel_spec.metadata["kernel_provisioner"] = {"provisioner_name": name}
                environment = kwargs.pop("environment", {})
                told = {"NBEXP_WARM_IMPORTS": imports, "NBEXP_WARM_LINGER": "0.5"}
                env = {**os.environ, **environment, **(told if name == "nbexp-warm" else {})}
                await manager.start_kernel(env=env, cwd=str(tmp_path), **kwargs)
                started = Started(manager)
                try:
                    await started.connect()
                    await use(started)
                finally:
                    await started.end()

        asyncio.run(go())

    return run
